"""The calls of QingStor's own API that rclone has no command for: statistics, and unfinished uploads.

Signed as in QingStor's page on signatures (API, practices): HMAC-SHA256 over method, date and resource.
rclone's own `cleanup` knows one age only, cannot list, and pages by key alone (backend/qingstor, 1.75.2).
"""

import hmac
import json
import socket
import ssl
import urllib.error
import urllib.parse
import urllib.request
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime
from http.client import BadStatusLine, HTTPException
from typing import TypeVar

from pydantic import BaseModel, NonNegativeInt, ValidationError

from adapter.contract.errors import AdapterError, Failure
from adapter.diagnosis.classify import Place, classify_answer, failure_of
from adapter.diagnosis.failure_rules import (
    HOST_NOT_FOUND,
    NO_ANSWER,
    NO_TLS,
    NOT_HTTP,
    NOT_QINGSTOR,
    UNREACHABLE,
)
from adapter.diagnosis.qingstor_error import QingStorError
from adapter.diagnosis.rule import Rule
from adapter.rclone.open_storage import OpenStorage

_PAGE = 200
"""Uploads a page: QingStor answers more with an error in practice (rclone commit a774f6bfd)."""
_PARTS_PAGE = 1000
"""Parts a page, the most that QingStor's page on List Multipart allows."""
_TIMEOUT_S = 60.0
_MAX_ANSWER = 16 << 20


class PendingUpload(BaseModel):
    """An unfinished multipart upload, as the bucket lists it."""

    key: str
    upload_id: str
    created: datetime

    def age_s(self, now: datetime) -> float:
        """Seconds since it was begun."""
        return (now - self.created).total_seconds()


class ClassStatistics(BaseModel):
    """The objects of one storage class; `billing_size` is what is charged."""

    count: NonNegativeInt
    size: NonNegativeInt
    billing_size: NonNegativeInt | None = None


class Statistics(BaseModel):
    """A bucket as QingStor counts it, with what only newer servers say as None. Sizes in bytes."""

    count: NonNegativeInt
    size: NonNegativeInt
    status: str | None = None
    created: datetime | None = None
    storage_classes: Mapping[str, ClassStatistics] | None = None


class _Part(BaseModel):
    part_number: int
    size: NonNegativeInt


class _Parts(BaseModel):
    object_parts: tuple[_Part, ...] = ()


class _Page(BaseModel):
    uploads: tuple[PendingUpload, ...] = ()
    next_key_marker: str = ""
    next_upload_id_marker: str = ""


_Answer = TypeVar("_Answer", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class QingStorApi:
    """One bucket, with the keys of an opened storage. Uses the proxies of the environment, as rclone does."""

    storage: OpenStorage
    bucket: str
    opener: urllib.request.OpenerDirector
    now: Callable[[], datetime] = lambda: datetime.now(UTC)

    def statistics(self) -> Statistics:
        """Return what QingStor counts in the bucket. Raises AdapterError with what went wrong."""
        return self._get(Statistics, f"/{self.bucket}", {"stats": ""}, signed="stats")

    def pending_uploads(self) -> Iterator[PendingUpload]:
        """Every unfinished upload, by key. Raises AdapterError with what went wrong."""
        markers: dict[str, str] = {}
        while True:
            query = {"uploads": "", "limit": str(_PAGE), **markers}
            page = self._get(_Page, f"/{self.bucket}", query, signed="uploads")
            yield from page.uploads
            following = {
                "key_marker": page.next_key_marker,
                "upload_id_marker": page.next_upload_id_marker,
            }
            # An end is an empty marker; the same marker again would be an endless list.
            if not page.next_key_marker or not page.uploads or following == markers:
                return
            markers = following

    def abort(self, upload: PendingUpload) -> None:
        """Remove one. Raises AdapterError with what went wrong; one that is gone already is no error."""
        identity = {"upload_id": upload.upload_id}
        self._call("DELETE", self._path(upload.key), identity, signed=f"upload_id={upload.upload_id}")

    def uploaded_bytes(self, upload: PendingUpload) -> int:
        """Return the size of all its parts. Raises AdapterError: see also `is_gone`."""
        total, marker = 0, -1
        query = {"upload_id": upload.upload_id, "limit": str(_PARTS_PAGE)}
        while True:
            signed = f"upload_id={upload.upload_id}"
            page = self._get(_Parts, self._path(upload.key), query, signed=signed)
            new = [part for part in page.object_parts if part.part_number > marker]
            # A page does not say whether more follow, and may be shorter than the limit.
            if not new:
                return total
            total += sum(part.size for part in new)
            marker = max(part.part_number for part in new)
            query["part_number_marker"] = str(marker)

    def _path(self, key: str) -> str:
        return f"/{self.bucket}/{urllib.parse.quote(key, safe='/')}"

    def _get(self, kind: type[_Answer], path: str, query: Mapping[str, str], *, signed: str) -> _Answer:
        answer = self._call("GET", path, query, signed=signed)
        try:
            return kind.model_validate_json(answer)
        except ValidationError:
            raise AdapterError(failure_of(NOT_QINGSTOR, self._place)) from None

    def _call(self, method: str, path: str, query: Mapping[str, str], *, signed: str) -> bytes:
        server = self.storage.form.server
        date = format_datetime(self.now(), usegmt=True)
        url = f"{server.scheme}://{self._host}:{server.port}{path}?{urllib.parse.urlencode(query)}"
        request = urllib.request.Request(url, method=method)  # noqa: S310  # the form takes http(s) only
        request.add_header("Date", date)
        request.add_header("Authorization", self._authorization(f"{method}\n\n\n{date}\n{path}?{signed}"))
        try:
            with self.opener.open(request, timeout=_TIMEOUT_S) as response:
                return bytes(response.read(_MAX_ANSWER))
        except urllib.error.HTTPError as error:
            raise AdapterError(classify_answer(_parse(error), self._place)) from None
        except (OSError, ValueError, HTTPException) as error:
            raise AdapterError(failure_of(_rule(error), self._place, host=self._host)) from None

    def _authorization(self, text: str) -> str:
        keys = self.storage.credentials
        secret = keys.secret_access_key.reveal().encode()
        signature = b64encode(hmac.digest(secret, text.encode(), "sha256")).decode()
        return f"QS {keys.access_key_id.reveal()}:{signature}"

    @property
    def _host(self) -> str:
        form = self.storage.form
        return f"{form.zone}.{form.server.host}"

    @property
    def _place(self) -> Place:
        return self.storage.place(self.bucket)


def is_gone(failure: Failure) -> bool:
    """Return whether a call failed because the upload has been completed or removed since it was listed."""
    return failure.evidence.qingstor_code == "upload_not_exists"


def open_api(storage: OpenStorage, bucket: str) -> QingStorApi:
    """Return the API of a bucket. Its TLS context is made once: that takes longer than a call."""
    env = storage.env
    proxies = {
        scheme: url
        for scheme in ("http", "https")
        if (url := env.get(f"{scheme}_proxy") or env.get(f"{scheme.upper()}_PROXY"))
    }
    authorities = env.get("RCLONE_CA_CERT") or env.get("SSL_CERT_FILE")
    context = ssl.create_default_context(cafile=authorities)
    opener = urllib.request.build_opener(
        urllib.request.ProxyHandler(proxies), urllib.request.HTTPSHandler(context=context)
    )
    return QingStorApi(storage, bucket, opener)


def _parse(error: urllib.error.HTTPError) -> QingStorError:
    with error:
        body = error.read(1 << 16)
    try:
        said = json.loads(body)
    except ValueError:
        said = {}
    code, request_id = (
        str(said.get(name, "")) if isinstance(said, dict) else "" for name in ("code", "request_id")
    )
    return QingStorError(error.code, code, request_id)


def _rule(error: OSError | ValueError | HTTPException) -> Rule:
    """The row of the table for a call that was never answered, or not to the end."""
    # A closed connection is a bad status line, too.
    if isinstance(error, BadStatusLine) and not isinstance(error, OSError):
        return NOT_HTTP
    reason = error.reason if isinstance(error, urllib.error.URLError) else error
    if isinstance(reason, TimeoutError):
        return NO_ANSWER
    if isinstance(reason, ssl.SSLError):
        return NO_TLS
    if isinstance(reason, socket.gaierror):
        return HOST_NOT_FOUND
    return UNREACHABLE
