"""The pieces of the report: figures, the claims table and the page."""
