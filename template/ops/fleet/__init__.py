"""Several projects at once: their verdicts on one screen, and metrics for Prometheus."""
