"""Counts add up whatever order things happen in."""

from hypothesis import given
from hypothesis import strategies as st

from adapter.contract.errors import ErrorCode, Evidence, Failure
from adapter.contract.events import Action, Verification
from adapter.diagnosis.tally import Tally

_FAILURE = Failure(ErrorCode.SERVER_ERROR, "no", "later")


def test_each_action_is_counted_as_what_it_is() -> None:
    tally = Tally()
    for action in (Action.NEW, Action.MODIFIED, Action.UNCHANGED, Action.RESTORED, Action.UPDATED):
        tally.settle(action.value, action, 10, "by_hash")
    assert (tally.files_new, tally.files_changed, tally.files_unmodified) == (2, 2, 1)
    assert (tally.data_added, tally.bytes_settled, tally.files_settled) == (40, 50, 5)
    assert tally.verification == Verification(by_hash=5)


def test_a_file_that_fails_and_is_copied_after_all_is_no_failure() -> None:
    tally = Tally()
    tally.fail("a", _FAILURE)
    tally.fail("b", _FAILURE)
    tally.settle("a", Action.NEW, 1, "by_size")
    tally.let_go("b")
    assert (tally.failed, tally.errors_seen, tally.files_gone) == ({}, 2, 1)


_STEPS = st.lists(st.tuples(st.sampled_from("abcd"), st.sampled_from(("settle", "fail", "go"))), max_size=20)


@given(_STEPS)
def test_every_file_is_counted_once(steps: list[tuple[str, str]]) -> None:
    tally = Tally()
    done: set[str] = set()
    for item, step in steps:
        if item in done:
            continue
        if step == "fail":
            tally.fail(item, _FAILURE)
        elif step == "go":
            tally.let_go(item)
            done.add(item)
        else:
            tally.settle(item, Action.NEW, 1, "by_hash")
            done.add(item)
    known = tally.files_settled + tally.files_gone + len(tally.failed)
    assert known == len({item for item, _ in steps})


def test_many_failures_cost_little_more_than_their_names() -> None:
    """All evidence of a million failures was kept, and with it the log of each."""
    tally = Tally()
    for number in range(3000):
        evidence = Evidence(http_status=503, request_id=str(number), log_tail=(f"line {number}",))
        tally.fail(str(number), Failure(ErrorCode.SERVER_ERROR, "no", "later", evidence=evidence))
    kept = tally.failed
    assert kept["5"].evidence.log_tail == ("line 5",)
    assert kept["2000"] is kept["2999"]
    assert kept["2999"].evidence.http_status == 503
