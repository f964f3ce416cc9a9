"""Lists of files and of filter rules for rclone, written to files: an argument list holds 2 MiB at most."""

from collections.abc import Iterable
from pathlib import Path


def files_from(names: Iterable[str], directory: Path) -> tuple[str, ...]:
    """The flag that limits rclone to these files, and the list that it needs, written into `directory`.

    rclone still lists the directories that hold them.
    """
    path = directory / "files"
    path.write_bytes(b"".join(_encoded(name) for name in names))
    return (f"--files-from-raw={path}",)


def files_one_by_one(names: Iterable[str], directory: Path) -> tuple[str, ...]:
    """The same, and each file is looked at by itself: for a few files of directories that hold many.

    Listed through `chunker`, every small object beside them would be downloaded, to see whether it describes
    chunks (backend/chunker, readXactID, 1.75.2).
    """
    return (*files_from(names, directory), "--no-traverse")


def rules_from(rules: Iterable[str], directory: Path) -> tuple[str, ...]:
    """The flag for these rules (`+ pattern`, `- pattern`), of which the first that fits a path wins."""
    path = directory / "rules"
    path.write_bytes(b"".join(_encoded(_without_blank_end(rule)) for rule in rules))
    return (f"--filter-from={path}",)


def _encoded(line: str) -> bytes:
    return line.encode("utf-8", "surrogateescape") + b"\n"


def _without_blank_end(rule: str) -> str:
    """The same rule for a reader that trims lines, as rclone's is (fs/filter, 1.75.2)."""
    bare = rule.rstrip()
    blanks = rule[len(bare) :]
    if blanks and (len(bare) - len(bare.rstrip("\\"))) % 2:
        bare = bare[:-1]  # it escaped the blank, which needs no escape in brackets
    return bare + "".join(f"[{blank}]" for blank in blanks)
