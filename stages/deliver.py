"""Deliver: .state/mlflow/  ->  the MLflow store: what could not be sent when it was logged

Run  python -m stages.deliver
"""

from __future__ import annotations

import argparse

from stages import tracking
from stages.errors import run


def main() -> None:
    """Send what waits; a store that does not answer is an error, and everything goes on waiting."""
    argparse.ArgumentParser(description=__doc__.splitlines()[0]).parse_args()
    print(tracking.deliver() or "nothing waits")


if __name__ == "__main__":
    run(main)
