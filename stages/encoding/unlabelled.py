"""Unlabelled text and translations in token ids: what must not train anything."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from stages.encoding.tokens import UNKNOWN
from stages.errors import UserError

if TYPE_CHECKING:
    import pyarrow as pa
    from tokenizers import Tokenizer

MOST_UNKNOWN = 0.5  # of the tokens of a file: a language that is mostly unknown


def check_text(table: pa.Table, tokenizer: Tokenizer, place: Path) -> None:
    """Refuse unlabelled text that the tokenizer does not know, or that has no tokens.

    Raises
    ------
    UserError
        Names the file, the row or the share of unknown tokens, and what to do.
    """
    import pyarrow.compute as pc

    lengths = pc.list_value_length(table["ids"]).to_numpy()
    if not lengths.all():
        row = int((lengths == 0).argmax())
        raise UserError(
            f"{place}, row {row} (id {table['id'][row]}): a text without tokens; take it out at "
            "its source and take the snapshot again."
        )
    check_known(table, tokenizer, place)


def check_known(table: pa.Table, tokenizer: Tokenizer, place: Path) -> None:
    """Refuse what is to train a model in a language that the tokenizer does not know.

    Raises
    ------
    UserError
        Names the file, the share of unknown tokens, and what to do.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    total = count = 0
    unknown = tokenizer.token_to_id(UNKNOWN)
    for name in table.column_names:
        values, kind = table[name], table.schema.field(name).type
        while name.endswith("ids") and pa.types.is_list(kind):
            values, kind = pc.list_flatten(values), kind.value_type
        if pa.types.is_integer(kind) and name.endswith("ids"):
            total += len(values)
            count += pc.sum(pc.equal(values, unknown)).as_py() or 0
    if (share := count / total if total else 1.0) > MOST_UNKNOWN:
        raise UserError(
            f"{place}: {share:.0%} of the tokens are {UNKNOWN}: the tokenizer of this encoder "
            f"cannot write {place.parent.name}. Take the language out of params.yaml "
            "(data.languages, data.tasks), or train another encoder."
        )
