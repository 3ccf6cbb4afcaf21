"""Several projects side by side: their verdicts on one screen, and metrics for Prometheus."""
