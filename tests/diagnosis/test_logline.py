"""Any bytes, in any chunks, give the same records in bounded memory, and never an exception."""

import json
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from adapter.diagnosis.logline import (
    MAX_LINE_BYTES,
    Level,
    LineSplitter,
    LogRecord,
    PlainLine,
    Stats,
    Transferring,
    parse_line,
)

_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
_FIELDS = ("level", "msg", "object", "objectType", "size", "stats", "time", "source", "skipped")
_RECORDS = st.fixed_dictionaries(
    {}, optional={name: _JSON | st.sampled_from(["error", "Copied (new)"]) for name in _FIELDS}
).map(lambda fields: json.dumps(fields).encode())


def _split(*chunks: bytes, max_line_bytes: int = MAX_LINE_BYTES) -> list[bytes]:
    splitter = LineSplitter(max_line_bytes)
    return [*(line for chunk in chunks for line in splitter.feed(chunk)), *splitter.end()]


def _record(**fields: object) -> LogRecord:
    record = parse_line(json.dumps({"level": "info", "msg": "", **fields}).encode())
    assert isinstance(record, LogRecord)
    return record


@pytest.mark.parametrize(
    ("line", "level"),
    [
        (b'{"level":"debug","msg":"m"}', Level.DEBUG),
        (b'{"level":"info","msg":"m"}', Level.INFO),
        (b'{"level":"warning","msg":"m"}', Level.NOTICE),  # 1.65.2 to 1.69.3
        (b'{"level":"notice","msg":"m"}', Level.NOTICE),  # from 1.70.3
        (b'{"level":"error","msg":"m"}', Level.ERROR),
        (b'{"level":"fatal","msg":"m"}', Level.CRITICAL),  # 1.65.2 to 1.69.3
        (b'{"level":"critical","msg":"m"}', Level.CRITICAL),  # from 1.70.3
        (b'{"level":"ERROR+4","msg":"m"}', Level.NOTICE),
        (b'{"level":7,"msg":"m"}', Level.NOTICE),
        (b'{"level":null,"msg":"m"}', Level.NOTICE),
    ],
)
def test_the_levels_of_every_version(line: bytes, level: Level) -> None:
    record = parse_line(line)
    assert isinstance(record, LogRecord)
    assert record.level is level


def test_a_line_about_a_file_of_1_65_2_and_of_1_75_2() -> None:
    old = (
        b'{"level":"info","msg":"Copied (new)","object":"sub/\xc3\xbc name","objectType":"*local.Object",'
        b'"size":100,"source":"operations/copy.go:360","time":"2026-01-01T00:00:00.98+00:00"}'
    )
    new = (
        b'{"time":"2026-01-01T00:00:00.14Z","level":"info","msg":"Copied (new)","size":100,'
        b'"object":"sub/\xc3\xbc name","objectType":"*local.Object","source":"operations/copy.go:382"}'
    )
    assert parse_line(old) == parse_line(new)
    assert parse_line(new) == LogRecord(
        level=Level.INFO, message="Copied (new)", item="sub/ü name", item_type="*local.Object", size=100
    )


def test_the_counters_of_a_stats_line() -> None:
    record = parse_line(
        b'{"level":"notice","msg":"\\nTransferred: 5 MiB","stats":{"bytes":5242880,"checks":3,"errors":1,'
        b'"eta":null,"listed":9,"speed":262144.5,"totalBytes":20971520,"transferring":[{"bytes":5242880,'
        b'"eta":7,"group":"global_stats","name":"big","percentage":25,"size":20971520,"speed":1.5}],'
        b'"transfers":2}}'
    )
    assert isinstance(record, LogRecord)
    assert record.stats == Stats(
        bytes_sent=5242880,
        total_bytes=20971520,
        checks=3,
        transfers=2,
        errors=1,
        listed=9,
        transferring=(Transferring(name="big", bytes_done=5242880, size=20971520),),
    )


def test_an_invalid_counter_is_0_and_the_others_are_kept() -> None:
    stats = _record(stats={"bytes": "many", "checks": 1.5, "transfers": 4, "errors": None}).stats
    assert stats == Stats(transfers=4)


@pytest.mark.parametrize("odd", [None, 5, "x", ["x"], [{"bytes": 1}], {"name": "x"}])
def test_invalid_transfers_are_left_out(odd: object) -> None:
    record = _record(stats={"bytes": 7, "transferring": odd})
    assert record.stats == Stats(bytes_sent=7)


@pytest.mark.parametrize("field", ["object", "objectType", "size", "stats"])
@pytest.mark.parametrize("odd", [True, -1.5, "x", [], {"a": [1]}, None])
def test_an_invalid_part_is_left_out_and_the_line_is_kept(field: str, odd: object) -> None:
    record = _record(msg="kept", **{field: odd})
    assert record.message == "kept"


@pytest.mark.parametrize(
    "line",
    [
        b"2026/01/01 00:00:00 Failed to copy: directory not found",
        b"panic: runtime error: index out of range [3] with length 3",
        b"goroutine 1 [running]:",
        b"{",
        b"{}",
        b"[]",
        b"null",
        b'{"level":"info"}',
        b'{"msg":"no level"}',
        b'{"level":"info","msg":5}',
        b'{"level":"info","msg":"cut in the mid',
        b'{"level":"info","msg":"\\ud800"}',
        b'{"level":"info","msg":"\xff"}',
        b'{"level":"info","msg":"m","x":' + b"[" * 100_000,
    ],
)
def test_a_line_that_is_not_json_is_evidence(line: bytes) -> None:
    parsed = parse_line(line)
    assert isinstance(parsed, PlainLine)
    assert line[:100].decode("utf-8", "backslashreplace") in parsed.message


def test_evidence_shows_every_byte_and_is_bounded() -> None:
    assert parse_line(b"a\xffb\x00") == PlainLine("a\\xffb\x00")
    long = parse_line(b"x" * MAX_LINE_BYTES)
    assert isinstance(long, PlainLine)
    assert len(long.message) < 10_000


@pytest.mark.parametrize(
    ("item", "item_type", "about_item"),
    [
        ("a", "*local.Object", True),
        ("a", "*qingstor.Object", True),
        ("sub", "string", True),
        ("sub", "*fs.Dir", True),
        ("", "string", False),
        (None, None, False),
        ("QingStor bucket b path p", "*qingstor.Fs", False),
        ("Local file system at /src", "*local.Fs", False),
    ],
)
def test_what_a_line_is_about(item: str | None, item_type: str | None, *, about_item: bool) -> None:
    assert _record(object=item, objectType=item_type).is_about_item is about_item


@pytest.mark.parametrize(
    ("message", "about"),
    [
        ("Attempt 1/3 failed with 2 errors and: x", True),
        ("Attempt 1/1 failed with 4 errors and: x", True),
        ("Attempt 2/3 succeeded", True),
        ("Failed to copy: Attempt 1/3 failed", False),
    ],
)
def test_lines_about_attempts(message: str, *, about: bool) -> None:
    assert _record(msg=message, level="error").is_about_attempt is about


@pytest.mark.parametrize("suffix", ["a3bbdebd", "wijaram2"])  # 1.75.2, 1.65.2
def test_a_damaged_download_has_the_name_of_its_file(suffix: str) -> None:
    """rclone logs its temporary name, and a retry with that name copied nothing."""
    message = "corrupted on transfer: md5 hash differ"
    assert _record(msg=message, object=f"sub/b.{suffix}.partial").item == "sub/b"
    # A file may really have such a name.
    assert _record(msg="Copied (new)", object=f"sub/b.{suffix}.partial").item == f"sub/b.{suffix}.partial"


def test_lines_end_at_newlines_and_lose_their_carriage_return() -> None:
    assert _split(b"a\r\nb\n\n \nc") == [b"a", b"b", b"c"]


def test_a_long_line_is_cut_and_the_next_one_is_whole() -> None:
    assert _split(b"x" * 50 + b"\nnext\n", max_line_bytes=10) == [b"x" * 10, b"next"]


def test_memory_stays_bounded_by_a_line_without_end() -> None:
    splitter = LineSplitter(max_line_bytes=100)
    for _ in range(1000):
        assert list(splitter.feed(b"x" * 10_000)) == []
    assert len(splitter._rest) == 100


@given(st.binary(max_size=300))
@example(b"\n" * 5)
def test_no_bytes_raise(data: bytes) -> None:
    for line in _split(data):
        parse_line(line)


@given(_RECORDS)
def test_no_json_raises(line: bytes) -> None:
    parsed = parse_line(line)
    assert isinstance(parsed, LogRecord | PlainLine)


@given(
    st.lists(_RECORDS | st.binary(max_size=40), max_size=8).map(b"\n".join),
    st.lists(st.integers(min_value=0, max_value=400), max_size=12),
    st.integers(min_value=1, max_value=60),
)
def test_any_chunking_gives_the_same_records(data: bytes, cuts: list[int], longest: int) -> None:
    edges = sorted({0, len(data), *(cut for cut in cuts if cut < len(data))})
    chunks = [data[start:end] for start, end in pairwise(edges)]
    assert b"".join(chunks) == data
    assert _split(*chunks, max_line_bytes=longest) == _split(data, max_line_bytes=longest)
    assert [parse_line(line) for line in _split(*chunks)] == [parse_line(line) for line in _split(data)]


@pytest.mark.parametrize("number", [-1, 10**19, 10**400, -(10**400)])
def test_a_number_beyond_the_range_of_go_is_ignored(number: int) -> None:
    """Such numbers made the rate overflow, the JSON of a summary fail, and counters decrease."""
    text = f'{{"level":"info","msg":"m","object":"o","size":{number},"stats":{{"bytes":{number}}}}}'
    record = parse_line(text.encode())
    assert isinstance(record, LogRecord)
    assert (record.size, record.stats and record.stats.bytes_sent) == (None, 0)


def test_the_message_of_a_line_of_megabytes_is_bounded() -> None:
    long = "x" * 900_000
    record = parse_line(f'{{"level":"error","msg":"{long}","object":"{long}"}}'.encode())
    assert isinstance(record, LogRecord)
    assert max(len(record.message), len(record.item or "")) < 10_000
    plain = parse_line(b"\xff" * 900_000)
    assert len(plain.message) < 40_000
