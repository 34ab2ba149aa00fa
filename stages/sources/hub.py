"""Find the parquet shards of a split on the hub, or in a mirror laid out as the hub."""

from __future__ import annotations

import functools
import hashlib
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from stages.errors import UserError
from stages.sources.origin import Origin
from stages.tasks import Source
from stages.writing import replacing_folder

if TYPE_CHECKING:
    from datasets import DatasetBuilder

ENCODER_FILES = ["config.json", "*.safetensors", "*.safetensors.index.json", "tokenizer*"]
# translation models come with sentencepiece's files, older ones with weights of torch
TRANSLATOR_FILES = [
    *ENCODER_FILES, "*.bin", "*.bin.index.json", "*.model", "vocab.json", "special_tokens_map.json",
    "generation_config.json",
]  # fmt: skip
HUB_PREFIX = "hf://datasets/"


def locate(
    task: str, source: Source, language: str, split: str, mirror: Path | None
) -> list[Origin]:
    """Return the shards of one split, downloaded if they come from the hub.

    Raises
    ------
    UserError
        The hub cannot be reached, or the mirror lacks the set, the configuration or the split.
    """
    configuration = source.configurations[language]
    place = f"{source.repository} ({configuration}, {source.splits[split]})"
    if mirror is not None and not (mirror / source.repository).is_dir():
        raise UserError(
            f"the mirror {mirror} lacks {source.repository}, which {task} needs: expected the "
            f"folder {mirror / source.repository}. Add it, or leave {task} out of params.yaml."
        )
    try:
        builder = _builder(source.repository, source.revision, configuration, mirror)
        files = builder.config.data_files or {}
        shards = files.get(source.splits[split])
    except ConnectionError as error:
        raise _unreachable(place, error) from error
    except (ValueError, FileNotFoundError) as error:
        where = mirror / source.repository if mirror else source.repository
        raise UserError(
            f"{where} has no {configuration}: {_short(error)} A study whose source lacks a "
            f"language says so: data.languages.{task}."
        ) from error
    if not shards:
        raise UserError(
            f"{mirror or 'the hub'}: no file for {place}; it has "
            f"{', '.join(map(str, files)) or 'no split'}. A study that scores another split says "
            f"so: data.evaluated.{task}."
        )
    return [_fetch(str(shard), place, mirror) for shard in shards]


@functools.lru_cache(maxsize=64)
def _builder(
    repository: str, revision: str, configuration: str, mirror: Path | None
) -> DatasetBuilder:
    from datasets import load_dataset_builder

    if mirror is None:
        return load_dataset_builder(repository, configuration, revision=revision)
    return load_dataset_builder(str(mirror / repository), configuration)


def _fetch(shard: str, place: str, mirror: Path | None) -> Origin:
    if not shard.startswith(HUB_PREFIX):
        path = Path(shard)
        name = str(path.relative_to(mirror)) if mirror else path.name
        with path.open("rb") as stream:
            return Origin(name, path, hashlib.file_digest(stream, "sha256").hexdigest())
    from huggingface_hub import hf_hub_download

    # hf://datasets/OWNER/NAME@REVISION/PATH
    owner, rest, filename = shard.removeprefix(HUB_PREFIX).split("/", 2)
    repository, revision = rest.split("@")
    try:
        local = hf_hub_download(
            f"{owner}/{repository}", filename, revision=revision, repo_type="dataset"
        )
    except (ConnectionError, OSError) as error:
        raise _unreachable(place, error) from error
    # the cache resolves to a file named by its SHA-256
    return Origin(f"{owner}/{repository}/{filename}", Path(local), Path(local).resolve().name)


def snapshot_encoder(
    repository: str,
    revision: str,
    out: Path,
    mirror: Path | None,
    wanted: Sequence[str] = ENCODER_FILES,
) -> None:
    """Put a model of the hub, or of the mirror, into `out`: an XLM-R encoder or a translator.

    wanted : patterns of the files that it consists of.
    Raises
    ------
    UserError
        The hub cannot be reached, or the repository holds no weights.
    """
    from huggingface_hub import snapshot_download

    if mirror is not None:
        source = mirror / repository
    else:
        try:
            source = Path(
                snapshot_download(repository, revision=revision, allow_patterns=list(wanted))
            )
        except (ConnectionError, OSError) as error:
            raise _unreachable(repository, error) from error
    found = [path for pattern in wanted for path in sorted(source.glob(pattern))]
    weights = [pattern for pattern in wanted if pattern in ("*.safetensors", "*.bin")]
    if not any(path.match(pattern) for path in found for pattern in weights):
        raise UserError(
            f"{source}: expected a model with {' or '.join(weights)} weights, found "
            f"{', '.join(path.name for path in found) or 'nothing'}."
        )
    with replacing_folder(out) as folder:
        for path in found:
            shutil.copy(path, folder / path.name)
    print(f"{out} from {repository} at {revision[:8]}", flush=True)


def _short(error: Exception) -> str:
    text = str(error).splitlines()[0]
    return text if len(text) <= 200 else f"{text[:200]} ..."


def _unreachable(place: str, error: Exception) -> UserError:
    return UserError(
        f"could not fetch {place} from the hub: {str(error).splitlines()[0]} Check the network "
        "(several retries were made; what was fetched is kept) or give a local copy with "
        "--mirror DIR."
    )
