"""The guards: what must hold for data before anything learns from it, as Great Expectations suites.

A guard module (`structure`, `parallel`, ...) names its rules and turns one file into checks; it
knows neither Great Expectations nor severities. `judge` runs checks, `page` shows what came out.
"""
