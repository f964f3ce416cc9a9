"""What rclone's log says of a file, in the words of every version that the tests know."""

import pytest

from adapter.diagnosis.file_lines import FileLine, Said, said_of_file
from adapter.diagnosis.logline import Level, LogRecord, is_chatter

_MD5 = "aed563ecafb4bcc5654c597a421547b2"


@pytest.mark.parametrize(
    ("message", "said"),
    [
        ("Copied (new)", Said(FileLine.COPIED, "a", is_new=True)),
        ("Copied (replaced existing)", Said(FileLine.COPIED, "a")),
        ("Multi-thread Copied (new)", Said(FileLine.COPIED, "a", is_new=True)),
        ("Multi-thread Copied (replaced existing)", Said(FileLine.COPIED, "a")),
        (f"md5 = {_MD5} OK", Said(FileLine.CHECKSUM, "a", _MD5)),
        ("Skipped copy as --dry-run is set (size 10)", Said(FileLine.PRETENDED, "a")),
        ("size = 10 OK", None),
        ("sha1 = 0000 OK", None),
        ("Copied nothing", None),
        ("Failed to copy: Copied (new)", None),
    ],
)
def test_a_line_about_a_file(message: str, said: Said | None) -> None:
    assert said_of_file(LogRecord(level=Level.INFO, message=message, item="a")) == said


def test_what_is_an_error_or_of_no_file_says_nothing() -> None:
    assert said_of_file(LogRecord(level=Level.ERROR, message="Copied (new)", item="a")) is None
    assert said_of_file(LogRecord(level=Level.INFO, message="Copied (new)")) is None


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (b'{"level":"debug","msg":"Need to transfer","object":"a"}', True),
        (b'{"level":"debug","msg":"size = 10 OK","object":"a"}', True),
        (b'{"level":"debug","msg":"md5 = 00 OK","object":"a"}', False),
        (b'{"level":"debug","msg":"OK","object":"a"}', False),
        (b'{"level":"info","msg":"Copied (new)","object":"a"}', False),
        (b"panic: runtime error", False),
    ],
)
def test_debug_lines_are_dropped_but_for_checksums(line: bytes, *, expected: bool) -> None:
    assert is_chatter(line) is expected
