"""`make demo`: the main job before your eyes, against a QingStor on this machine.

A real backup by the real rclone with progress, then a restore that is compared byte for byte.
"""

import json
import os
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path

from rich.console import Console

from tests.program import Program, document
from tests.qingstor_server import QingStorServer
from tests.trees import digest

_BUCKET = "pluton-demo"
_TARGET = f"QingStor Backups:{_BUCKET}/python"
_console = Console(highlight=False)


class DemoFailed(Exception):
    """A step did not do what the demo promises."""


def main() -> None:
    """Run every step; exits with 1 and the step's output at the first that fails."""
    with tempfile.TemporaryDirectory(prefix="pluton-qingstor-demo-") as directory, QingStorServer() as server:
        server.add_bucket(_BUCKET)
        _run(Program(Path(directory), server), Path(directory))


def _run(program: Program, directory: Path) -> None:
    source = directory / "source"
    _title("A tree to back up: the standard library of this Python")
    _copy_standard_library(source)
    _say(f"{sum(1 for path in source.rglob('*') if path.is_file())} files in {source}")

    _title("The document that Pluton's form posts")
    form = document(settings={"connection_retries": 3})
    shown = json.loads(json.dumps(form))
    shown["credentials"]["secret_access_key"] = "********"
    _say(json.dumps(shown, indent=2))

    _title("Test Connection, then save")
    _step(program, "storage", "test", "--bucket", _BUCKET, given=form)
    _step(program, "storage", "save", given=form)

    _title("The section that an administrator finds in rclone.conf")
    _step(program, "storage", "show", "QingStor Backups")

    _title("First backup")
    _step(program, "backup", str(source), _TARGET)

    _title("One file changes and keeps its size; second backup")
    changed = source / "abc.py"
    changed.write_bytes(changed.read_bytes().replace(b"class", b"CLASS", 1))
    _step(program, "backup", str(source), _TARGET, "--verbose-files", quiet_unchanged=True)

    _title("Restore, compared byte for byte")
    restored = directory / "restored"
    _step(program, "restore", _TARGET, str(restored))
    before, after = digest(source), digest(restored)
    if before != after:
        raise DemoFailed("the restored tree differs from the source")
    _say(f"{len(after)} files compared: identical.", style="green")

    _title("What happened")
    _say(
        "A form became an rclone remote, was tested and saved; rclone, supervised, sent a tree to a local\n"
        "QingStor server, then only the one file that changed, and brought everything back.\n"
        "All of it was in a temporary directory and is gone now.\n\n"
        "Next: `.venv/bin/pluton-qingstor --help`, `make test`, and README.md for a storage of your own."
    )


def _copy_standard_library(destination: Path) -> None:
    library = Path(sysconfig.get_paths()["stdlib"])
    for path in library.rglob("*"):
        inside = path.relative_to(library)
        if path.is_file() and not {"site-packages", "__pycache__", "test"} & set(inside.parts):
            target = destination / inside
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(path.read_bytes())


def _step(program: Program, *words: str, given: object = None, quiet_unchanged: bool = False) -> None:
    """Run the program on this terminal, so that its progress bar is really there."""
    _say(
        "$ pluton-qingstor " + " ".join(f'"{word}"' if " " in word else word for word in words), style="bold"
    )
    environment = {**program.environment, "TERM": os.environ.get("TERM", "dumb")}
    pipe = subprocess.PIPE if quiet_unchanged else None
    done = subprocess.run(
        program.argv(*words),
        input=json.dumps(given).encode() if given is not None else b"",
        env=environment,
        cwd=Path(__file__).parents[1],
        stdout=pipe,
        check=False,
    )
    if done.stdout is not None:
        lines = done.stdout.decode().splitlines()
        _say("\n".join(line for line in lines if not line.startswith("unchanged")))
    if done.returncode != 0:
        raise DemoFailed(f"`{words[0]}` ended with status {done.returncode}")


def _title(text: str) -> None:
    _console.rule(text, align="left")


def _say(text: str, style: str = "") -> None:
    _console.print(text, style=style, markup=False, soft_wrap=True)


if __name__ == "__main__":
    try:
        main()
    except DemoFailed as failed:
        sys.exit(f"The demo failed: {failed}.")
