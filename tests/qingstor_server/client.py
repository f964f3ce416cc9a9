"""The server for tests: a child process, and a typed hand on it."""

import http.client
import os
import re
import subprocess
import sys
from base64 import b64decode, b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self
from zlib import crc32

from pydantic import TypeAdapter
from pydantic_core import to_json

from tests.qingstor_server.accounts import ALL_RIGHTS, DEFAULT_KEY, OWNER, AccessKey, KeyState, Right
from tests.qingstor_server.environment import ENDPOINT, proxy_environment, rclone_environment
from tests.qingstor_server.fault import Fault
from tests.qingstor_server.journal import Entry, Load, Wanted
from tests.qingstor_server.operation import Operation
from tests.qingstor_server.records import BucketRecord, ObjectRecord, UploadRecord
from tests.qingstor_server.settings import MIB

_REPOSITORY = Path(__file__).resolve().parents[2]
_ADDRESS = re.compile(r"http://127\.0\.0\.1:(\d+)\n")
_MALLOC = {"MALLOC_TRIM_THRESHOLD_": str(256 * MIB), "MALLOC_MMAP_THRESHOLD_": str(32 * MIB)}
"""glibc would give the memory of each received chunk back and fetch it again: half the work of an upload."""
_BUCKETS = TypeAdapter(list[BucketRecord])
_OBJECTS = TypeAdapter(list[ObjectRecord])
_UPLOADS = TypeAdapter(list[UploadRecord])
_ENTRIES = TypeAdapter(list[Entry])
_LOAD = TypeAdapter(Load)
_INT = TypeAdapter(int)
_BOOL = TypeAdapter(bool)
_STR = TypeAdapter(str)


class ServerFailed(Exception):
    """The server did not start, or did not understand a control request."""


class QingStorServer:
    """A local QingStor in a process of its own, from `with` to the end of the block.

    It also ends when this process does, however that happens: it holds the other end of a pipe.
    """

    def __init__(self, *, root: Path | None = None) -> None:
        self._root = root
        self._process: subprocess.Popen[str] | None = None
        self.port = 0

    def __enter__(self) -> Self:
        argv = [sys.executable, "-m", "tests.qingstor_server", "--until-stdin-closes"]
        if self._root is not None:
            argv += ["--root", str(self._root)]
        self._process = subprocess.Popen(
            argv,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=_REPOSITORY,
            env={**os.environ, **_MALLOC},
        )
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        match = _ADDRESS.search(line)
        if match is None:
            self.__exit__(None, None, None)
            raise ServerFailed(f"the server did not start: {line!r}")
        self.port = int(match[1])
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.close()
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdout.close()

    @property
    def pid(self) -> int:
        """The server's process id. ServerFailed: it does not run."""
        if self._process is None:
            raise ServerFailed("the server does not run")
        return self._process.pid

    # How clients find it

    @property
    def proxy_url(self) -> str:
        """For `HTTP_PROXY`."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def endpoint(self) -> str:
        """For rclone's `endpoint`, with the server as proxy."""
        return ENDPOINT

    def environment(self) -> dict[str, str]:
        """The proxy variables for a child process."""
        return proxy_environment(self.port)

    def rclone_environment(
        self, remote: str = "q", *, zone: str = "pek3a", key: AccessKey = DEFAULT_KEY
    ) -> dict[str, str]:
        """The proxy variables and a remote of that name, for `rclone --config ""`."""
        return rclone_environment(self.port, remote=remote, zone=zone, key=key)

    # Accounts and settings

    def add_key(
        self,
        key_id: str,
        secret: str,
        *,
        account: str = OWNER,
        rights: frozenset[Right] | set[Right] = ALL_RIGHTS,
        buckets: frozenset[str] | set[str] | None = None,
        state: KeyState = KeyState.ACTIVE,
    ) -> AccessKey:
        """Add (or replace) a key of an account; an account exists as soon as it has a key."""
        limited = None if buckets is None else frozenset(buckets)
        key = AccessKey(key_id, secret, account, frozenset(rights), limited, state)
        self._call("add_key", key=key)
        return key

    def add_account(self, account: str) -> AccessKey:
        """A new account with one key that may do everything."""
        number = crc32(account.encode())
        return self.add_key(f"AKTEST{number:014d}", f"SKTESTcanaryofanother{number:019d}", account=account)

    def set_key_state(self, key_id: str, state: KeyState) -> None:
        """Disable a key, put its account in arrears, or make it active again."""
        self._call("set_key_state", key_id=key_id, state=state)

    def configure(self, **changes: object) -> None:
        """Change settings by name (see `Settings`), at run time."""
        self._call("configure", changes=changes)

    def reset(self) -> None:
        """Everything as at the start."""
        self._call("reset")

    # Buckets and objects

    def add_bucket(
        self, name: str, zone: str = "pek3a", *, owner: str = OWNER, status: str = "active"
    ) -> None:
        """Create a bucket, or change it (`status="suspended"`)."""
        self._call("add_bucket", name=name, zone=zone, owner=owner, status=status)

    def buckets(self) -> dict[str, BucketRecord]:
        """All buckets by name."""
        return {bucket.name: bucket for bucket in _BUCKETS.validate_json(self._call("buckets"))}

    def put_object(
        self,
        bucket: str,
        key: str,
        data: bytes,
        *,
        headers: Mapping[str, str] | None = None,
        modified: float | None = None,
        etag: str | None = None,
    ) -> None:
        """Store an object past the request log, uploaded now or at `modified` (Unix seconds).

        `etag`, quotes included, is said in place of the MD5.
        """
        document = {"key": key, "data": b64encode(data).decode(), "headers": headers or {}}
        self._call("put_object", bucket=bucket, modified=modified, etag=etag, **document)

    def objects(self, bucket: str) -> dict[str, ObjectRecord]:
        """What a bucket holds, by key, hashed from the disk just now."""
        return {item.key: item for item in _OBJECTS.validate_json(self._call("objects", bucket=bucket))}

    def files(self, bucket: str) -> dict[str, ObjectRecord]:
        """The same without the manifests of backups."""
        return {key: item for key, item in self.objects(bucket).items() if "/.pluton/" not in f"/{key}"}

    def read_object(self, bucket: str, key: str) -> bytes:
        """The bytes of an object as stored."""
        return b64decode(_STR.validate_json(self._call("read_object", bucket=bucket, key=key)))

    def remove_object(self, bucket: str, key: str) -> bool:
        """Delete an object behind the client's back; whether it was there."""
        return _BOOL.validate_json(self._call("remove_object", bucket=bucket, key=key))

    def flip_at_rest(self, bucket: str, key: str, offset: int) -> None:
        """Alter one byte of a stored object; its size and ETag stay."""
        self._call("flip_at_rest", bucket=bucket, key=key, offset=offset)

    def uploads(self, bucket: str) -> list[UploadRecord]:
        """The unfinished multipart uploads, by key."""
        return _UPLOADS.validate_json(self._call("uploads", bucket=bucket))

    def add_upload(self, bucket: str, key: str, *, age: float, data: bytes = b"left behind") -> str:
        """Leave an unfinished upload with one part, begun `age` seconds ago; its id."""
        encoded = b64encode(data).decode()
        return _STR.validate_json(self._call("add_upload", bucket=bucket, key=key, age=age, data=encoded))

    # Requests

    def requests(self, operation: str | None = None) -> list[Entry]:
        """The requests since the start or the last `clear_requests`, in order of arrival.

        ValueError: there is no such operation.
        """
        if operation is not None:
            Operation(operation)
        return _ENTRIES.validate_json(self._call("requests", operation=operation))

    def clear_requests(self) -> None:
        """Empty the log and the peak."""
        self._call("clear_requests")

    def load(self) -> Load:
        """Counts by operation, uploads in flight and their peak."""
        return _LOAD.validate_json(self._call("load"))

    def wait_for(
        self, operation: str, count: int = 1, timeout: float = 30.0, *, ended: bool = False, received: int = 0
    ) -> None:
        """Return when `count` requests of an operation have started since the log was cleared.

        `ended`: only those that are over count; `received`: only those that brought that many bytes of body.
        Raises TimeoutError after `timeout` seconds.
        """
        wanted = Wanted(operation, count, ended, received)
        if not _BOOL.validate_json(self._call("wait_for", wanted=wanted, seconds=timeout)):
            raise TimeoutError(f"no {count} x {operation} within {timeout} s; seen: {self.load().counts}")

    # Faults

    def add_fault(self, fault: Fault) -> "FaultHandle":
        """Switch a fault on, until it is used up, removed or cleared."""
        return FaultHandle(self, _INT.validate_json(self._call("add_fault", fault=fault)))

    def clear_faults(self) -> None:
        """Switch all faults off; requests that hang in one lose their connection."""
        self._call("clear_faults")

    def _call(self, name: str, /, **arguments: object) -> bytes:
        connection = http.client.HTTPConnection("127.0.0.1", self.port)
        try:
            connection.request("POST", f"/-/{name}", to_json(arguments))
            response = connection.getresponse()
            body = response.read()
        finally:
            connection.close()
        if response.status == 404:
            raise LookupError(body.decode())
        if response.status != 200:
            raise ServerFailed(f"{name}: {body.decode()}")
        return body


@dataclass(frozen=True, slots=True)
class FaultHandle:
    """A fault that was switched on."""

    server: QingStorServer
    number: int

    @property
    def fired(self) -> int:
        """How often it took effect so far."""
        return _INT.validate_json(self.server._call("fault_fired", number=self.number))

    def remove(self) -> None:
        """Switch it off."""
        self.server._call("remove_fault", number=self.number)
