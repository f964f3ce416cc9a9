"""A QingStor on this machine, for tests: the native API, rights, limits, and faults on demand.

A test uses `QingStorServer`; a person runs `python -m tests.qingstor_server --help`. It is written from
QingStor's documents and checked with rclone and the vendor's SDK, so that it stays a second opinion.
"""

from tests.qingstor_server.accounts import (
    ACCESS_KEY_ID,
    ALL_RIGHTS,
    DEFAULT_KEY,
    OWNER,
    SECRET_ACCESS_KEY,
    AccessKey,
    KeyState,
    Right,
)
from tests.qingstor_server.client import FaultHandle, QingStorServer, ServerFailed
from tests.qingstor_server.fault import Fault, FaultKind, Moment
from tests.qingstor_server.journal import Entry, Load
from tests.qingstor_server.records import BucketRecord, ObjectRecord, UploadRecord

__all__ = [
    "ACCESS_KEY_ID",
    "ALL_RIGHTS",
    "DEFAULT_KEY",
    "OWNER",
    "SECRET_ACCESS_KEY",
    "AccessKey",
    "BucketRecord",
    "Entry",
    "Fault",
    "FaultHandle",
    "FaultKind",
    "KeyState",
    "Load",
    "Moment",
    "ObjectRecord",
    "QingStorServer",
    "Right",
    "ServerFailed",
    "UploadRecord",
]
