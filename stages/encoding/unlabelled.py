"""Unlabelled text in token ids: what must not train anything."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from stages.encoding.tokens import UNKNOWN
from stages.errors import UserError

if TYPE_CHECKING:
    import pyarrow as pa
    from tokenizers import Tokenizer

MOST_UNKNOWN = 0.5  # of the tokens of unlabelled text: a language that is mostly unknown


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
    values = pc.list_flatten(table["ids"])
    unknown = tokenizer.token_to_id(UNKNOWN)
    share = pc.sum(pc.equal(values, unknown)).as_py() / max(1, len(values)) if len(values) else 1
    if share > MOST_UNKNOWN:
        raise UserError(
            f"{place}: {share:.0%} of the tokens are {UNKNOWN}: the tokenizer of this encoder "
            f"cannot write {place.parent.name}. Take the language out of data.languages of "
            "params.yaml, or train another encoder."
        )
