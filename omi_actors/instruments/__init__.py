"""Instruments: the metrics of the program and its logging pipeline. No decisions.

metrics: all metrics by name. actor_metrics: the metrics of actors, counted by the kit's hooks. readings: sums and
quantiles of the metrics. counts: what pages count, out of the readings. latencies: exact quantiles of recent times.
minutes: the figures of each minute. spells: since when a failure has been coming. units: figures as text. logs: content
and form of log lines. log_file: the log file. requests: the latest requests with their stages, errors in groups.
webhooks: the latest webhooks. traces: requests for an OpenTelemetry collector.
"""
