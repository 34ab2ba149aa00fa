"""Every failure that a user can mend ends in one message and exit status 1."""

from __future__ import annotations

import errno
import sqlite3

import pytest

from stages.errors import UserError, run


def raising(error: BaseException):
    def main() -> None:
        raise error

    return main


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (UserError("expected a, found b"), "error: expected a, found b"),
        (
            OSError(errno.ENOSPC, "No space left on device", "x.parquet"),
            "could not write x.parquet",
        ),
        (RuntimeError("I/O error: No space left on device (os error 28)"), "No space left"),
        (sqlite3.OperationalError("database or disk is full"), "disk is full"),
        (PermissionError(errno.EACCES, "Permission denied", "cells"), "could not write cells"),
        (KeyboardInterrupt(), "interrupted"),
    ],
)
def test_one_message_and_no_traceback(error: BaseException, says: str) -> None:
    with pytest.raises(SystemExit) as stop:
        run(raising(error))
    assert says in str(stop.value)


def test_a_defect_of_ours_keeps_its_traceback() -> None:
    with pytest.raises(ZeroDivisionError):
        run(raising(ZeroDivisionError()))
