"""Outbound HTTP. Foreign errors are translated here, once."""
