"""The command `fleet`, which reports on several projects at once: their verdicts, and metrics for Prometheus."""
