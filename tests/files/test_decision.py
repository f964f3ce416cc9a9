"""What becomes of a file, for every way in which disk, index and bucket may differ."""

import pytest

from adapter.files.decision import Decision, How, Row, Stored, decide, is_same_content, row_of
from adapter.files.entry import Entry

_MD5 = "a" * 32
_OTHER = "b" * 32
_S = 1_000_000_000
_ENTRY = Entry(b"f", 10, 100 * _S + 1, 200 * _S + 1, 7, 0o100644, 1000, 1000, "", b"", 900 * _S)
_ROW = row_of(_ENTRY, _MD5, How.OBJECT, _MD5)
_STORED = Stored(10, _MD5)
_PARTS = _ROW._replace(how=How.PARTS.value, etag=_OTHER)
_CHUNKS = _ROW._replace(how=How.CHUNKS.value, etag=_OTHER, chunks="digest")
_ODD = _ROW._replace(etag="", uploaded="2026-11-27 10:00:00")


def test_a_file_that_is_not_in_the_bucket_is_sent() -> None:
    assert decide(_ENTRY, _ROW, None) is Decision.SEND
    assert decide(_ENTRY, None, None) is Decision.SEND


@pytest.mark.parametrize(
    ("row", "stored"),
    [
        (_ROW, _STORED),
        (_PARTS, Stored(10, _OTHER)),
        (_CHUNKS, Stored(94, _OTHER, frozenset({"old", "digest"}))),
        (_ODD, Stored(10, "", uploaded="2026-11-27 10:00:00")),
    ],
    ids=["object", "parts", "chunks", "no MD5"],
)
def test_what_is_as_it_was_sent_and_still_there_is_unchanged(row: Row, stored: Stored) -> None:
    assert decide(_ENTRY, row, stored) is Decision.UNCHANGED


@pytest.mark.parametrize(
    ("row", "stored", "decision"),
    [
        (_ROW, Stored(10, _OTHER), Decision.SEND),
        (_ROW, Stored(11, _MD5), Decision.SEND),
        (_ROW, Stored(10, ""), Decision.SEND),
        (_PARTS, Stored(10, "c" * 32), Decision.SEND),
        (_PARTS, Stored(10, _MD5), Decision.KNOWN),
        (_CHUNKS, Stored(94, _OTHER, frozenset({"another"})), Decision.SEND),
        (_CHUNKS, Stored(94, "c" * 32, frozenset({"digest"})), Decision.SEND),
        (_CHUNKS, Stored(10, _MD5), Decision.KNOWN),
        (_ODD, Stored(10, "", uploaded="2026-11-27 10:00:01"), Decision.SEND),
        (_ODD, Stored(10, ""), Decision.SEND),
        (_ODD, Stored(10, _MD5), Decision.KNOWN),
    ],
)
def test_what_is_not_what_was_recorded_in_the_bucket(row: Row, stored: Stored, decision: Decision) -> None:
    """Nothing is read: the content of the file is known by its row."""
    assert decide(_ENTRY, row, stored) is decision


@pytest.mark.parametrize(
    "row",
    [
        _ROW._replace(mtime_ns=1),
        _ROW._replace(ctime_ns=1),
        _ROW._replace(inode=8),
        _ROW._replace(seen_ns=200 * _S),
    ],
    ids=["mtime", "ctime", "inode", "racy"],
)
def test_what_moved_on_the_disk_is_read_if_its_size_is_in_the_bucket(row: Row) -> None:
    assert decide(_ENTRY, row, _STORED) is Decision.HASH
    assert decide(_ENTRY, row, Stored(11, _MD5)) is Decision.SEND
    assert decide(_ENTRY, row, Stored(10, "")) is Decision.SEND
    parts = row._replace(how=How.PARTS.value, etag=_OTHER)
    assert decide(_ENTRY, parts, Stored(10, _OTHER)) is Decision.HASH


def test_another_size_is_never_read() -> None:
    assert decide(_ENTRY, _ROW._replace(size=9), Stored(9, _MD5)) is Decision.SEND


@pytest.mark.parametrize(
    ("stored", "decision"),
    [
        (_STORED, Decision.HASH),
        (Stored(10, ""), Decision.SEND),
        (Stored(11, _MD5), Decision.SEND),
        (Stored(94, _MD5, frozenset({"digest"})), Decision.HASH),
    ],
)
def test_without_a_row_an_object_that_may_be_the_same_is_compared(stored: Stored, decision: Decision) -> None:
    assert decide(_ENTRY, None, stored) is decision


@pytest.mark.parametrize(
    ("time", "seen", "decision"),
    [
        (200 * _S + 1, 200 * _S + _S // 10 + 2, Decision.UNCHANGED),  # fine times: a tenth of a second
        (200 * _S + 1, 200 * _S + _S // 10 + 1, Decision.HASH),
        (200 * _S, 202 * _S + 1, Decision.UNCHANGED),  # a whole second, as of FAT: two seconds
        (200 * _S, 202 * _S, Decision.HASH),
        (300 * _S, 200 * _S, Decision.HASH),  # the clock of the file system is ahead
    ],
)
def test_a_row_from_within_one_step_of_the_clock_is_not_trusted(
    time: int, seen: int, decision: Decision
) -> None:
    entry, row = _ENTRY._replace(ctime_ns=time), _ROW._replace(ctime_ns=time, seen_ns=seen)
    assert decide(entry, row, _STORED) is decision


def test_without_inodes_size_and_time_decide_and_are_racy_too() -> None:
    row = _ROW._replace(ctime_ns=1, inode=8)
    assert decide(_ENTRY, row, _STORED, ignore_inode=True) is Decision.UNCHANGED
    assert decide(_ENTRY, row._replace(mtime_ns=5), _STORED, ignore_inode=True) is Decision.HASH
    racy = row._replace(seen_ns=row.mtime_ns + 5)
    assert decide(_ENTRY, racy, _STORED, ignore_inode=True) is Decision.HASH


def test_rereading_trusts_no_row() -> None:
    assert decide(_ENTRY, _ROW, _STORED, reread=True) is Decision.HASH
    assert decide(_ENTRY, _PARTS, Stored(10, _OTHER), reread=True) is Decision.HASH


@pytest.mark.parametrize(
    ("md5", "row", "stored", "same"),
    [
        (_MD5, None, _STORED, True),
        (_OTHER, None, _STORED, False),
        (_MD5, _PARTS, Stored(10, _OTHER), True),
        (_OTHER, _PARTS, Stored(10, _OTHER), False),
        (_MD5, _PARTS, Stored(10, "c" * 32), False),
        (_MD5, _CHUNKS, Stored(94, _OTHER, frozenset({"digest"})), True),
        (_MD5, _CHUNKS, Stored(94, _OTHER), False),
        ("", None, Stored(10, ""), False),
    ],
)
def test_which_content_the_bucket_holds(md5: str, row: Row | None, stored: Stored, *, same: bool) -> None:
    """An ETag of parallel parts that looks like another file's MD5 is no proof of that file."""
    assert is_same_content(md5, _ENTRY, row, stored) is same
