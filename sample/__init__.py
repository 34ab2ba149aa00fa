"""The sample data: sentences composed from phrase tables, for tests and a first run."""
