"""Time mining against a faiss flat index with the same margin, on one core.

    OMP_NUM_THREADS=1 python -m benchmarks.mining --sentences 1000 20000 --dimensions 1024

Embeddings are random: a shared part and noise on either side, so that pairs exist. faiss is
compared only where it is installed (`pip install faiss-cpu`, in an environment of its own: the
project does not need it). Prints seconds of CPU, the ratio, and the pairs that differ. With
--memory it mines once more and prints the peak of what numpy allocated, inputs not counted.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from stages.scoring.mining import Neighbours, Pairs, match, mine, unit

Floats = NDArray[np.float32]
Miner = Callable[[Floats, Floats], Pairs]


def embeddings(folder: Path, sentences: int, dimensions: int) -> tuple[Floats, Floats]:
    """Return two sides as memory maps, so that inputs do not count as memory of the search."""
    rng = np.random.default_rng(0)
    source, target = (
        np.lib.format.open_memmap(
            folder / f"{name}.npy", "w+", np.dtype(np.float32), (sentences, dimensions)
        )
        for name in ("source", "target")
    )
    for start in range(0, sentences, 10_000):
        rows = slice(start, min(start + 10_000, sentences))
        shape = source[rows].shape
        shared = rng.standard_normal(shape, np.float32)
        source[rows] = shared + 0.8 * rng.standard_normal(shape, np.float32)
        target[rows] = shared + 0.8 * rng.standard_normal(shape, np.float32)
    return source, target


def faiss_mine(source: Floats, target: Floats, k: int = 4) -> Pairs:
    """The same margin over the neighbours of a flat index, one search a direction."""
    import faiss

    faiss.omp_set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))
    x, y = unit(source), unit(target)
    found = []
    for query, pool in ((x, y), (y, x)):
        index = faiss.IndexFlatIP(pool.shape[1])
        index.add(pool)
        found.append(Neighbours(*index.search(query, k)))
    return match(*found)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sentences", type=int, nargs="+", default=[1_000, 20_000])
    parser.add_argument("--english", type=int, help="sentences of the other side, if fewer")
    parser.add_argument("--dimensions", type=int, default=1024)
    parser.add_argument("--no-faiss", action="store_true")
    parser.add_argument("--memory", action="store_true")
    arguments = parser.parse_args()
    for sentences in arguments.sentences:
        with tempfile.TemporaryDirectory() as folder:
            source, target = embeddings(Path(folder), sentences, arguments.dimensions)
            target = target[: arguments.english]
            size = f"{sentences:,} x {len(target):,}, {arguments.dimensions} dimensions"
            pairs, seconds = timed(mine, source, target)
            print(f"{size}: ours {seconds:.2f} s, {len(pairs.margins):,} pairs", flush=True)
            if not arguments.no_faiss:
                theirs, their_seconds = timed(faiss_mine, source, target)
                print(
                    f"{size}: faiss {their_seconds:.2f} s, {their_seconds / seconds:.1f} times "
                    f"ours; {difference(pairs, theirs)} pairs differ",
                    flush=True,
                )
            if arguments.memory:
                tracemalloc.start()
                mine(source, target)
                peak = tracemalloc.get_traced_memory()[1] / 2**20
                tracemalloc.stop()
                print(f"{size}: peak {peak:.0f} MiB beside the inputs", flush=True)


def timed(method: Miner, source: Floats, target: Floats) -> tuple[Pairs, float]:
    """The pairs, and the seconds of CPU that they took."""
    clock = time.process_time()
    pairs = method(source, target)
    return pairs, time.process_time() - clock


def difference(ours: Pairs, theirs: Pairs) -> int:
    """How many pairs only one of the two has."""
    mined, expected = (
        set(zip(pairs.source.tolist(), pairs.target.tolist(), strict=True))
        for pairs in (ours, theirs)
    )
    return len(mined ^ expected)


if __name__ == "__main__":
    main()
