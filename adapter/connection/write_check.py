"""The test that backups to a bucket work: put one small object, read it back, compare, delete."""

import secrets
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from adapter.connection.missing_right import Right, name_right
from adapter.contract.errors import AdapterError, ErrorCode, Failure
from adapter.contract.os_errors import refusal
from adapter.diagnosis.classify import Place
from adapter.machine.cancellation import Cancellation
from adapter.machine.deadline import Deadline
from adapter.machine.private import make_directory, temporary_directory, write_file
from adapter.rclone.query import HEADS, Query
from adapter.rclone.remote import REMOTE

PREFIX = ".pluton-qingstor-write-test-"
"""Prefix of the object's directory, which is in the bucket's root."""

_OBJECT = "proof"
_SIZE = 256
_RESERVE_S = 3.0
"""Kept for deleting the object if a step fails."""


@dataclass(frozen=True, slots=True)
class WriteCheck:
    """One test of one bucket, with a name that no other test uses."""

    query: Query
    place: Place
    directory: str

    def run(self, deadline: Deadline) -> None:
        """Return if the object was written, read back unchanged and deleted.

        Raises AdapterError with what failed; `permission_denied` names the missing right. The hint names an
        object that could not be deleted.
        """
        with _scratch() as scratch:
            try:
                sent = self._put(scratch / "sent", deadline)
                self._move_back(scratch / "back", sent, deadline)
            except AdapterError as error:
                if self._remove(deadline):
                    raise
                raise AdapterError(self._left_behind(error.failure)) from error

    def _put(self, source: Path, deadline: Deadline) -> bytes:
        """Upload the object and return its content.

        Copying a directory lists its destination and sends no PUT Bucket; copying a file sends one, which a
        key for one bucket may not do (measured with 1.75.2).
        """
        sent = secrets.token_bytes(_SIZE)
        make_directory(source)
        write_file(source / _OBJECT, sent)
        reply = self.query.run(self._all_but_reserve(deadline), "copy", str(source), self._remote, *HEADS)
        if not reply.succeeded:
            failure = self.query.failure(reply, self.place)
            # After the PUT rclone sends a HEAD, whose answer has no body and so no code.
            right = Right.WRITE if failure.evidence.qingstor_code else Right.READ
            raise AdapterError(name_right(failure, right, self.place))
        return sent

    def _move_back(self, destination: Path, sent: bytes, deadline: Deadline) -> None:
        """Download, compare and delete the object, in one call.

        rclone deletes only what it has copied, so a file that arrived means that deleting failed.
        """
        reply = self.query.run(
            self._all_but_reserve(deadline), "move", f"{self._remote}/{_OBJECT}", str(destination), *HEADS
        )
        try:
            received = (destination / _OBJECT).read_bytes()
        except FileNotFoundError:
            received = None
        if received is not None and received != sent:
            raise AdapterError(self._altered())
        if reply.succeeded:
            if received is None:
                raise AdapterError(self._vanished())
            return
        right = Right.READ if received is None else Right.DELETE
        raise AdapterError(name_right(self.query.failure(reply, self.place), right, self.place))

    def _remove(self, deadline: Deadline) -> bool:
        """Delete the object if it exists, even after a request to stop; return whether that worked."""
        with Cancellation() as none:
            query = replace(self.query, cancel=none)
            return query.run(min(deadline.left_s, _RESERVE_S), "delete", self._remote, *HEADS).succeeded

    @property
    def _remote(self) -> str:
        return f"{REMOTE}:{self.place.bucket}/{self.directory}"

    def _all_but_reserve(self, deadline: Deadline) -> float:
        return max(0.0, deadline.left_s - min(_RESERVE_S, deadline.total_s / 4))

    def _left_behind(self, failure: Failure) -> Failure:
        what = f"The test object {self.directory}/{_OBJECT} may be left in the bucket; delete it by hand."
        return replace(failure, hint=f"{failure.hint} {what}")

    def _altered(self) -> Failure:
        return Failure(
            ErrorCode.INTEGRITY_MISMATCH,
            f"A test object read back from bucket {self.place.bucket} differs from what was written.",
            "Check for a proxy that changes data, then for bad memory in this machine.",
        )

    def _vanished(self) -> Failure:
        return Failure(
            ErrorCode.INTEGRITY_MISMATCH,
            f"A test object written to bucket {self.place.bucket} was gone a moment later.",
            "Check for a rule of the bucket that moves or deletes new objects.",
        )


def new_write_check(query: Query, place: Place) -> WriteCheck:
    """Return a test with a new random name."""
    return WriteCheck(query, place, f"{PREFIX}{secrets.token_hex(8)}")


@contextmanager
def _scratch() -> Iterator[Path]:
    """Yield a private directory, removed afterwards. Raises AdapterError if it cannot be made or written."""
    try:
        with temporary_directory() as directory:
            yield directory
    except OSError as error:
        raise AdapterError(
            refusal(error)
            or Failure(
                ErrorCode.DESTINATION_UNWRITABLE,
                f"Cannot write a temporary file in {tempfile.gettempdir()}: {error.strerror}.",
                "Free some space there, or set $TMPDIR to a directory that this user can write to.",
            )
        ) from error
