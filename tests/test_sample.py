"""The sample: shape, balance, parallel rows, no leaks, right scripts, no shortcuts, same bytes."""

from __future__ import annotations

import copy
import math
import re
import subprocess
import sys
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from conftest import MIRROR, ROOT, needs_mirror
from sample import compose_xnli
from sample.render import Text, render, say, tidy
from sample.tables import check, load
from sample.write import FEATURES, XNLI_ROWS, Repository, build, write
from stages.errors import UserError

Rows = list[dict[str, Any]]

XNLI_LANGUAGES = "ar bg de el en es fr hi ru sw th tr ur vi zh".split()
PAWSX_LANGUAGES = "de en es fr ja ko zh".split()
COLUMNS = {
    "facebook/xnli": ("premise", "hypothesis"),
    "google-research-datasets/paws-x": ("sentence1", "sentence2"),
    "mnli": ("premise", "hypothesis"),
    "qqp": ("question1", "question2"),
}
SCRIPTS = {
    "ar": "ARABIC",
    "bg": "CYRILLIC",
    "el": "GREEK",
    "hi": "DEVANAGARI",
    "ja": "HIRAGANA|KATAKANA|CJK",
    "ko": "HANGUL",
    "ru": "CYRILLIC",
    "th": "THAI",
    "ur": "ARABIC",
    "zh": "CJK",
}
STOPS = {"hi": "।", "ja": "。", "th": "", "ur": "۔", "zh": "。"}
COMMAS = {"ar": "،", "ja": "、", "th": "", "ur": "،", "zh": "，"}


@pytest.fixture(scope="module")
def built() -> dict[str, Repository]:
    return build()


@pytest.fixture(scope="module")
def mirror(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sample")
    write(folder)
    return folder


@pytest.fixture(scope="module")
def sets(built: dict[str, Repository]) -> list[tuple[str, str, str, Rows]]:
    """(task, language, split, rows) of every file, pairs under the names `one` and `two`."""
    found = []
    for repository, configs in built.items():
        for config, splits in configs.items():
            task = config if repository == "nyu-mll/glue" else repository
            one, two = COLUMNS[task]
            for split, rows in splits.items():
                named = [{**row, "one": row[one], "two": row[two]} for row in rows]
                language = "en" if repository == "nyu-mll/glue" else config
                found.append((task, language, split, named))
    return found


def sentences(rows: Rows) -> Iterator[str]:
    for row in rows:
        yield row["one"]
        yield row["two"]


def key(row: dict[str, Any]) -> frozenset[str]:
    """A pair whatever its order, capitals, spaces and punctuation."""
    return frozenset(
        "".join(char for char in row[side].casefold() if unicodedata.category(char)[0] in "LMN")
        for side in ("one", "two")
    )


# ---------------------------------------------------------------------------- shape on disk


def test_files_and_rows_are_the_hubs(mirror: Path) -> None:
    found = {
        str(path.relative_to(mirror)).removesuffix("-00000-of-00001.parquet"): pq.read_metadata(
            path
        ).num_rows
        for path in mirror.rglob("*.parquet")
    }
    wanted = {f"facebook/xnli/{code}/test": 300 for code in XNLI_LANGUAGES}
    wanted |= {f"facebook/xnli/{code}/validation": 150 for code in XNLI_LANGUAGES}
    pawsx = "google-research-datasets/paws-x"
    wanted |= {f"{pawsx}/{code}/test": 300 for code in PAWSX_LANGUAGES}
    wanted |= {f"{pawsx}/{code}/validation": 150 for code in PAWSX_LANGUAGES}
    wanted |= {"facebook/xnli/en/train": 1500, f"{pawsx}/en/train": 1500}
    wanted |= {"nyu-mll/glue/mnli/train": 1500, "nyu-mll/glue/mnli/validation_matched": 150}
    wanted |= {"nyu-mll/glue/qqp/train": 1500, "nyu-mll/glue/qqp/validation": 150}
    assert found == wanted
    assert sum(path.stat().st_size for path in mirror.rglob("*.parquet")) < 1_000_000


@needs_mirror
@pytest.mark.parametrize(
    "file",
    [
        "facebook/xnli/sw/test",
        "facebook/xnli/en/train",
        "google-research-datasets/paws-x/ko/validation",
        "nyu-mll/glue/mnli/validation_matched",
        "nyu-mll/glue/qqp/train",
    ],
)
def test_schema_is_the_hubs(mirror: Path, file: str) -> None:
    ours, theirs = (
        pq.read_schema(folder / f"{file}-00000-of-00001.parquet") for folder in (mirror, MIRROR)
    )
    assert ours.equals(theirs, check_metadata=True)


def test_datasets_loads_it(mirror: Path, tmp_path: Path) -> None:
    import datasets

    def loaded(repository: str, config: str, split: str) -> Any:
        return datasets.load_dataset(
            str(mirror / repository), config, split=split, cache_dir=str(tmp_path)
        )

    thai = loaded("facebook/xnli", "th", "test")
    assert thai.features["label"].names == ["entailment", "neutral", "contradiction"]
    assert thai.num_rows == 300
    assert loaded("google-research-datasets/paws-x", "en", "train").column_names == [
        "id",
        "sentence1",
        "sentence2",
        "label",
    ]
    qqp = loaded("nyu-mll/glue", "qqp", "validation")
    assert qqp.features["label"].names == ["not_duplicate", "duplicate"]
    with pytest.raises(ValueError, match="train"):
        loaded("facebook/xnli", "th", "train")


def test_same_seed_same_bytes_and_another_seed_other_sentences(
    mirror: Path, tmp_path: Path
) -> None:
    write(tmp_path / "again")
    write(tmp_path / "other", seed=2)
    files = [path.relative_to(mirror) for path in mirror.rglob("*") if path.is_file()]
    for file in files:
        assert (tmp_path / "again" / file).read_bytes() == (mirror / file).read_bytes(), file
    for file in files:
        if file.suffix == ".parquet":
            assert (tmp_path / "other" / file).read_bytes() != (mirror / file).read_bytes(), file


def test_cli_writes_and_refuses_a_file(tmp_path: Path) -> None:
    def call(out: Path) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "sample.write", "--out", str(out)]
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)

    assert call(tmp_path / "mirror").returncode == 0
    assert (tmp_path / "mirror" / "facebook" / "xnli" / "README.md").is_file()
    (tmp_path / "file").write_text("")
    refused = call(tmp_path / "file")
    assert refused.returncode == 1
    assert refused.stderr.startswith("error: expected a folder as --out")


# ---------------------------------------------------------------------------- labels and rows


def test_labels_are_balanced_in_every_file_and_every_prefix_of_groups(sets: Any) -> None:
    for task, language, split, rows in sets:
        kinds = 3 if "nli" in task else 2
        assert set(Counter(row["label"] for row in rows).values()) == {len(rows) // kinds}
        for start in range(0, len(rows), kinds):
            group = {row["label"] for row in rows[start : start + kinds]}
            assert group == set(range(kinds)), (task, language, split, start)


def test_ids_count_up(built: dict[str, Repository]) -> None:
    for splits in built["google-research-datasets/paws-x"].values():
        for rows in splits.values():
            assert [row["id"] for row in rows] == list(range(1, len(rows) + 1))
    for splits in built["nyu-mll/glue"].values():
        for rows in splits.values():
            assert [row["idx"] for row in rows] == list(range(len(rows)))


@pytest.mark.parametrize("repository", ["facebook/xnli", "google-research-datasets/paws-x"])
@pytest.mark.parametrize("split", ["test", "validation"])
def test_rows_are_parallel(built: dict[str, Repository], repository: str, split: str) -> None:
    """Same labels and digits in a row; one sentence is always rendered by the same one."""
    one, two = COLUMNS[repository]
    english = built[repository]["en"][split]
    for code, splits in built[repository].items():
        rows = splits[split]
        assert [row["label"] for row in rows] == [row["label"] for row in english], code
        there: dict[str, str] = {}
        back: dict[str, str] = {}
        for row, original in zip(rows, english, strict=True):
            for side in (one, two):
                years = [re.findall(r"\d{4}", text[side]) for text in (row, original)]
                assert sorted(years[0]) == sorted(years[1])
                assert there.setdefault(original[side], row[side]) == row[side]
                assert back.setdefault(row[side], original[side]) == original[side], code


def test_names_stand_on_the_same_sides(built: dict[str, Repository]) -> None:
    """An independent look at parallel rows: who is named in a sentence is named in all."""
    one, two = COLUMNS["facebook/xnli"]
    marks = {
        "ar": ["ماريا", "ديفيد", "جدتي"],
        "de": ["Maria", "David", "Großmutter"],
        "el": ["Μαρία", "Ντέιβιντ", "γιαγιά"],
        "en": ["Maria", "David", "grandmother"],
        "hi": ["मारिया", "डेविड", "दादी"],
        "ru": ["Мари", "Давид", "бабушка"],
        "th": ["มาเรีย", "เดวิด", "ยาย"],
        "zh": ["玛丽亚", "大卫", "奶奶"],
    }

    def named(code: str) -> list[list[bool]]:
        rows = built["facebook/xnli"][code]["test"]
        return [
            [
                unicodedata.normalize("NFC", mark).lower() in row[side].lower()
                for mark in marks[code]
            ]
            for row in rows
            for side in (one, two)
        ]

    assert any(any(row) for row in named("en"))
    for code in marks:
        assert named(code) == named("en"), code


def test_no_pair_comes_twice(sets: Any) -> None:
    for task, language, split, rows in sets:
        keys = [key(row) for row in rows]
        assert len(set(keys)) == len(keys), (task, language, split)
        assert all(len(pair) == 2 for pair in keys), "both sides are the same"


def test_no_pair_and_no_premise_of_an_evaluation_split_is_trained_on(sets: Any) -> None:
    english = [entry for entry in sets if entry[1] == "en"]
    trained = [row for _, _, split, rows in english if split == "train" for row in rows]
    pairs, premises = {key(row) for row in trained}, {row["one"] for row in trained}
    for task, _, split, rows in english:
        if split != "train":
            assert not pairs & {key(row) for row in rows}, (task, split)
            if "nli" in task:
                assert not premises & {row["one"] for row in rows}, (task, split)


def test_no_pair_or_premise_is_in_both_test_and_validation(sets: Any) -> None:
    files = {(task, language, split): rows for task, language, split, rows in sets}
    for (task, language, split), rows in files.items():
        if split == "test":
            others = files[task, language, "validation"]
            assert not {key(row) for row in rows} & {key(row) for row in others}
            assert not {row["one"] for row in rows} & {row["one"] for row in others}


@pytest.mark.parametrize("task", ["qqp", "google-research-datasets/paws-x"])
def test_no_single_sentence_is_in_two_splits(sets: Any, task: str) -> None:
    files = [set(sentences(rows)) for t, language, _, rows in sets if (t, language) == (task, "en")]
    for place, file in enumerate(files):
        assert not any(file & other for other in files[place + 1 :])


def test_mnli_has_mostly_words_that_xnli_has_not(sets: Any) -> None:
    words: dict[str, set[str]] = defaultdict(set)
    for task, language, _, rows in sets:
        if language == "en":
            words[task] |= {word for text in sentences(rows) for word in re.findall(r"\w+", text)}
    new = words["mnli"] - words["facebook/xnli"]
    assert len(new) / len(words["mnli"]) > 0.6


# ---------------------------------------------------------------------------- text


def test_every_sentence_is_whole_and_normal(sets: Any) -> None:
    for task, language, split, rows in sets:
        for text in sentences(rows):
            where = (task, language, split, text)
            assert text and text == text.strip(), where
            assert unicodedata.is_normalized("NFC", text), where
            assert not re.search(r"[{}|\[\]_]|  | [.,،。।۔?]|\.\.", text), where
            assert text[0] == text[0].upper(), where
            stop = "?" if task == "qqp" else STOPS.get(language, ".")
            assert text.endswith(stop), where
            assert not set(text) & (set(",،，、.。।۔?") - {stop, COMMAS.get(language, ",")}), where


@pytest.mark.parametrize("language", sorted({*XNLI_LANGUAGES, *PAWSX_LANGUAGES}))
def test_script(sets: Any, language: str) -> None:
    script = re.compile(SCRIPTS.get(language, "LATIN"))
    for _, code, _, rows in sets:
        if code == language:
            for text in sentences(rows):
                # category M as well: the marks of Thai and Devanagari are no letters
                letters = [char for char in text if unicodedata.category(char)[0] in "LM"]
                assert letters, text
                assert all(script.match(unicodedata.name(char)) for char in letters), text


@pytest.mark.parametrize(
    ("language", "letters"),
    [
        ("bg", "ъ"),
        ("de", "äöüß"),
        ("el", "άέήίόύώς"),
        ("es", "áéíóúñ"),
        ("fr", "àâéèêœ'"),
        ("ru", "ыэ"),
        ("tr", "çğıöşü"),
        ("ur", "ٹڈڑےںہگ"),
        ("vi", "đơưạảấầệễ"),
    ],
)
def test_letters_of_the_language_are_used(sets: Any, language: str, letters: str) -> None:
    used = {
        char for _, code, _, rows in sets if code == language for char in "".join(sentences(rows))
    }
    assert set(letters) <= used


def test_unspaced_languages(sets: Any) -> None:
    for _, language, _, rows in sets:
        if language in ("ja", "zh"):
            assert not any(" " in text for text in sentences(rows))
        if language == "th":  # Thai has no full stop: one space parts two sentences
            assert not any(" " in row["two"] for row in rows)
            assert max(row["one"].count(" ") for row in rows) == 1


def test_lengths(sets: Any) -> None:
    for task, language, _, rows in sets:
        if language not in ("ja", "th", "zh"):
            lengths = [len(text.split()) for text in sentences(rows)]
            assert min(lengths) >= (5 if language == "en" else 3), (task, language)
            assert max(lengths) <= (20 if language == "en" else 22), (task, language)
        else:
            lengths = [len(text) for text in sentences(rows)]
            assert min(lengths) >= 6 and max(lengths) <= 90, (task, language)


RENDERED = [
    (
        "en: actions.cake.did who=people.girl where=places.cafe when=times.spring",
        "The little girl baked an apple cake in the café in spring.",
    ),
    (
        "de: actions.doctor.did who=people.aunt where=places.park when=times.monday",
        "Meine Tante rief am Montag im Park den Arzt an.",
    ),
    ("de: actions.tea.did who=people.boy", "Der kleine Junge trank Tee."),
    ("fr: comparisons.taller a=names.anna b=names.omar", "Anna est plus grande qu'Omar."),
    (
        "fr: paraphrases.travel.0 a=names.adam x=cities.oslo y=cities.cairo year=1971",
        "En 1971, Adam a voyagé en train d'Oslo au Caire.",
    ),
    ("es: counts.chairs who=people.uncle n=numbers.several", "Mi tío compró varias sillas."),
    (
        "el: relations.house.gets a=names.maria b=names.elena when=times.autumn",
        "Η Μαρία αγόρασε το παλιό σπίτι από την Έλενα το φθινόπωρο.",
    ),
    ("bg: counts.chairs who=people.mother n=numbers.six", "Майка ми купи шест стола."),
    (
        "ru: counts.keys who=people.grandmother n=numbers.at_least_nine",
        "Моя бабушка нашла не меньше девяти ключей.",
    ),
    (
        "ru: counts.keys who=people.grandfather n=numbers.six",
        "Мой дедушка нашёл шесть ключей.",
    ),
    (
        "ar: relations.house.gives a=names.sara b=names.adam when=times.monday",
        "باعت سارة البيت القديم لآدم يوم الاثنين.",
    ),
    (
        "hi: actions.cake.decided who=people.aunt when=times.evening tail=tails.weather",
        "मेरी चाची ने शाम के समय सेब का केक बनाने का फ़ैसला किया, हालाँकि मौसम ख़राब था।",
    ),
    ("ur: comparisons.older a=names.anna b=names.omar", "اینا عمر میں عمر سے بڑی ہے۔"),
    (
        "sw: counts.books who=people.mother n=numbers.at_least_nine",
        "Mama yangu alinunua angalau vitabu tisa.",
    ),
    (
        "tr: states.one thing=things.street.it p=things.street.noisy",
        "Nehrin kenarındaki sokak gürültülüydü.",
    ),
    ("vi: kinds.fruit.none who=people.boy", "Cậu bé đã không mua trái cây nào."),
    (
        "zh: counts.lamps who=people.father n=numbers.ten where=places.market",
        "我爸爸在市场卖了十盏灯。",
    ),
    (
        "ko: paraphrases.duo.0 a=names.adam b=names.anna x=cities.rome i=instruments.harp "
        "j=instruments.violin",
        "로마에서 아담은 하프를 연주했고 안나는 바이올린을 연주했다.",
    ),
    (
        "ja: paraphrases.sell.1 a=names.anna b=names.omar x=cities.delhi year=1999",
        "オマールは1999年にアンナからデリーの家を買った。",
    ),
]


@pytest.mark.parametrize(("abstract", "expected"), RENDERED)
def test_rendered(abstract: str, expected: str) -> None:
    language, template, *slots = abstract.replace(":", "", 1).split()
    clause = say(template, **dict(slot.split("=") for slot in slots))
    assert render((clause,), load(language)) == unicodedata.normalize("NFC", expected)


def test_turkish_capital_i() -> None:
    assert tidy("ilkbaharda geldi.", "tr") == "İlkbaharda geldi."
    assert tidy("in spring .", "en") == "In spring."


def test_two_sentences_are_joined_as_the_language_does() -> None:
    text = tuple(say("comparisons.older", a="names.sara", b=f"names.{n}") for n in ("omar", "nina"))
    assert render(text, load("en")) == "Sara is older than Omar. Sara is older than Nina."
    assert render(text, load("zh")) == "萨拉比奥马尔年纪大。萨拉比妮娜年纪大。"
    assert render(text, load("th")) == "ซาร่าอายุมากกว่าโอมาร์ ซาร่าอายุมากกว่านีน่า"


# ---------------------------------------------------------------------------- no shortcuts


def naive_bayes(train: list[tuple[set[str], int]], test: list[tuple[set[str], int]]) -> float:
    """Accuracy of a bag-of-words naive Bayes with add-one smoothing."""
    labels = sorted({label for _, label in train})
    counts: dict[int, Counter[str]] = {label: Counter() for label in labels}
    sizes = Counter(label for _, label in train)
    for words, label in train:
        counts[label].update(words)

    def score(words: set[str], label: int) -> float:
        return sum(math.log((counts[label][word] + 1) / (sizes[label] + 2)) for word in words)

    right = sum(max(labels, key=lambda lab: score(w, lab)) == label for w, label in test)
    return right / len(test)


def bag(text: str) -> set[str]:
    words = re.findall(r"\w+", text.lower())
    return {*words, *(" ".join(two) for two in pairwise(words))}


def test_naive_bayes_finds_a_shortcut_where_there_is_one() -> None:
    data = [({"not", "x"}, 1), ({"x"}, 0), ({"not", "y"}, 1), ({"y"}, 0)]
    assert naive_bayes(data, data) == 1.0


def test_every_hypothesis_meets_every_label_equally_often(sets: Any) -> None:
    for task, language, split, rows in sets:
        if "nli" in task:
            labels: dict[str, Counter[int]] = defaultdict(Counter)
            for row in rows:
                labels[row["two"]][row["label"]] += 1
            for hypothesis, shares in labels.items():
                assert len({shares[label] for label in range(3)}) == 1, (
                    language,
                    split,
                    hypothesis,
                )


@pytest.mark.parametrize(
    ("task", "split", "side", "limit"),
    [
        ("facebook/xnli", "test", "two", 0.40),
        ("facebook/xnli", "test", "one", 0.62),
        ("mnli", "validation_matched", "two", 0.40),
        ("google-research-datasets/paws-x", "test", "one", 0.58),
        ("google-research-datasets/paws-x", "test", "two", 0.58),
        ("qqp", "validation", "one", 0.62),
        ("qqp", "validation", "two", 0.62),
    ],
)
def test_one_sentence_alone_says_little(
    sets: Any, task: str, split: str, side: str, limit: float
) -> None:
    """Limits: chance plus two standard errors at that size; premises may say more."""
    files = {(t, lang, s): rows for t, lang, s, rows in sets}
    train, test = (
        [(bag(row[side]), row["label"]) for row in files[task, "en", part]]
        for part in ("train", split)
    )
    assert naive_bayes(train, test) <= limit


# ---------------------------------------------------------------------------- labels are true


@pytest.fixture(scope="module")
def items() -> list[compose_xnli.Item]:
    return [item for split in compose_xnli.compose(XNLI_ROWS, 1).values() for item in split]


def last(path: str) -> str:
    return path.split(".")[-1]


def test_families_are_as_large_as_each_other(items: list[compose_xnli.Item]) -> None:
    sizes = Counter(item.family for item in items)
    assert len(sizes) == 8
    assert max(sizes.values()) - min(sizes.values()) <= 9  # a group of three rows a split


def test_comparisons_follow_from_the_order(items: list[compose_xnli.Item]) -> None:
    """An independent judge: the transitive closure of `more than` on each scale."""
    inverse = {"younger": "older", "shorter": "taller", "later": "earlier", "slower": "faster"}

    def facts(text: Text) -> set[tuple[str, str, str]]:
        found = set()
        for clause in text:
            slots, word = dict(clause.slots), last(clause.template)
            a, b = slots["a"], slots["b"]
            found.add((inverse[word], b, a) if word in inverse else (word, a, b))
        return found

    def closure(known: set[tuple[str, str, str]]) -> set[tuple[str, str, str]]:
        more = {(s, a, d) for s, a, b in known for t, c, d in known if s == t and b == c}
        return known if more <= known else closure(known | more)

    for item in items:
        if item.family == "comparison":
            known = closure(facts(item.premise))
            [(scale, a, b)] = facts(item.hypothesis)
            assert not any(x == y for _, x, y in known)
            judged = 0 if (scale, a, b) in known else 2 if (scale, b, a) in known else 1
            assert judged == item.label


def test_numbers_follow_from_their_ranges(items: list[compose_xnli.Item]) -> None:
    ranges = {
        "six": {6},
        "seven": {7},
        "nine": {9},
        "ten": {10},
        "several": set(range(3, 20)),
        "at_least_nine": set(range(9, 20)),
    }

    for item in items:
        if item.family == "count":
            (premise,), (hypothesis,) = item.premise, item.hypothesis
            assert premise.template == hypothesis.template
            known, claimed = (ranges[last(dict(c.slots)["n"])] for c in (premise, hypothesis))
            judged = 0 if known <= claimed else 1 if known & claimed else 2
            assert judged == item.label


def test_places_and_times_follow_from_what_includes_what(items: list[compose_xnli.Item]) -> None:
    wider = {"saturday": "weekend", "eight_am": "morning", "seven_pm": "evening"}
    wider |= dict.fromkeys(["garden", "park", "beach"], "outdoors")
    kinds = [
        {"monday", "wednesday", "saturday", "weekend"},
        {"eight_am", "morning", "seven_pm", "evening"},
        {"spring", "autumn"},
        set(compose_xnli.PLACES["letter"].split()) | {"school", "market", "outdoors"},
    ]
    for item in items:
        if item.family in ("place", "moment"):
            (premise,), (hypothesis,) = item.premise, item.hypothesis
            slot = "where" if item.family == "place" else "when"
            claimed = last(dict(hypothesis.slots)[slot])
            known = last(dict(premise.slots).get(slot, "?"))
            kind = next(kind for kind in kinds if claimed in kind)
            if known == claimed or wider.get(known) == claimed:
                judged = 0
            elif known not in kind or wider.get(claimed) == known:
                judged = 1
            else:
                judged = 2
            assert judged == item.label, (premise, hypothesis)


def test_exchanges_follow_from_who_gave(items: list[compose_xnli.Item]) -> None:
    for item in items:
        if item.family == "exchange":
            (premise,), (hypothesis,) = item.premise, item.hypothesis
            events = []
            for clause in (premise, hypothesis):
                slots, verb = dict(clause.slots), last(clause.template)
                giver, getter = (
                    (slots["a"], slots["b"]) if verb != "gets" else (slots["b"], slots["a"])
                )
                events.append((verb == "other", giver, getter))
            judged = 0 if events[0] == events[1] else 2 if events[0][0] == events[1][0] else 1
            assert judged == item.label


# ---------------------------------------------------------------------------- tables


@pytest.mark.parametrize("language", sorted({*XNLI_LANGUAGES, *PAWSX_LANGUAGES}))
def test_no_two_keys_of_a_list_look_alike(language: str) -> None:
    """Two places with one name would turn a contradiction into an entailment."""
    for section in ("people", "names", "places", "times", "tails", "numbers", "cities", "buses"):
        entries = load(language).phrases.get(section, {})
        assert len({str(value) for value in entries.values()}) == len(entries), section


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (("places", "park"), None, "places.park: missing"),
        (("places", "moon"), "auf dem Mond", "places.moon: unknown to English"),
        (("actions", "tea", "not"), "Kein Tee.", "actions.tea.not: expected the slots ['who']"),
        (("places", "park"), ["im Park", "am Park"], "places.park: expected as many forms"),
        (("tails", "weather"), ", [weil|", "tails.weather: a bracket is open"),
        (("instruments", "harp"), ["Harfe"], "instruments.harp: expected as many forms"),
    ],
)
def test_a_faulty_table_is_refused(path: tuple[str, ...], value: Any, message: str) -> None:
    phrases = copy.deepcopy(load("de").phrases)
    inner = phrases
    for step in path[:-1]:
        inner = inner[step]
    if value is None:
        del inner[path[-1]]
    else:
        inner[path[-1]] = value
    with pytest.raises(UserError, match=re.escape(message)):
        check(replace(load("de"), phrases=phrases), load("en"))


def test_an_unknown_language_and_an_unknown_form_are_refused() -> None:
    with pytest.raises(UserError, match="found no such file"):
        load("xx")
    table = replace(load("fr"), phrases={**load("fr").phrases, "x": "{a.dative}"})
    with pytest.raises(UserError, match=r"expected one of the forms \['plain', 'of', 'than'\]"):
        render((say("x", a="names.anna"),), table)
    with pytest.raises(UserError, match=r"expected the phrase places\.moon in phrases/fr\.yaml"):
        render((say("states.one", thing="places.moon", p="places.moon"),), load("fr"))


def test_features_name_every_written_set(built: dict[str, Repository]) -> None:
    names = {f"nyu-mll/glue/{config}" for config in built["nyu-mll/glue"]}
    assert set(FEATURES) == names | (built.keys() - {"nyu-mll/glue"})
