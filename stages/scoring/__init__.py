"""Metrics, one a file, named as in the field."""
