"""The chain, step by step: the adapter's own backup, then its stand-in for rclone, then restic through it."""

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.live.account import REMOTE, Account
from tests.program import Finished, Program, as_object
from tests.trees import digest, make_big, make_tree

_ROOT = Path(__file__).parents[2]
_FILES = 30
_BIG = 5 << 20
_NOT_FOUND = 3


class LiveFailed(Exception):
    """A step did not do what it must; the message has what was said."""


@dataclass(frozen=True, slots=True)
class Chain:
    """One run of all steps, in a directory of this machine and below a prefix of the bucket."""

    account: Account
    directory: Path
    prefix: str
    """Ends with a slash."""

    @property
    def source(self) -> Path:
        """Return what is backed up."""
        return self.directory / "source"

    def at(self, path: str = "") -> str:
        """Return a target below the prefix."""
        return f"{REMOTE}:{self.account.bucket}/{self.prefix}{path}"

    def test(self) -> str:
        """Test the connection, as Pluton's form does and with a write."""
        self._adapter("storage", "test", "--bucket", self.account.bucket, "--write", given=True)
        return "keys, zone and bucket are right; an object was put, read back and deleted"

    def save(self) -> str:
        """Save the storage."""
        self._adapter("storage", "save", "--no-test", given=True)
        return "rclone.conf has the storage"

    def backup(self) -> str:
        """Make a tree and back it up."""
        make_tree(self.source, _FILES)
        make_big(self.source / "big", _BIG)
        summary = self._adapter("backup", self.source, self.at("backup")).summary
        count = len(digest(self.source))
        _must(summary["files_new"] == count, f"{summary['files_new']} of {count} files are new")
        return f"{count} files were sent"

    def backup_again(self) -> str:
        """Change a file that keeps its size, and back up again."""
        make_big(self.source / "big", _BIG, seed=12)
        summary = self._adapter("backup", self.source, self.at("backup")).summary
        sent = (summary["files_new"], summary["files_changed"])
        _must(sent == (0, 1), f"{sent[0]} new and {sent[1]} changed files, not 0 and 1")
        return "the changed file was sent, and nothing else"

    def restore(self) -> str:
        """Restore and compare."""
        restored = self.directory / "restored"
        self._adapter("restore", self.at("backup"), restored)
        return self._compared(restored)

    def verify(self) -> str:
        """Compare the bucket with the source, and every byte of it with the manifest."""
        self._adapter("verify", self.source, self.at("backup"))
        self._adapter("verify", self.at("backup"), "--download")
        return "source, bucket and manifest agree, every byte read back"

    def install(self) -> str:
        """Install the stand-in where there is no rclone."""
        self._stand_in.parent.mkdir()
        self._adapter("stand-in", "install", self._stand_in.parent)
        return str(self._stand_in)

    def list_bucket(self) -> str:
        """Ask the stand-in as Pluton's Verify does, and for a bucket that does not exist."""
        self._rclone("lsd", f"{REMOTE}:{self.account.bucket}")
        absent = f"{REMOTE}:{self.prefix.rstrip('/')}-absent/x"
        refused = self._ran([self._stand_in, "lsjson", absent])
        said = refused.stdout + refused.stderr
        _must(
            refused.status == _NOT_FOUND and "[bucket_not_found]" in said,
            f"a bucket that does not exist: status {refused.status}, {said}",
        )
        return "the bucket is listed, one that does not exist is refused"

    def write_and_read(self) -> str:
        """Send a file and a stream through the stand-in, list them, read them back."""
        self._rclone("copyto", self.source / "big", self.at("stand-in/file"))
        self._rclone("rcat", self.at("stand-in/stream"), stdin=b"from a pipe")
        listed = json.loads(self._rclone("lsjson", self.at("stand-in")).stdout)
        found = {as_object(one)["Name"]: as_object(one)["Size"] for one in listed}
        _must(found == {"file": _BIG, "stream": 11}, f"listed: {found}")
        _must(self._rclone("cat", self.at("stand-in/stream")).stdout == "from a pipe", "another text")
        back = self.directory / "back"
        self._rclone("copyto", self.at("stand-in/file"), back)
        _must(back.read_bytes() == (self.source / "big").read_bytes(), "another file came back")
        return "copyto, rcat, lsjson, cat: what went there came back"

    def purge(self) -> str:
        """Delete that again."""
        self._rclone("purge", self.at("stand-in"))
        left = self._rclone("lsf", self.at()).stdout.split()
        _must("stand-in/" not in left and "backup/" in left, f"left: {left}")
        return "what the stand-in has sent is gone, the backup is not"

    def restic(self) -> str:
        """Back up with restic through the stand-in, check every byte, restore and compare."""
        if shutil.which("restic") is None:
            return "restic is not installed: left out"
        restored = self.directory / "restic"
        for words in (
            ("init",),
            ("backup", "."),
            ("check", "--read-data"),
            ("restore", "latest", "--target", str(restored)),
        ):
            self._good(
                self._ran(
                    ["restic", "-o", f"rclone.program={self._stand_in}", "--no-cache", *words],
                    cwd=self.source,
                    RESTIC_REPOSITORY=f"rclone:{self.at('restic')}",
                    RESTIC_PASSWORD="for this run only",
                )
            )
        return self._compared(restored)

    @property
    def _stand_in(self) -> Path:
        return self.directory / "bin" / "rclone"

    @property
    def _program(self) -> Program:
        return Program(self.directory, variables=self.account.passed_on)

    def _adapter(self, *words: str | os.PathLike[str], given: bool = False) -> Finished:
        document = json.dumps(self.account.document).encode() if given else b""
        return self._good(self._ran(self._program.argv(*words, "--json"), stdin=document, cwd=_ROOT))

    def _rclone(self, *words: str | os.PathLike[str], stdin: bytes = b"") -> Finished:
        return self._good(self._ran([self._stand_in, *words], stdin=stdin))

    def _ran(
        self,
        argv: Sequence[str | os.PathLike[str]],
        *,
        stdin: bytes = b"",
        cwd: Path | None = None,
        **variables: str,
    ) -> Finished:
        done = subprocess.run(
            argv,
            input=stdin,
            env={**self._program.environment, **variables},
            cwd=cwd or self.directory,
            capture_output=True,
            check=False,
        )
        return Finished(
            done.returncode, done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace")
        )

    def _good(self, done: Finished) -> Finished:
        _must(done.status == 0, f"status {done.status}\n{done.stdout[-4000:]}{done.stderr[-4000:]}")
        return done

    def _compared(self, restored: Path) -> str:
        before, after = digest(self.source), digest(restored)
        differing = sorted(name for name in before | after if before.get(name) != after.get(name))
        _must(not differing, f"these differ: {differing}")
        return f"{len(after)} files came back, byte for byte"


def _must(is_so: bool, otherwise: str) -> None:  # noqa: FBT001
    if not is_so:
        raise LiveFailed(otherwise)


def steps(chain: Chain) -> Iterator[tuple[str, Callable[[], str]]]:
    """Yield each step with its title, in order."""
    yield "storage test --write", chain.test
    yield "storage save", chain.save
    yield "backup", chain.backup
    yield "second backup", chain.backup_again
    yield "restore", chain.restore
    yield "verify", chain.verify
    yield "stand-in install", chain.install
    yield "stand-in lsd", chain.list_bucket
    yield "stand-in copyto, rcat", chain.write_and_read
    yield "stand-in purge", chain.purge
    yield "restic", chain.restic
