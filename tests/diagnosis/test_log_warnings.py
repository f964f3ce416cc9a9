"""What rclone skips is a warning, in the wording of every version that the tests know."""

import pytest

from adapter.diagnosis.log_warnings import warning_of
from adapter.diagnosis.logline import Level, LogRecord


@pytest.mark.parametrize(
    ("message", "item", "code", "names"),
    [
        (
            'Entry doesn\'t belong in directory "dir" (same as directory) - ignoring',
            "dir/",
            "object_ignored",
            "dir/",
        ),
        ("Duplicate object found in destination - ignoring", "twice", "object_ignored", "twice"),
        (
            'Failed to remove old chunk: QingStor Error: StatusCode "403", Code "permission_denied"',
            "f.pluton_chunk.001_abcd",
            "chunks_left_behind",
            "f.pluton_chunk.001_abcd",
        ),
        (
            'Replacing invalid UTF-8 characters in "bad\\xff"',
            "Local file system at /src",
            "name_not_utf8",
            "bad\\xff",
        ),
        (
            (
                'Time may be set wrong - time from "pek3a.qingstor.com:443" is -59m59.4s different from this '
                "computer"
            ),
            None,
            "clock_differs",
            "-59m59.4s",
        ),
    ],
)
def test_a_notice_that_is_a_warning(message: str, item: str | None, code: str, names: str) -> None:
    warning = warning_of(LogRecord(level=Level.NOTICE, message=message, item=item))
    assert warning is not None
    assert warning.code == code
    assert names in warning.message
    assert "{" not in warning.message


@pytest.mark.parametrize(
    "message", ["Copied (new)", "Failed to copy: Can't follow symlink", "There was nothing to transfer", ""]
)
def test_other_lines_are_not_warnings(message: str) -> None:
    assert warning_of(LogRecord(level=Level.ERROR, message=message, item="x")) is None
