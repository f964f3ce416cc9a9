"""How each file will travel, settled before the first byte: one PUT, parts, or chunks. Pure.

Measured with rclone 1.75.2 (peak memory of rclone, one file at a time): one PUT 80 MiB whatever the size;
in parts the file's size plus 80 MiB, whatever the chunk size; through `chunker` in single PUTs 80 MiB.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from adapter.files.names import for_people
from adapter.rclone.binary import Rclone
from adapter.rclone.options import TransferOptions
from adapter.runs.scan import File
from adapter.storage.advice import AdviceCode
from adapter.storage.form import StorageForm
from rclone_conf.qingstor import DEFAULT_UPLOAD_CUTOFF, MAX_PARTS, MAX_UPLOAD_CUTOFF, MIN_CHUNK_SIZE
from rclone_conf.values import GIB, MIB, render_size

SINGLE_PUT_MAX = MAX_UPLOAD_CUTOFF
"""QingStor takes up to 5 GiB in one PUT; rclone refuses a greater upload_cutoff."""

_RCLONE_ITSELF = 90 * MIB
_SMALLEST_CHUNK = 64 * MIB
_LARGEST_CHUNK = GIB
_DEFAULT_PART = MIN_CHUNK_SIZE
"""rclone's default is the smallest there is."""
_DEFAULT_TRANSFERS = 4


@dataclass(frozen=True, slots=True)
class Limits:
    """What the user set (None: left to us) and what there is. Sizes in bytes."""

    upload_cutoff: int | None
    chunk_size: int | None
    upload_concurrency: int | None
    memory_budget: int
    transfers: int | None = None
    parts_work: bool = True
    """Whether this rclone can send a file in parts at all."""


def limits_of(form: StorageForm, options: TransferOptions, rclone: Rclone) -> Limits:
    """What a storage and the options of a run ask for, and what this rclone can do."""
    return Limits(
        form.upload_cutoff,
        form.chunk_size,
        form.upload_concurrency,
        options.memory_budget,
        options.transfers,
        rclone.sends_parts,
    )


@dataclass(frozen=True, slots=True)
class Notice:
    """A set value had to give way, or something is stored in an unusual way: a `warning` before the run."""

    code: AdviceCode
    message: str


@dataclass(frozen=True, slots=True)
class Plan:
    """Files up to `single_put_max` go in one PUT each; the lists hold all others."""

    single_put_max: int
    multipart: tuple[File, ...] = ()
    part_size: int = _DEFAULT_PART
    upload_concurrency: int = 1
    multipart_transfers: int = 1
    chunked: tuple[File, ...] = ()
    chunker_size: int = _LARGEST_CHUNK
    notices: tuple[Notice, ...] = ()


def single_put_max(limits: Limits) -> int:
    """Files above this size need a plan of their own.

    Up to one part rclone sends a single PUT in any case (measured with 1.75.2, upload_cutoff 0).
    """
    cutoff = _cutoff(limits)
    return min(SINGLE_PUT_MAX, max(cutoff, limits.chunk_size or _DEFAULT_PART))


def _cutoff(limits: Limits) -> int:
    """What was set; blank is ours to choose, unless parts at once are wanted: then it is rclone's default."""
    if limits.upload_cutoff is not None:
        return limits.upload_cutoff
    return SINGLE_PUT_MAX if limits.upload_concurrency in {None, 1} else DEFAULT_UPLOAD_CUTOFF


def make_plan(large: Sequence[File], limits: Limits) -> Plan:
    """The plan for the files above `single_put_max`.

    With a cutoff of the user's, files in parts while one of them fits the memory budget; everything else
    in chunks, each a single PUT of at most the cutoff.
    """
    room = limits.memory_budget - _RCLONE_ITSELF
    by_parts = _cutoff(limits) < SINGLE_PUT_MAX
    fitting = by_parts and limits.parts_work
    multipart = tuple(file for file in large if fitting and file.size <= room)
    chunked = tuple(file for file in large if not (fitting and file.size <= room))
    largest = max((file.size for file in multipart), default=0)
    asked_part = limits.chunk_size or _DEFAULT_PART
    part = max(asked_part, _round_up(largest, MAX_PARTS))
    transfers = limits.transfers or _DEFAULT_TRANSFERS
    return Plan(
        single_put_max=single_put_max(limits),
        multipart=multipart,
        part_size=part,
        upload_concurrency=limits.upload_concurrency or 1,
        multipart_transfers=max(1, min(transfers, room // largest)) if largest else 1,
        chunked=chunked,
        chunker_size=max(_SMALLEST_CHUNK, min(_LARGEST_CHUNK, single_put_max(limits))),
        notices=(*_about_parts(part, asked_part), *_about_chunks(chunked, limits, by_parts=by_parts)),
    )


def _round_up(size: int, parts: int) -> int:
    """The smallest whole number of MiB of which `parts` hold `size` bytes."""
    return -(-size // (parts * MIB)) * MIB


def _about_parts(part: int, asked: int) -> tuple[Notice, ...]:
    if part <= asked:
        return ()
    return (
        Notice(
            AdviceCode.FILE_SIZE_LIMIT,
            f"Chunk Size {render_size(asked)} gives way to {render_size(part)}: an upload may have "
            f"{MAX_PARTS} parts at most.",
        ),
    )


def _about_chunks(chunked: Sequence[File], limits: Limits, *, by_parts: bool) -> tuple[Notice, ...]:
    if not chunked:
        return ()
    notices = [
        Notice(
            AdviceCode.HUGE_FILES_CHUNKED,
            f"{_files(chunked)} stored in chunks (see docs/large-files.md); "
            "restore and the next backup see whole files.",
        )
    ]
    if by_parts and not limits.parts_work:
        notices.append(
            Notice(
                AdviceCode.MULTIPART_MEMORY,
                "Upload Cutoff and Upload Concurrency give way: this version of rclone fails on every upload "
                "in parts to QingStor; 1.74 and newer do not.",
            )
        )
    elif by_parts:
        notices.append(
            Notice(
                AdviceCode.MULTIPART_MEMORY,
                "Upload Cutoff and Upload Concurrency give way for these: rclone keeps a file that goes up "
                f"in parts in memory whole; the memory budget is {render_size(limits.memory_budget)}.",
            )
        )
    return tuple(notices)


def _files(files: Sequence[File]) -> str:
    largest = max(files, key=lambda file: file.size)
    if len(files) == 1:
        return f"{for_people(largest.path)} ({largest.size / GIB:.1f} GiB) is"
    return f"{len(files)} files, the largest {for_people(largest.path)} ({largest.size / GIB:.1f} GiB), are"
