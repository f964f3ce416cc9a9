"""The options and limits of rclone's `qingstor` backend (backend/qingstor/qingstor.go, 1.75.2)."""

from typing import Literal, NamedTuple

from rclone_conf.values import GIB, MIB

TYPE = "qingstor"

DEFAULT_ZONE = "pek3a"
KNOWN_ZONES = ("pek3a", "pek3b", "sh1a", "gd2", "gd2a", "ap3")
"""Zone ids: QingStor's page on locations, and rclone's older list (gd2a). Private clouds have their own."""

DEFAULT_CONNECTION_RETRIES = 3
DEFAULT_ENCODING = "Slash,Ctl,InvalidUtf8"
DEFAULT_UPLOAD_CUTOFF = 200 * MIB
MAX_UPLOAD_CUTOFF = 5 * GIB
"""rclone refuses more, and QingStor refuses a larger object in one PUT."""
MIN_CHUNK_SIZE = 4 * MIB
"""rclone refuses less, and QingStor answers `entity_too_small`. Also the default."""
MAX_CHUNK_SIZE = 5 * GIB
"""QingStor refuses a larger part. rclone has no upper limit and crashes if it cannot allocate a chunk."""
MAX_PARTS = 10_000
"""Parts of one upload; rclone fails only after uploading that many (backend/qingstor/upload.go)."""

RcloneType = Literal["string", "bool", "int", "SizeSuffix", "Encoding"]


class Option(NamedTuple):
    """One option: `default` as rclone spells it; `effect` says what rclone does with a value."""

    name: str
    rclone_type: RcloneType
    default: str
    effect: str
    secret: bool = False
    always: bool = False
    """Whether a section has it with its default, too, so that what applies can be read there."""

    @property
    def flag(self) -> str:
        """The command line option, for example `--qingstor-zone`."""
        return f"--qingstor-{self.name.replace('_', '-')}"


OPTIONS = (
    Option("type", "string", "", "The backend: always qingstor."),
    Option(
        "env_auth",
        "bool",
        "false",
        "Only skips the check that both keys are set: rclone reads no environment variable and no file, and "
        "fails with 'access key not provided' if the keys are blank.",
        always=True,
    ),
    Option("access_key_id", "string", "", "ID of the key, sent with every request.", secret=True),
    Option(
        "secret_access_key",
        "string",
        "",
        "Signs every request. Stored in clear text unless the whole file is encrypted; never obscured.",
        secret=True,
    ),
    Option(
        "endpoint",
        "string",
        "https://qingstor.com:443",
        "Host that lists the buckets; bucket requests go to ZONE.HOST.",
        always=True,
    ),
    Option(
        "zone", "string", DEFAULT_ZONE, "Put before the host of bucket requests. Not checked.", always=True
    ),
    Option(
        "connection_retries",
        "int",
        "3",
        "Ignored: rclone reads it but does not pass it on to the SDK.",
        always=True,
    ),
    Option(
        "upload_cutoff",
        "SizeSuffix",
        "200Mi",
        "Larger files are sent in parts; 0 and off: all files are.",
        always=True,
    ),
    Option(
        "chunk_size", "SizeSuffix", "4Mi", "Size of a part. An object has at most 10000 parts.", always=True
    ),
    Option(
        "upload_concurrency",
        "int",
        "1",
        "Parts of one file uploaded at the same time. Above 1 rclone computes a wrong MD5 and then deletes "
        "the object; 0 acts as 4, and rclone crashes below 0.",
        always=True,
    ),
    Option(
        "encoding",
        "Encoding",
        DEFAULT_ENCODING,
        "Characters of file names that are replaced in object keys, and restored on download.",
    ),
    Option("description", "string", "", "A note; rclone only shows it."),
)
"""In the order in which a section is written (contract, section 6)."""

ALWAYS_WRITTEN = {option.name: option.default for option in OPTIONS if option.always}
"""The options that a section always has, and their defaults."""

OPTION_NAMES = tuple(option.name for option in OPTIONS)
