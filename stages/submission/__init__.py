"""The files that XTREME's evaluator reads."""
