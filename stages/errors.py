"""How every stage fails: one clear message on stderr, exit status 1, no traceback."""

from __future__ import annotations

import errno
import sys
from collections.abc import Callable

STORAGE = (errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EROFS)


class UserError(Exception):
    """Something the user can mend: says what was expected, what was found, where, what to do."""


def run(main: Callable[[], None]) -> None:
    """Call `main` and turn what a user can mend into one message and exit status 1.

    A full disk and a file without permission are the user's to mend as well; anything else
    is a defect of ours and keeps its traceback.
    """
    try:
        main()
    except UserError as error:
        sys.exit(f"error: {error}")
    except KeyboardInterrupt:
        sys.exit("error: interrupted; run the same command again to go on.")
    except FileNotFoundError as error:
        if error.filename is None:
            raise
        sys.exit(
            f"error: {error.filename} not found: run the stage that writes it (`dvc repro`), or "
            "bring it with `dvc pull`."
        )
    except Exception as error:
        cause = _storage(error)
        if cause is None:
            raise
        sys.exit(
            f"error: {cause}. What was there before is untouched; make room (or give the right to "
            "write) and run the same command again."
        )


def _storage(error: Exception) -> str | None:
    """What the disk said, if this is the disk's doing: libraries wrap its error each their way."""
    if isinstance(error, OSError) and error.errno in STORAGE:
        return f"could not write {error.filename or 'a file'}: {error.strerror}"
    for sign in ("No space left on device", "disk is full"):
        if sign in str(error):
            return f"could not write: {sign}"
    return None
