"""What is fixed before any result."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Settings:
    """The primary contrast, the size of the resampling, and the distance that slopes are on."""

    primary: dict[str, object]
    permutations: int = 9999
    bootstrap: int = 2000
    seed: int = 1
    distance: str = ""
