"""Distances between languages and what is measured on the study's own data."""
