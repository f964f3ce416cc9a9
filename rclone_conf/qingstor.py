"""rclone's `qingstor` backend: its options and limits, as data (backend/qingstor/qingstor.go, 1.75.2)."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from rclone_conf.values import GIB, MIB

TYPE = "qingstor"

DEFAULT_ZONE = "pek3a"
KNOWN_ZONES: Mapping[str, str] = MappingProxyType(
    {
        "pek3a": "Beijing 3, hall A",
        "pek3b": "Beijing 3, hall B",
        "sh1a": "Shanghai 1",
        "gd2": "Guangdong 2",
        "gd2a": "Guangdong 2, the id in rclone's list",
        "ap3": "Jakarta",
    }
)
"""Zone id to place: QingStor's page on locations, and rclone's older list. Private clouds have their own."""

DEFAULT_CONNECTION_RETRIES = 3
DEFAULT_UPLOAD_CUTOFF = 200 * MIB
MAX_UPLOAD_CUTOFF = 5 * GIB
"""rclone refuses more, and QingStor takes no greater object in one PUT."""
MIN_CHUNK_SIZE = 4 * MIB
"""rclone refuses less, and QingStor answers `entity_too_small`. Also the default."""
MAX_CHUNK_SIZE = 5 * GIB
"""QingStor takes no greater part. rclone has no upper limit and crashes when it cannot allocate a chunk."""
MAX_PARTS = 10_000
"""Parts of one upload; rclone notices the end only when it gets there (backend/qingstor/upload.go)."""

RcloneType = Literal["string", "bool", "int", "SizeSuffix", "Encoding"]


@dataclass(frozen=True, slots=True)
class Option:
    """One option of the section: `default` as rclone spells it, `effect` is what rclone does with a value."""

    name: str
    rclone_type: RcloneType
    default: str
    effect: str
    secret: bool = False

    @property
    def flag(self) -> str:
        """The command line's spelling, for example `--qingstor-zone`."""
        return f"--qingstor-{self.name.replace('_', '-')}"


OPTIONS = (
    Option("type", "string", "", "Names the backend: always qingstor."),
    Option(
        "env_auth",
        "bool",
        "false",
        "Skips the check that both keys are there, and nothing else: rclone reads no variable and no file, "
        "and ends with 'access key not provided' when the keys are blank.",
    ),
    Option("access_key_id", "string", "", "The key's id, sent with every request.", secret=True),
    Option(
        "secret_access_key",
        "string",
        "",
        "Signs every request. Kept in clear text unless the whole file is encrypted; never obscured.",
        secret=True,
    ),
    Option(
        "endpoint",
        "string",
        "https://qingstor.com:443",
        "Host that lists the buckets; every call for a bucket goes to the zone, a dot and this host.",
    ),
    Option("zone", "string", DEFAULT_ZONE, "Put before the host of every call for a bucket. Never checked."),
    Option("connection_retries", "int", "3", "Read and then ignored: the SDK's setting is not connected."),
    Option("upload_cutoff", "SizeSuffix", "200Mi", "Greater files go up in parts; 0 and off: all files do."),
    Option("chunk_size", "SizeSuffix", "4Mi", "Size of a part. At most 10000 parts make an object."),
    Option(
        "upload_concurrency",
        "int",
        "1",
        "Parts of one file sent at the same time. Above 1 rclone's own MD5 comes out wrong, and rclone then "
        "deletes the object; 0 acts as 4, and less than 0 crashes.",
    ),
    Option(
        "encoding",
        "Encoding",
        "Slash,Ctl,InvalidUtf8",
        "Characters of file names that are replaced in object keys, and put back on the way home.",
    ),
    Option("description", "string", "", "A note for people; rclone shows it and does nothing else."),
)
"""In the order in which a section is written (contract, section 6)."""

OPTION_NAMES = tuple(option.name for option in OPTIONS)
