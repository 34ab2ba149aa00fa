"""Valid files of every kind that a reader meets, and what can happen to their bytes."""

from __future__ import annotations

import functools
import gzip
import io
import json
import random
import tarfile
import zipfile
from collections.abc import Callable

import pyarrow as pa
import pyarrow.parquet as pq

ROWS = 40
TEXTS = (
    "Der Zug kam spät.",
    "Поезд опоздал.",
    "火车晚点了。",
    "",
    "NS",
    "a\tb",
    '"quoted"',
    "\U0001f600",
)


def _parquet(columns: dict, schema: pa.Schema | None = None, **options: object) -> bytes:
    sink = io.BytesIO()
    pq.write_table(pa.table(columns, schema=schema), sink, **options)
    return sink.getvalue()


def _texts(rng: random.Random, count: int = ROWS) -> list[str]:
    return [rng.choice(TEXTS) + str(number) for number in range(count)]


def _tables(rng: random.Random) -> dict:
    """Columns of one of the schemas that a reader of parquet expects, or of none."""
    ids = [str(number) for number in range(ROWS)]
    pair = {
        "id": ids,
        "sentence1": _texts(rng),
        "sentence2": _texts(rng),
        "label": ["neutral"] * ROWS,
    }
    span = {
        "id": ids, "context": _texts(rng), "question": _texts(rng),
        "answers": [["Der"]] * ROWS, "starts": pa.array([[0]] * ROWS, pa.list_(pa.int32())),
    }  # fmt: skip
    hub_pair = {"premise": _texts(rng), "hypothesis": _texts(rng), "label": [1] * ROWS}
    hub_span = {
        "id": ids, "title": ids, "context": _texts(rng), "question": _texts(rng),
        "answers": [{"text": ["Der"], "answer_start": [0]}] * ROWS,
    }  # fmt: skip
    hub_choice = {"ind": list(range(ROWS)), "ctx": _texts(rng), "endings": [list("abcd")] * ROWS,
                  "label": ["1"] * ROWS}  # fmt: skip
    hub_tags = {"tokens": [["a", "b"]] * ROWS, "ner_tags": [[0, 1]] * ROWS}
    tags = {"id": ids, "tokens": [["a", "b"]] * ROWS, "tags": [["O", "B-PER"]] * ROWS}
    mining = {"id": ids, "side": ["source"] * ROWS, "sentence": _texts(rng), "gold": [["1"]] * ROWS}
    return rng.choice([pair, span, hub_pair, hub_span, hub_choice, hub_tags, tags, mining])


def _odd_values(columns: dict, rng: random.Random) -> dict:
    """One column replaced by another type: nulls, numbers, nested lists, structs, bytes, ..."""
    name = rng.choice(list(columns))
    odd: list[Callable[[], object]] = [
        lambda: pa.nulls(ROWS),
        lambda: [None, *_texts(rng, ROWS - 1)],
        lambda: list(range(ROWS)),
        lambda: [float("nan")] * ROWS,
        lambda: [True] * ROWS,
        lambda: [[[["deep"]]]] * ROWS,
        lambda: [{"a": {"b": [1]}}] * ROWS,
        lambda: pa.array([b"\xff\xfe"] * ROWS).view(pa.string()),
        lambda: [b"\x00\xff"] * ROWS,
        lambda: pa.array(["a"] * ROWS).dictionary_encode(),
        lambda: pa.array([None] * ROWS, pa.list_(pa.string())),
        lambda: [[None]] * ROWS,
        lambda: [[]] * ROWS,
        lambda: pa.array([2**62] * ROWS, pa.timestamp("ns")),
        lambda: [[-(2**31)]] * ROWS,
        lambda: ["x" * 100_000] * ROWS,
        lambda: pa.array([[("a", 1)]] * ROWS, pa.map_(pa.string(), pa.int64())),
        lambda: pa.array(["\x00"] * ROWS, pa.large_string()),
    ]
    return {**columns, name: rng.choice(odd)()}


def _parquet_seed(rng: random.Random) -> bytes:
    columns = _tables(rng)
    if rng.random() < 0.4:
        columns = _odd_values(columns, rng)
    if rng.random() < 0.1:
        columns = {name: columns[name] for name in rng.sample(list(columns), len(columns) - 1)}
    options = {"compression": rng.choice(["zstd", "snappy", "gzip", "none", "brotli", "lz4"])}
    metadata = {b"huggingface": rng.choice([b"{", b"[]", b'{"info": 3}', b"\xff", b'{"info": {}}'])}
    table = pa.table(columns)
    if rng.random() < 0.2:
        table = table.replace_schema_metadata(metadata)
    sink = io.BytesIO()
    pq.write_table(table, sink, row_group_size=rng.choice([7, 1_000]), **options)
    return sink.getvalue()


@functools.cache
def _bomb(listed: bool) -> bytes:
    """A text of a megabyte that a dictionary repeats, by itself or in lists: 48 kB become 20 GB."""
    columns: dict = {name: ["b"] * 20_000 for name in ("id", "sentence2", "label")}
    texts = pa.DictionaryArray.from_arrays(pa.array([0] * 20_000, pa.int32()), ["x" * 1_000_000])
    ends = pa.array(range(20_001), pa.int32())
    column = pa.ListArray.from_arrays(ends, texts) if listed else texts
    return _parquet({**columns, "sentence1": column}, store_schema=False)


def _tsv(rng: random.Random) -> bytes:
    lines = ["\t".join([*_texts(rng, 4), "neutral"]) for _ in range(ROWS)]
    if rng.random() < 0.5:
        lines.insert(0, "label\tsentence1_en\tsentence2_en\tsentence1_de\tsentence2_de")
    return "\n".join(lines).encode()


def _jsonl(rng: random.Random) -> bytes:
    rows: list[dict] = [
        {"sentence1": one, "sentence2": other, "gold_label": "neutral", "pairID": str(number)}
        for number, (one, other) in enumerate(zip(_texts(rng), _texts(rng), strict=True))
    ]
    if rng.random() < 0.4:
        rows = [{"context": one, "endings": list("abcd"), "label": 1} for one in _texts(rng)]
    if rng.random() < 0.3:
        odd = [None, 3, [], {}, [1], {"a": [None]}, "x" * 10_000, 1e308, True]
        rows[rng.randrange(ROWS)][rng.choice(list(rows[0]))] = rng.choice(odd)
    return "\n".join(json.dumps(row) for row in rows).encode()


def _squad(rng: random.Random) -> bytes:
    questions = [
        {"id": str(n), "question": "Wann?", "answers": [{"text": "1903", "answer_start": 8}]}
        for n in range(8)
    ]
    content: dict = {
        "data": [{"paragraphs": [{"context": "Im Jahr 1903 brannte es.", "qas": questions}]}]
    }
    if rng.random() < 0.5:
        odd = [None, 3, [], {}, "x", [None], -1, {"text": 1}]
        where = rng.choice(["data", "paragraphs", "qas", "answers", "id", "context"])

        def change(node: object) -> None:
            if isinstance(node, dict):
                for key in list(node):
                    if key == where:
                        node[key] = rng.choice(odd)
                    else:
                        change(node[key])
            elif isinstance(node, list):
                for item in node:
                    change(item)

        change(content)
    return json.dumps(content).encode()


def _record(rng: random.Random) -> bytes:
    entry = {"rows": 3, "expected": rng.choice([3, None, 4, "3", 1e9]), "source": []}
    odd = [None, [], "x", {"a": 1}, {"en/test.parquet": entry}, {"en/test.parquet": []}]
    content = {
        "repository": rng.choice(["facebook/xnli", None, 3, []]),
        "revision": rng.choice(["x", None]),
        "sources": rng.choice([[], None, 3, "x", [None], [{"repository": "facebook/xnli"}]]),
        "files": rng.choice(odd),
    }
    return json.dumps(content).encode()


def _members(rng: random.Random) -> list[tuple[str, bytes]]:
    zh = "\n".join(f"zh-{n:09}\t句子{n}" for n in range(20)).encode()
    en = "\n".join(f"en-{n:09}\tsentence {n}" for n in range(20)).encode()
    gold = b"zh-000000001\ten-000000002\n"
    auto = (
        b"ID=wsj_0001.1 PARSER=GOLD NUMPARSE=1\n"
        b"(<T S[dcl] 0 2> (<L NP NNP NNP Pierre NP>) (<L S[dcl]\\NP VBZ VBZ runs S[dcl]\\NP>) )\n"
    )
    conllu = (
        b"# text = a b\n1\ta\t_\tDET\t_\t_\t2\tdet\t_\t_\n2\tb\t_\tNOUN\t_\t_\t0\troot\t_\t_\n\n"
    )
    ewt = "UD_English-EWT/en_ewt-ud-"
    return rng.choice([
        [("zh-en.sample.zh", zh), ("zh-en.sample.en", en), ("zh-en.sample.gold", gold),
         ("zh-en.training.zh", zh), ("zh-en.training.en", en), ("zh-en.training.gold", gold)],
        [(f"data/AUTO/{section:02}/wsj_{section:02}01.auto", auto) for section in (0, 2, 3, 21)],
        [(f"{ewt}{part}.conllu", conllu) for part in ("train", "dev", "test")],
        [("../../out", b"x"), ("/etc/out", b"x")],
        [("zh-en.sample.zh", bytes(3_000_000))],
    ])  # fmt: skip


def _zip(rng: random.Random) -> bytes:
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in _members(rng):
            archive.writestr(name, _edited(content, rng) if rng.random() < 0.3 else content)
    return sink.getvalue()


def _tar(rng: random.Random) -> bytes:
    sink = io.BytesIO()
    with tarfile.open(fileobj=sink, mode="w") as archive:
        for name, content in _members(rng):
            content = _edited(content, rng) if rng.random() < 0.3 else content
            info = tarfile.TarInfo(name)
            info.size = len(content)
            if rng.random() < 0.05:
                info.type, info.linkname, info.size = tarfile.SYMTYPE, "/etc/passwd", 0
                archive.addfile(info)
            else:
                archive.addfile(info, io.BytesIO(content))
    return sink.getvalue()


SEEDS: dict[str, Callable[[random.Random], bytes]] = {
    ".parquet": _parquet_seed, ".tsv": _tsv, ".jsonl": _jsonl, ".json": _squad, ".record": _record,
    ".zip": _zip, ".tar": _tar, ".tar.gz": lambda rng: gzip.compress(_tar(rng), 1),
}  # fmt: skip


def _edited(content: bytes, rng: random.Random) -> bytes:
    """A few bytes changed, lost, added or repeated."""
    data = bytearray(content)
    for _ in range(rng.choice([1, 1, 2, 8, 60])):
        if not data:
            break
        place = rng.randrange(len(data))
        size = rng.choice([1, 1, 4, 30, 400])
        kind = rng.randrange(6)
        if kind == 0:
            data[place] ^= 1 << rng.randrange(8)
        elif kind == 1:
            data[place : place + size] = rng.randbytes(size)
        elif kind == 2:
            del data[place : place + size]
        elif kind == 3:
            data[place:place] = data[place : place + size]
        elif kind == 4:
            data[place : place + size] = bytes(len(data[place : place + size]))
        else:
            data[place : place + 8] = rng.choice([b"\xff" * 8, b"\x7f" + b"\xff" * 7, b"\x80" * 8])
    return bytes(data)


def mutated(ending: str, rng: random.Random) -> tuple[bytes, str]:
    """The bytes of one input, and in a word what was done to a valid file."""
    kind = rng.random()
    if ending == ".parquet" and kind < 0.001:
        return _bomb(rng.random() < 0.5), "bomb"
    content = SEEDS[ending](rng)
    if kind < 0.15:
        return content, "valid or odd"
    if kind < 0.3:
        return content[: rng.randrange(len(content) + 1)], "cut off"
    if kind < 0.75:
        return _edited(content, rng), "edited"
    if kind < 0.8:
        return b"\x89PNG\r\n\x1a\n" + rng.randbytes(300), "PNG"
    if kind < 0.83:
        return b"x" * rng.choice([500_000, 5_000_000]), "one long line"
    if kind < 0.86:
        other = rng.choice([key for key in SEEDS if key != ending])
        return SEEDS[other](rng), "another kind"
    if kind < 0.9:
        return rng.randbytes(rng.randrange(2_000)), "noise"
    if kind < 0.93:
        return bytes(rng.choice([0, 1, 4, 1_000, 1_000_000])), "zeros"
    if kind < 0.96:
        encoding = rng.choice(["utf-16", "latin-1"])
        return content.decode("latin-1").encode(encoding, "replace"), encoding
    return content * rng.choice([2, 3]), "repeated"
