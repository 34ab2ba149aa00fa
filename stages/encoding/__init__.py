"""Text to token ids: what the stage encode writes and a served model reads."""

from stages.encoding.columns import encode
from stages.encoding.tokens import load, offsets
from stages.encoding.unlabelled import check_known, check_text

__all__ = ["check_known", "check_text", "encode", "load", "offsets"]
