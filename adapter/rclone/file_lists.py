"""Lists of files and filter rules, written to files for rclone: a command line holds 2 MiB at most."""

from collections.abc import Iterable
from pathlib import Path

from adapter.machine.private import write_file


def files_from(names: Iterable[str], directory: Path) -> tuple[str, ...]:
    """Return the flag that limits rclone to these files; their list is written into `directory`.

    rclone still lists the directories that hold them.
    """
    path = directory / "files"
    write_file(path, b"".join(_encoded(name) for name in names))
    return (f"--files-from-raw={path}",)


def files_one_by_one(names: Iterable[str], directory: Path) -> tuple[str, ...]:
    """Return the same for a few files of directories that hold many: rclone looks at each file alone.

    Listed through `chunker`, every small object beside them would be downloaded, to see whether it describes
    chunks (backend/chunker, readXactID, 1.75.2).
    """
    return (*files_from(names, directory), "--no-traverse")


def rules_from(rules: Iterable[str], directory: Path) -> tuple[str, ...]:
    """Return the flag for these rules (`+ pattern`, `- pattern`); the first that fits a path wins."""
    path = directory / "rules"
    write_file(path, b"".join(_encoded(_without_blank_end(rule)) for rule in rules))
    return (f"--filter-from={path}",)


def _encoded(line: str) -> bytes:
    return line.encode("utf-8", "surrogateescape") + b"\n"


def _without_blank_end(rule: str) -> str:
    """Return the rule for a reader that trims lines, as rclone does (fs/filter, 1.75.2)."""
    bare = rule.rstrip()
    blanks = rule[len(bare) :]
    if blanks and (len(bare) - len(bare.rstrip("\\"))) % 2:
        bare = bare[:-1]  # it escaped the blank, which needs no escape in brackets
    return bare + "".join(f"[{blank}]" for blank in blanks)
