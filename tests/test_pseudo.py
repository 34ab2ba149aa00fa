"""XTREME's pseudo test sets, in all 40 languages: from their files to scores and to the n of 39."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import encoded
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tokenizers import Tokenizer

from conftest import ENGINE, ROOT
from stages import validate
from stages.encoding import encode
from stages.score import score
from stages.snapshot import snapshot
from stages.statistics.checking import read_languages
from stages.statistics.correlation_table import correlation_tables
from stages.statistics.outcomes import degradation
from stages.statistics.settings import Settings
from stages.target import train_target
from stages.tasks import find, schema

ROWS = 30
NLI = ("entailment", "neutral", "contradiction")
SENTENCES = {
    "en": "The train with number {} came late to the station this evening.",
    "af": "Die trein met nommer {} het vanaand laat by die stasie aangekom.",
    "ar": "وصل القطار رقم {} متأخرا إلى المحطة هذا المساء.",
    "bg": "Влакът с номер {} пристигна късно на гарата тази вечер.",
    "bn": "{} নম্বর ট্রেনটি আজ সন্ধ্যায় দেরিতে স্টেশনে এসেছে।",
    "de": "Der Zug mit der Nummer {} kam heute Abend spät am Bahnhof an.",
    "el": "Το τρένο με αριθμό {} έφτασε αργά στον σταθμό σήμερα το βράδυ.",
    "es": "El tren con el número {} llegó tarde a la estación esta noche.",
    "et": "Rong numbriga {} jõudis täna õhtul hilinemisega jaama.",
    "eu": "{} zenbakidun trena berandu iritsi zen geltokira gaur arratsaldean.",
    "fa": "قطار شماره {} امشب دیر به ایستگاه رسید و مسافران منتظر ماندند.",
    "fi": "Juna numero {} saapui tänä iltana myöhässä asemalle.",
    "fr": "Le train avec le numéro {} est arrivé en retard à la gare ce soir.",
    "he": "הרכבת מספר {} הגיעה באיחור לתחנה הערב.",
    "hi": "{} नंबर की ट्रेन आज शाम स्टेशन पर देर से पहुँची।",
    "hu": "A {} számú vonat ma este későn érkezett meg az állomásra.",
    "id": "Kereta dengan nomor {} tiba terlambat di stasiun malam ini.",
    "it": "Il treno con il numero {} è arrivato in ritardo alla stazione questa sera.",
    "ja": "{}番の列車は今晩遅れて駅に到着しました。",
    "jv": "Sepur kanthi nomer {} teka telat ing stasiun bengi iki.",
    "ka": "მატარებელი ნომრით {} ამ საღამოს გვიან მივიდა სადგურზე.",
    "kk": "Нөмірі {} пойыз бүгін кешке вокзалға кешігіп келді.",
    "ko": "{}번 열차는 오늘 저녁 역에 늦게 도착했습니다.",
    "ml": "{} നമ്പർ ട്രെയിൻ ഇന്ന് വൈകുന്നേരം സ്റ്റേഷനിൽ വൈകി എത്തി.",
    "mr": "{} क्रमांकाची गाडी आज संध्याकाळी स्थानकावर उशिरा पोहोचली आहे.",
    "ms": "Kereta api bernombor {} tiba lewat di stesen petang ini.",
    "my": "နံပါတ် {} ရထားသည် ယနေ့ညနေ ဘူတာသို့ နောက်ကျစွာ ရောက်ရှိခဲ့သည်။",
    "nl": "De trein met nummer {} kwam vanavond te laat aan op het station.",
    "pt": "O trem com o número {} chegou atrasado à estação esta noite.",
    "ru": "Поезд с номером {} пришёл сегодня вечером на станцию с опозданием.",
    "sw": "Treni yenye nambari {} ilichelewa kufika kituoni jioni hii.",
    "ta": "{} எண் கொண்ட ரயில் இன்று மாலை நிலையத்திற்கு தாமதமாக வந்தது.",
    "te": "{} నంబరు రైలు ఈ సాయంత్రం స్టేషన్‌కు ఆలస్యంగా వచ్చింది.",
    "th": "รถไฟหมายเลข {} มาถึงสถานีช้าในเย็นวันนี้",
    "tl": "Ang tren na may numerong {} ay dumating nang huli sa istasyon ngayong gabi.",
    "tr": "{} numaralı tren bu akşam istasyona geç geldi.",
    "ur": "{} نمبر والی ٹرین آج شام اسٹیشن پر دیر سے پہنچی۔",
    "vi": "Chuyến tàu số {} đã đến ga muộn vào tối nay.",
    "yo": "Ọkọ̀ ojú irin tí nọ́mbà rẹ̀ jẹ́ {} pẹ́ dé sí ibùdókọ̀ ní ìrọ̀lẹ́ òní.",
    "zh": "{}号列车今天晚上很晚才到达车站。",
}


def pair(language: str, number: int) -> tuple[str, str]:
    return tuple(SENTENCES[language].format(base + number) for base in (1000, 5000))


def question(language: str, number: int) -> dict[str, Any]:
    """A context of two sentences; the answer is the number of the second."""
    context, answer = " ".join(pair(language, number)), str(5000 + number)
    return {
        "id": f"q{number}",
        "context": context,
        "question": f"{SENTENCES[language].format(7000 + number)}?",
        "answers": [answer],
        "starts": [context.index(answer)],
    }


def put(path: Path, head: str, rows: list[dict[str, Any]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist(rows, schema.arrow(schema.DATA[head])), path)


def xnli(data: Path, folder: Path) -> None:
    """data/xnli in English, and XTREME's file of five columns in each other language."""
    english = [
        dict(zip(schema.DATA["pair"], (f"x{n}", *pair("en", n), NLI[n % 3]), strict=True))
        for n in range(ROWS)
    ]
    put(data / "xnli/en/test.parquet", "pair", english)
    for code in SENTENCES.keys() - {"en"}:
        lines = ["\t".join((*pair("en", n), *pair(code, n), NLI[n % 3])) for n in range(ROWS)]
        (folder / f"en-{code}-pseudo-test.tsv").write_text("\n".join(lines) + "\n", "utf-8")


def xquad(data: Path, folder: Path) -> None:
    """data/xquad in English, and SQuAD's JSON in each other language."""
    put(data / "xquad/en/validation.parquet", "span", [question("en", n) for n in range(ROWS)])
    for code in SENTENCES.keys() - {"en"}:
        paragraphs = []
        for row in (question(code, n) for n in range(ROWS)):
            (text,), (start,) = row["answers"], row["starts"]
            answers = [{"text": text, "answer_start": start}]
            item = {"id": row["id"], "question": row["question"], "answers": answers}
            paragraphs.append({"context": row["context"], "qas": [item]})
        content = json.dumps({"data": [{"title": "trains", "paragraphs": paragraphs}]})
        (folder / f"xquad.pseudo-test.en-{code}.json").write_text(content)


@pytest.mark.parametrize(("base", "make"), [("xnli", xnli), ("xquad", xquad)])
def test_forty_languages_are_read_judged_encoded_and_scored(
    base: str, make: Any, tmp_path: Path, tiny_encoder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/mlflow.db")
    data, brought = tmp_path / "data", tmp_path / "brought"
    brought.mkdir()
    make(data, brought)
    task = find(f"{base}.pseudo")
    assert set(task.languages) == set(SENTENCES)
    record = snapshot(task, data, None, True, brought)
    assert {file: entry["rows"] for file, entry in record.items()} == {
        f"{code}/{task.evaluated}.parquet": ROWS for code in task.languages
    }
    verdict = validate.validate(task, data / task.name, {}, True)
    assert verdict.accepted, [one.as_line("") for one in verdict.findings("stop")]
    assert not [one.file for one in verdict.findings("warn") if one.rule.name == "script"]

    tokenizer = Tokenizer.from_file(str(tiny_encoder / "tokenizer.json"))
    for path in (data / task.name).rglob(f"{task.evaluated}.parquet"):
        rows = encode(pq.read_table(path), task, tokenizer)
        out = tmp_path / "encoded" / path.relative_to(data)
        out.parent.mkdir(parents=True)
        pq.write_table(rows, out)
    trained = find(str(task.trained_on))
    for split in ("train", "validation"):
        columns = (encoded.pair_columns if task.head == "pair" else encoded.span_columns)(24, 1)
        encoded.write(tmp_path / f"encoded/{trained.name}/en/{split}.parquet", task.head, columns)
    settings = ENGINE | {"keep_models": "none", "query_length": 8, "doc_stride": 16}
    settings |= {"n_best": 5, "answer_length": 8}
    folder = tmp_path / f"cells/none-{trained.name}/seed-1"
    places = (tiny_encoder, tmp_path / "encoded", folder)
    train_target("none", trained, [task], 1, *places, "test", settings)

    table, _ = score(tmp_path / "cells")
    main = table[table["metric"] == task.metrics[0]]
    assert set(main["target"]) == {task.name} and len(main) == 40 and set(main["n"]) == {ROWS}
    languages = read_languages(ROOT / "languages/languages.csv", set(main["language"]), [])
    distance = "distance_geographic_great_circle"
    primary = {"target": task.name, "distance": distance, "covariates": [], "intermediate": "none",
               "outcome": "drop", "method": "pearson"}  # fmt: skip
    settings_of = Settings(primary=primary, permutations=9, bootstrap=9, seed=1)
    found, _ = correlation_tables(degradation(main), languages, [], settings_of)
    found = found[(found["distance"] == distance) & (found["outcome"] == "drop")]
    assert isinstance(found, pd.DataFrame) and set(found["n"]) == {39}


def test_a_pseudo_test_in_another_language_is_rejected(tmp_path: Path) -> None:
    data, brought = tmp_path / "data", tmp_path / "brought"
    brought.mkdir()
    xnli(data, brought)
    (brought / "en-te-pseudo-test.tsv").write_text(
        (brought / "en-ta-pseudo-test.tsv").read_text("utf-8"), "utf-8"
    )
    task = find("xnli.pseudo")
    snapshot(task, data, None, True, brought)
    verdict = validate.validate(task, data / task.name, {}, True)
    stops = {(one.file, one.rule.name) for one in verdict.findings("stop")}
    assert ("te/test.parquet", "script") in stops
    assert {file for file, _ in stops} == {"te/test.parquet"}
