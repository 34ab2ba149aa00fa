"""Parameters: choices of params.yaml are among those there are, numbers in their range."""

from __future__ import annotations

from typing import Any

from stages import params
from stages.errors import UserError
from stages.tasks.record import Task

POSITIVE = ("batch_size", "learning_rate", "epochs", "max_length")
COUNTS = (
    "accumulation", "training_tokens", "prediction_tokens", "selection_every", "selection_examples",
)  # fmt: skip
SPAN = ("doc_stride", "query_length", "n_best", "answer_length")
CHOICES = {
    "pooling": ("first", "segments"),
    "encoding": ("joint", "separate"),
    "precision": ("fp32", "bf16"),
    "zero_stage": (0, 1, 2, 3),
    "offload": ("none", "optimizer"),
    "checkpoint_precision": ("float32", "float16", "bfloat16"),
}
KEPT = ("none", "best", "all")
FRACTIONS = ("learning_rate", "epochs")
POOLING = ("mean",)
SPECIALS = 4  # <s> question </s></s> context </s>


def check_numbers(settings: dict[str, Any], tasks: dict[str, Task]) -> None:
    """Choices are among those there are, numbers in their range."""
    for key, allowed in CHOICES.items():
        if settings["engine"][key] not in allowed:
            raise UserError(
                f"params.yaml: engine.{key} is {settings['engine'][key]!r}; expected one of "
                f"{', '.join(map(str, allowed))}."
            )
    span = settings["span"]
    for section in ("intermediate", "target"):
        for name in settings[section]["tasks"]:
            if not isinstance(params.at(settings[section], name), dict):
                raise UserError(
                    f"params.yaml: {section}.tasks names {name}; add its own parameters, "
                    f"`{name}: {{}}` for none, under {section}."
                )
            values = params.of_task(settings[section], name)
            for key in POSITIVE:
                _number(f"{section}.{name}.{key}", values.get(key), key not in FRACTIONS)
            if values.get("max_steps") is not None:
                _number(f"{section}.{name}.max_steps", values["max_steps"], True, "null or ")
            room = values["max_length"] - span["query_length"] - SPECIALS
            if tasks[name].head == "span" and span["doc_stride"] > room:
                raise UserError(
                    f"params.yaml: span.doc_stride is {span['doc_stride']}; expected at most "
                    f"{room}: {section}.{name}.max_length {values['max_length']} less "
                    f"span.query_length and {SPECIALS} special tokens, or parts of a context would "
                    "be skipped."
                )
    examples = settings["target"].get("evaluation_examples")
    if examples is not None:
        _number("target.evaluation_examples", examples, True, "null or ")
    retrieve = settings["retrieve"]
    if retrieve.get("pooling") not in POOLING:
        raise UserError(
            f"params.yaml: retrieve.pooling is {retrieve.get('pooling')!r}; expected one of "
            f"{', '.join(POOLING)}."
        )
    layer = retrieve.get("layer")
    if type(layer) is not int or layer < 0:
        raise UserError(
            f"params.yaml: retrieve.layer is {layer!r}; expected the number of a hidden state, "
            "where 0 is the embedding layer."
        )


def check_shape(settings: dict[str, Any]) -> None:
    """Sections are there, lists are lists without repeats, counts are whole and above 0."""
    lists = {
        "data": ("tasks",),
        "intermediate": ("tasks",),
        "target": ("tasks", "encoders", "seeds"),
        "retrieve": ("tasks", "encoders"),
        "engine": (),
        "span": (),
    }
    for section, names in lists.items():
        if not isinstance(settings.get(section), dict):
            raise UserError(f"params.yaml: the section {section} is missing.")
        for name in names:
            value = settings[section].get(name)
            # a study may go without retrieval
            empty = section != "retrieve" and not value
            if not isinstance(value, list) or empty or len(set(map(str, value))) < len(value):
                raise UserError(
                    f"params.yaml: {section}.{name} is {value!r}; expected a list"
                    f"{', not empty' if section != 'retrieve' else ''}, without repeats."
                )
    for key in (*CHOICES, *COUNTS):
        if key not in settings["engine"]:
            raise UserError(f"params.yaml: engine.{key} is missing.")
    for section, counts in (("engine", COUNTS), ("span", SPAN)):
        for key in counts:
            _number(f"{section}.{key}", settings[section].get(key), True)
    if (kept := settings["target"].get("keep_models")) not in KEPT:
        raise UserError(f"params.yaml: target.keep_models is {kept!r}; expected one of {KEPT}.")
    for seed in [*settings["target"]["seeds"], settings["intermediate"].get("seed")]:
        if not isinstance(seed, int) or isinstance(seed, bool) or seed < 0:
            raise UserError(f"params.yaml: the seed {seed!r} is no whole number from 0.")


def _number(place: str, value: Any, whole: bool, before: str = "") -> None:
    """Refuse what is no number above 0."""
    kinds = int if whole else int | float
    if not isinstance(value, kinds) or isinstance(value, bool) or not value > 0:
        raise UserError(
            f"params.yaml: {place} is {value!r}; expected {before}a "
            f"{'whole ' if whole else ''}number above 0."
        )
