"""Lists of files and filter rules, written to files for rclone: a command line holds 2 MiB at most."""

import os
from collections.abc import Iterable
from pathlib import Path

from adapter.machine.private import open_file, write_file


def files_from(names: Iterable[bytes], directory: Path) -> tuple[str, ...]:
    """Return the flag that limits rclone to these files; their list is written into `directory`.

    The names are in rclone's spelling, below the root. rclone still lists the directories that hold them.
    """
    path = directory / "files"
    with os.fdopen(open_file(path, os.O_WRONLY | os.O_TRUNC), "wb") as file:
        file.writelines(name + b"\n" for name in names)
    return (f"--files-from-raw={path}",)


def files_one_by_one(names: Iterable[bytes], directory: Path) -> tuple[str, ...]:
    """Return the same for a few files of directories that hold many: rclone looks at each file alone.

    Listed through `chunker`, every small object beside them would be downloaded, to see whether it describes
    chunks (backend/chunker, readXactID, 1.75.2).
    """
    return (*files_from(names, directory), "--no-traverse")


def rules_from(rules: Iterable[str], directory: Path) -> tuple[str, ...]:
    """Return the flag for these rules (`+ pattern`, `- pattern`); the first that fits a path wins."""
    path = directory / "rules"
    lines = (_without_blank_end(rule).encode("utf-8", "surrogateescape") + b"\n" for rule in rules)
    write_file(path, b"".join(lines))
    return (f"--filter-from={path}",)


def _without_blank_end(rule: str) -> str:
    """Return the rule for a reader that trims lines, as rclone does (fs/filter, 1.75.2)."""
    bare = rule.rstrip()
    return bare + "".join(f"[{blank}]" for blank in rule[len(bare) :])
