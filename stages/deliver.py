"""Deliver: .state/mlflow/, scores.csv, dvc.lock  ->  the MLflow store

In   what runs logged while the store did not answer; the scores and the distances, for gains in
     the cells' runs and a run a language; the models that dvc.lock pins.
Out  runs, metrics and registered versions: once each, however often it is called.
Run  python -m stages.deliver
"""

from __future__ import annotations

import argparse

from stages import params, tracking
from stages.errors import run


def main() -> None:
    """Send what waits; a store that does not answer is an error, and everything goes on waiting."""
    argparse.ArgumentParser(description=__doc__.splitlines()[0]).parse_args()
    said = tracking.finish(params.read()["study"])
    print("\n".join(said) or "nothing waits")


if __name__ == "__main__":
    run(main)
