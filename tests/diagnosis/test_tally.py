"""Counts are correct after retries, passes and dry runs, and never decrease."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapter.contract.errors import ErrorCode, Evidence, Failure
from adapter.contract.events import Action, Verification
from adapter.diagnosis.logline import Level, LogRecord
from adapter.diagnosis.tally import Settled, Tally

_FAILURE = Failure(ErrorCode.SERVER_ERROR, "no", "later")
_ABSENT = "Need to transfer - File not found at Destination"
_MATCHED = "md5 = aed563ecafb4bcc5654c597a421547b2 OK"
_SIZES = {"a": 10, "b": 20, "c": 30}


def _tally(hashes_up_to: int = 1000) -> Tally:
    tally = Tally()
    tally.size_of = _SIZES.get
    tally.server_hashes_up_to = hashes_up_to
    return tally


def _say(tally: Tally, message: str, item: str = "a", size: int | None = None) -> Settled | None:
    level = Level.NOTICE if message.startswith("Skipped") else Level.DEBUG
    return tally.take(LogRecord(level=level, message=message, item=item, size=size))


@pytest.mark.parametrize(
    ("message", "action"),
    [
        ("Copied (new)", Action.NEW),
        ("Copied (replaced existing)", Action.MODIFIED),
        ("Multi-thread Copied (new)", Action.NEW),
        ("Multi-thread Copied (replaced existing)", Action.MODIFIED),
    ],
)
def test_a_copied_file(message: str, action: Action) -> None:
    tally = _tally()
    assert _say(tally, message, size=100) == Settled(action, "a", 100)
    assert tally.files_new == (action is Action.NEW)
    assert tally.files_changed == (action is Action.MODIFIED)
    assert (tally.data_added, tally.bytes_settled, tally.files_settled) == (100, 100, 1)


def test_a_copied_file_without_a_size_in_the_log() -> None:
    tally = _tally()
    assert _say(tally, "Copied (new)") == Settled(Action.NEW, "a", 10)
    assert tally.data_added == 10


@pytest.mark.parametrize(
    ("message", "verification"),
    [
        ("Unchanged skipping", Verification(by_size=1)),
        (
            "Destination mod time is within 1s of source and files identical, skipping",
            Verification(by_size=1),
        ),
        ("Destination exists, skipping", Verification(unverified=1)),
        ("Destination is newer than source, skipping", Verification(unverified=1)),
    ],
)
def test_an_unchanged_file(message: str, verification: Verification) -> None:
    tally = _tally()
    assert _say(tally, message) == Settled(Action.UNCHANGED, "a", 10)
    assert (tally.files_unmodified, tally.data_added, tally.bytes_settled) == (1, 0, 10)
    assert tally.verification == verification


@pytest.mark.parametrize("said", [_MATCHED, "Size and md5 of src and dst objects identical"])
def test_a_file_compared_by_the_checksum_of_the_server(said: str) -> None:
    tally = _tally()
    _say(tally, said)
    _say(tally, "Copied (new)", size=10)
    assert tally.verification == Verification(by_hash=1)


@pytest.mark.parametrize(
    "said",
    ["size = 100 OK", "size = 12582912 OK", "md5 differ", "md5 = c193497a1a06b2c72230e6146ff47080 (Local)"],
)
def test_other_comparisons_are_not_by_checksum(said: str) -> None:
    """rclone 1.73.5 and newer report a matching size in the same words."""
    tally = _tally()
    _say(tally, said)
    _say(tally, "Copied (new)", size=10)
    assert tally.verification == Verification(by_size=1)


def test_a_checksum_that_rclone_sent_itself_counts_as_size_only() -> None:
    tally = _tally(hashes_up_to=5)
    _say(tally, _MATCHED)
    _say(tally, "Copied (new)", size=10)
    assert tally.verification == Verification(by_size=1)


def test_a_file_of_unknown_size_does_not_count_as_compared_by_checksum() -> None:
    tally = _tally()
    _say(tally, _MATCHED, "unknown")
    _say(tally, "Unchanged skipping", "unknown")
    assert tally.verification == Verification(by_size=1)


def test_a_dry_run_distinguishes_new_from_changed_and_compares_nothing() -> None:
    tally = _tally()
    _say(tally, _ABSENT, "a")
    would = "Skipped copy as --dry-run is set (size 5)"
    assert _say(tally, would, "a", 5) == Settled(Action.NEW, "a", 5)
    assert _say(tally, would, "b", 6) == Settled(Action.MODIFIED, "b", 6)
    assert (tally.files_new, tally.files_changed, tally.data_added) == (1, 1, 11)
    assert tally.verification == Verification(unverified=2)


def test_a_failed_file_that_a_later_pass_settles_is_not_failed() -> None:
    tally = _tally()
    tally.fail("a", _FAILURE)
    assert tally.failed == {"a": _FAILURE}
    _say(tally, "Copied (new)", size=10)
    assert tally.failed == {}
    assert (tally.files_new, tally.errors_seen) == (1, 1)


def test_a_failed_file_that_the_next_pass_finds_unchanged_counts_once() -> None:
    """The object was stored, but the answer was lost."""
    tally = _tally()
    _say(tally, "Copied (new)", "b", 20)
    tally.fail("a", _FAILURE)
    _say(tally, "Unchanged skipping", "a")
    assert (tally.files_new, tally.files_unmodified, tally.failed) == (1, 1, {})


def test_a_second_pass_counts_no_file_twice() -> None:
    tally = _tally()
    _say(tally, "Copied (new)", "a", 10)
    _say(tally, "Unchanged skipping", "b")
    tally.fail("c", _FAILURE)
    tally.begin_again()
    assert _say(tally, "Unchanged skipping", "a") is None
    assert _say(tally, "Unchanged skipping", "b") is None
    assert _say(tally, "Copied (new)", "c", 30) == Settled(Action.NEW, "c", 30)
    assert (tally.files_new, tally.files_unmodified, tally.bytes_settled) == (2, 1, 60)


def test_files_that_the_first_pass_did_not_reach_are_counted_in_the_second() -> None:
    tally = _tally()
    _say(tally, "Copied (new)", "a", 10)
    tally.begin_again()
    for item in "abc":
        _say(tally, "Unchanged skipping", item)
    assert (tally.files_new, tally.files_unmodified) == (1, 2)


def test_a_failed_directory_needs_a_pass_over_everything() -> None:
    """rclone logs the directory; a retry with only that name copied nothing, and it stayed failed."""
    tally = _tally()
    tally.fail("a", _FAILURE)
    enough = [tally.only_files_failed]
    tally.fail("sub", _FAILURE, is_file=False)
    enough.append(tally.only_files_failed)
    tally.begin_again()
    enough.append(tally.only_files_failed)
    assert enough == [True, False, True]
    assert list(tally.failed) == ["a"]


def test_nothing_is_kept_for_a_file_that_never_settles() -> None:
    tally = _tally()
    for number in range(1000):
        _say(tally, _ABSENT, str(number))
        _say(tally, _MATCHED, str(number))
        tally.fail(str(number), _FAILURE)
    assert not tally._absent
    assert not tally._hash_matched


def test_all_failed_files_are_listed() -> None:
    tally = _tally()
    for number in range(150):
        tally.fail(str(number), _FAILURE)
    assert [file.item for file in tally.failed_files()] == [str(number) for number in range(150)]


@pytest.mark.parametrize("message", ["Copied (new)", "Unchanged skipping"])
def test_errors_and_lines_without_a_file_settle_nothing(message: str) -> None:
    tally = _tally()
    assert tally.take(LogRecord(level=Level.ERROR, message=message, item="a")) is None
    assert tally.take(LogRecord(level=Level.INFO, message=message)) is None
    assert tally.files_settled == 0


_STEPS = st.tuples(
    st.sampled_from(
        [
            "Copied (new)",
            "Copied (replaced existing)",
            "Unchanged skipping",
            "Destination exists, skipping",
            "Skipped copy as --dry-run is set (size 5)",
            _ABSENT,
            _MATCHED,
            "fail",
            "fail directory",
            "begin again",
        ]
    ),
    st.sampled_from("abcd"),
    st.none() | st.integers(min_value=0, max_value=10**15),
)


@given(st.lists(_STEPS, max_size=40))
def test_counts_never_decrease_and_add_up(steps: list[tuple[str, str, int | None]]) -> None:
    tally = _tally()
    before = [0] * 6
    for step, item, size in steps:
        if step == "begin again":
            tally.begin_again()
        elif step.startswith("fail"):
            tally.fail(item, _FAILURE, is_file=step == "fail")
        else:
            settled = _say(tally, step, item, size)
            if settled is not None:
                assert item not in tally.failed
        counts = [
            tally.files_new,
            tally.files_changed,
            tally.files_unmodified,
            tally.data_added,
            tally.bytes_settled,
            tally.errors_seen,
        ]
        assert all(now >= then for now, then in zip(counts, before, strict=True))
        before = counts
        verified = tally.verification
        assert verified.by_hash + verified.by_size + verified.unverified == tally.files_settled


def test_many_equal_failures_share_one_object() -> None:
    tally = Tally()
    for number in range(1200):
        evidence = Evidence(http_status=503, request_id=f"r{number}")
        tally.fail(f"file {number}", Failure(ErrorCode.SERVER_ERROR, "no", "later", evidence=evidence))
    kept = list(tally.failed.values())
    assert len({id(failure) for failure in kept}) == 1001
    assert kept[999].evidence.request_id == "r999"
    assert (kept[-1].code, kept[-1].evidence) == (ErrorCode.SERVER_ERROR, Evidence(http_status=503))
    differs = Failure(ErrorCode.INTEGRITY_MISMATCH, "no", "later", evidence=Evidence(log_tail=("md5",)))
    tally.fail("one more", differs)
    assert tally.failed["one more"] is differs


def test_a_checksum_counts_only_up_to_the_size_that_the_server_hashes() -> None:
    tally = _tally(hashes_up_to=_SIZES["b"])
    for item in _SIZES:
        _say(tally, _MATCHED, item)
        _say(tally, "Unchanged skipping", item)
    assert tally.verification == Verification(by_hash=2, by_size=1)
