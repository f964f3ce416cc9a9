"""An exhausted resource of the machine is reported as such, not as a bug."""

import errno
import os
import sqlite3

import pytest

from adapter.contract.errors import ErrorCode
from adapter.contract.os_errors import refusal


@pytest.mark.parametrize(
    ("number", "code"),
    [
        (errno.E2BIG, ErrorCode.USAGE),
        (errno.ENOSPC, ErrorCode.DISK_FULL),
        (errno.EDQUOT, ErrorCode.DISK_FULL),
        (errno.EMFILE, ErrorCode.UNKNOWN),
        (errno.EAGAIN, ErrorCode.UNKNOWN),
        (errno.ENOMEM, ErrorCode.UNKNOWN),
    ],
)
def test_an_exhausted_resource_is_a_failure(number: int, code: ErrorCode) -> None:
    failure = refusal(OSError(number, os.strerror(number)))
    assert failure is not None
    assert failure.code is code


def test_a_full_disk_is_told_by_sqlite_in_its_own_words() -> None:
    failure = refusal(sqlite3.OperationalError("database or disk is full"))
    assert failure is not None
    assert failure.code is ErrorCode.DISK_FULL
    assert "disk is full" in failure.message


@pytest.mark.parametrize(
    "error",
    [
        sqlite3.IntegrityError("x"),
        OSError(errno.ENOENT, "x", "a file"),
        OSError("no number"),
        ValueError("x"),
    ],
)
def test_another_error_is_not(error: Exception) -> None:
    assert refusal(error) is None


def test_a_working_directory_that_is_gone_is_a_failure() -> None:
    failure = refusal(FileNotFoundError(errno.ENOENT, "No such file or directory"))
    assert failure is not None
    assert failure.code is ErrorCode.USAGE
