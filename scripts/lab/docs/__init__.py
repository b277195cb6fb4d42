"""Makers of pages in docs/ from the program itself, so that these are never out of date.

metrics_page: docs/metrics.md. delivery_table: the table of deliveries in docs/architecture.md.
"""
