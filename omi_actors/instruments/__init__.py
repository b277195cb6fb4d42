"""Every Prometheus metric and the logging pipeline."""
