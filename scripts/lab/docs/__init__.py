"""Makers of those parts of docs/ that are made from the code: delivery_table."""
