"""Distances from English, computed from lang2vec's feature vectors.

The wheel of lang2vec cannot compute distances and needs pkg_resources at import, so its data
files are located without importing it and read as they are (URIEL; Littell et al. 2017,
lang2vec 1.1.2).
"""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import numpy.typing as npt

from stages.errors import UserError

Array = npt.NDArray[np.float64]

PREFIXES = {
    "syntactic": ("S_",),
    "phonological": ("P_",),
    "inventory": ("INV_",),
    "featural": ("S_", "P_", "INV_"),
}
# A language needs a quarter of a kind's features observed, in common with English, or its value
# would be mostly the imputation's: Malay's syntax (12%) and Kazakh's phonology (7%) are empty.
MINIMUM_COVERAGE = 0.25


def data_folder() -> Path:
    """Return the folder of lang2vec's feature files; UserError where it is not installed."""
    spec = importlib.util.find_spec("lang2vec")
    if spec is None or not spec.submodule_search_locations:
        raise UserError("lang2vec is not installed: run `make` once, or pip install lang2vec.")
    return Path(next(iter(spec.submodule_search_locations))) / "data"


def angular(u: Array, v: Array) -> float:
    """Return 2/pi * arccos(cosine) of two vectors: 0 for one direction, 1 for a right angle."""
    norms = float(np.linalg.norm(u) * np.linalg.norm(v))
    if norms == 0:
        return 1.0
    return float(2 / np.pi * np.arccos(np.clip(u @ v / norms, -1.0, 1.0)))


class Vectors:
    """lang2vec's matrices, read once: features (observed and kNN-completed), families, places."""

    def __init__(self, folder: Path | None = None) -> None:
        folder = folder or data_folder()
        observed = np.load(folder / "features.npz")
        completed = np.load(folder / "feature_predictions.npz")
        families = np.load(folder / "family_features.npz")
        places = np.load(folder / "geocoord_features.npz")
        self.features = [str(name) for name in observed["feats"]]
        # The sources of a feature disagree at times: any positive source counts (URIEL's union).
        self.observed = rows_by_language(observed["langs"], observed["data"].max(axis=2))
        self.completed = rows_by_language(completed["langs"], completed["data"][:, :, 0])
        self.nodes = [str(name).removeprefix("F_") for name in families["feats"]]
        self.families = rows_by_language(families["langs"], families["data"][:, :, 0])
        self.places = rows_by_language(places["langs"], places["data"][:, :, 0])
        self.points = unit_vectors([str(name) for name in places["feats"]])

    def indices(self, kind: str) -> list[int]:
        """Return the columns of one kind of feature."""
        return [i for i, name in enumerate(self.features) if name.startswith(PREFIXES[kind])]

    def shared(self, a: str, b: str, kind: str) -> list[int]:
        """Return the columns of `kind` that are observed, not imputed, in both languages."""
        return [i for i in self.indices(kind) if min(self.observed[a][i], self.observed[b][i]) > -1]

    def coverage(self, a: str, b: str, kind: str) -> float:
        """Return the share of a kind's features that is observed in both languages."""
        return len(self.shared(a, b, kind)) / len(self.indices(kind))

    def knn_angular(self, a: str, b: str, kind: str) -> float:
        """Return the angular distance of the kNN-completed vectors; NaN below the coverage gate."""
        if self.coverage(a, b, kind) < MINIMUM_COVERAGE:
            return float("nan")
        columns = self.indices(kind)
        return angular(self.completed[a][columns], self.completed[b][columns])

    def observed_angular(self, a: str, b: str, kind: str) -> float:
        """Return the angular distance over features observed in both; NaN below the gate."""
        if self.coverage(a, b, kind) < MINIMUM_COVERAGE:
            return float("nan")
        columns = self.shared(a, b, kind)
        return angular(self.observed[a][columns], self.observed[b][columns])

    def family_angular(self, a: str, b: str) -> float:
        """Return the angular distance of family memberships: 1 where no node is shared."""
        return angular(self.families[a], self.families[b])

    def classification(self, language: str) -> str:
        """Return a language's path in the tree, widest node first, as "A > B > C"."""
        sizes = np.sum(list(self.families.values()), axis=0)
        held = np.flatnonzero(self.families[language] > 0)
        return " > ".join(self.nodes[i] for i in sorted(held, key=lambda i: (-sizes[i], i)))

    def place_angular(self, a: str, b: str) -> float:
        """Return the angular distance of the vectors of distances to 299 points on the globe."""
        return angular(self.places[a], self.places[b])

    def great_circle(self, a: str, b: str) -> float:
        """Return the great-circle distance as a share of half the circumference (20,015 km)."""
        cosine = float(np.clip(self.place(a) @ self.place(b), -1.0, 1.0))
        return float(np.arccos(cosine) / np.pi)

    def place(self, language: str) -> Array:
        """Return the unit vector of a language's place, by trilateration from the 299 points."""
        solved = np.linalg.lstsq(self.points, np.cos(np.pi * self.places[language]), rcond=None)[0]
        return np.asarray(solved / np.linalg.norm(solved), dtype=float)

    def distances(self, language: str, reference: str = "eng") -> dict[str, float]:
        """Return every distance and coverage of one language from the reference (codes of URIEL).

        Raises UserError for a code that lang2vec does not know.
        """
        for code in (language, reference):
            if code not in self.completed:
                raise UserError(f"lang2vec has no language '{code}': use its ISO 639-3 code.")
        row: dict[str, float] = {}
        for kind in PREFIXES:
            row[f"distance_{kind}_knn_angular"] = self.knn_angular(language, reference, kind)
            row[f"distance_{kind}_observed_angular"] = self.observed_angular(
                language, reference, kind
            )
            row[f"coverage_{kind}"] = self.coverage(language, reference, kind)
        row["distance_genetic_family_angular"] = self.family_angular(language, reference)
        row["coverage_genetic"] = 1.0
        row["distance_geographic_place_angular"] = self.place_angular(language, reference)
        row["distance_geographic_great_circle"] = self.great_circle(language, reference)
        row["coverage_geographic"] = 1.0
        return row


def rows_by_language(
    codes: npt.NDArray[np.str_], data: npt.NDArray[np.float32]
) -> dict[str, Array]:
    return {str(code): row for code, row in zip(codes, data.astype(float), strict=True)}


def unit_vectors(names: list[str]) -> Array:
    """Return the unit vector of each point named GC_<latitude>_<longitude>, degrees."""
    degrees = np.array([[float(part) for part in name.split("_")[1:]] for name in names])
    latitude, longitude = np.radians(degrees).T
    return np.stack(
        [
            np.cos(latitude) * np.cos(longitude),
            np.cos(latitude) * np.sin(longitude),
            np.sin(latitude),
        ],
        axis=1,
    )
