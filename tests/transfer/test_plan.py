"""The planner: settled before the first byte, also for sizes that no test could send."""

from pathlib import Path

import pytest

from adapter.rclone.binary import Rclone
from adapter.runs.scan import File
from adapter.storage.advice import AdviceCode
from adapter.transfer.plan import SINGLE_PUT_MAX, Limits, make_plan, single_put_max
from rclone_conf.qingstor import MAX_PARTS
from rclone_conf.values import GIB, MIB

TIB = 1024 * GIB


def _limits(
    cutoff: int | None = None,
    chunk: int | None = None,
    concurrency: int | None = None,
    budget: int = 512 * MIB,
    transfers: int | None = None,
) -> Limits:
    return Limits(cutoff, chunk, concurrency, budget, transfers)


@pytest.mark.parametrize(
    ("cutoff", "chunk", "concurrency", "expected"),
    [
        (None, None, None, SINGLE_PUT_MAX),
        (None, None, 1, SINGLE_PUT_MAX),
        (None, None, 4, 200 * MIB),  # who wants parts at once gets them: rclone's own cutoff
        (200 * MIB, None, None, 200 * MIB),
        (0, None, 4, 4 * MIB),
        (0, 16 * MIB, None, 16 * MIB),
        (SINGLE_PUT_MAX, None, 4, SINGLE_PUT_MAX),
    ],
)
def test_what_one_put_carries(
    cutoff: int | None, chunk: int | None, concurrency: int | None, expected: int
) -> None:
    assert single_put_max(_limits(cutoff, chunk, concurrency)) == expected


def test_with_a_blank_cutoff_and_parts_at_once_large_files_go_in_parts() -> None:
    plan = make_plan([File(b"large", 300 * MIB)], _limits(concurrency=4))
    assert [file.path for file in plan.multipart] == [b"large"]
    assert plan.upload_concurrency == 4


@pytest.mark.parametrize("size", [6 * GIB, 39 * GIB, TIB, 40 * TIB])
def test_with_a_blank_cutoff_huge_files_go_in_chunks_that_one_put_carries(size: int) -> None:
    plan = make_plan([File(b"huge", size)], _limits())

    assert plan.multipart == ()
    assert [file.path for file in plan.chunked] == [b"huge"]
    assert plan.chunker_size <= SINGLE_PUT_MAX
    assert [notice.code for notice in plan.notices] == [AdviceCode.HUGE_FILES_CHUNKED]


def test_files_in_parts_fit_the_memory_budget_together() -> None:
    files = [File(b"f%d" % number, 150 * MIB) for number in range(8)]

    plan = make_plan(files, _limits(cutoff=100 * MIB, concurrency=4, transfers=8))

    assert len(plan.multipart) == 8
    assert plan.upload_concurrency == 4
    assert plan.multipart_transfers * 150 * MIB + 90 * MIB <= 512 * MIB
    assert plan.notices == ()


def test_a_file_that_does_not_fit_the_budget_gives_way_with_a_word_about_it() -> None:
    plan = make_plan([File(b"large", GIB), File(b"small", 300 * MIB)], _limits(cutoff=200 * MIB))

    assert [file.path for file in plan.multipart] == [b"small"]
    assert [file.path for file in plan.chunked] == [b"large"]
    assert plan.chunker_size == 200 * MIB
    assert [notice.code for notice in plan.notices] == [
        AdviceCode.HUGE_FILES_CHUNKED,
        AdviceCode.MULTIPART_MEMORY,
    ]
    assert "512Mi" in plan.notices[1].message


@pytest.mark.parametrize("size", [39 * GIB, 40 * GIB, TIB, 40 * TIB])
def test_parts_are_never_more_than_qingstor_takes(size: int) -> None:
    plan = make_plan([File(b"huge", size)], _limits(cutoff=200 * MIB, budget=100 * TIB))

    assert plan.multipart
    assert -(-size // plan.part_size) <= MAX_PARTS
    warned = [notice.code for notice in plan.notices] == [AdviceCode.FILE_SIZE_LIMIT]
    assert warned == (plan.part_size > 4 * MIB)


def test_an_rclone_that_cannot_send_parts_sends_chunks() -> None:
    limits = Limits(100 * MIB, None, 4, 512 * MIB, None, parts_work=False)

    plan = make_plan([File(b"f", 150 * MIB)], limits)

    assert plan.multipart == ()
    assert [file.path for file in plan.chunked] == [b"f"]
    assert "1.74" in plan.notices[1].message


@pytest.mark.parametrize(
    ("version", "works"), [((1, 71, 2), True), ((1, 72, 0), False), ((1, 73, 5), False), ((1, 74, 0), True)]
)
def test_which_rclones_send_parts(version: tuple[int, int, int], *, works: bool) -> None:
    assert Rclone(Path("rclone"), version).sends_parts is works


def test_nothing_large_nothing_special() -> None:
    plan = make_plan([], _limits(cutoff=200 * MIB))
    assert (plan.multipart, plan.chunked, plan.notices) == ((), (), ())
