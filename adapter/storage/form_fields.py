"""The QingStor form as Pluton draws it: labels, kinds of input and help, one entry per option in order."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from rclone_conf.qingstor import OPTIONS

FieldType = Literal["string", "password", "bool", "int", "sizesuffix", "encoding"]
"""The kinds of input of Pluton's provider forms (backend/src/utils/providers)."""


@dataclass(frozen=True, slots=True)
class FormField:
    """One input. `name` is rclone's option; `credential` tells that it stands among the credentials."""

    name: str
    label: str
    field_type: FieldType
    default: str | bool
    description: str
    credential: bool = False

    def as_dict(self) -> dict[str, object]:
        """The entry of `form fields`."""
        auth: dict[str, object] = {"authFieldType": "client"} if self.credential else {}
        return {
            "label": self.label,
            "value": self.name,
            "fieldType": self.field_type,
            **auth,
            "required": False,
            "default": self.default,
            "description": self.description,
            "command": _FLAGS[self.name],
        }


_FLAGS = {option.name: option.flag for option in OPTIONS}

FIELDS = (
    FormField(
        "access_key_id",
        "Access Key ID",
        "string",
        "",
        "The id of your QingStor access key. Leave both keys blank only with Environment Auth: rclone cannot "
        "use QingStor anonymously.",
        credential=True,
    ),
    FormField(
        "secret_access_key",
        "Secret Access Key",
        "password",
        "",
        "The secret that belongs to the Access Key ID. rclone.conf holds it in clear text, readable by its "
        "owner only, unless the file is encrypted.",
        credential=True,
    ),
    FormField(
        "endpoint",
        "Endpoint URL",
        "string",
        "",
        "Leave blank for QingStor itself (https://qingstor.com:443). For a private one: scheme, host "
        "and port. No hyphen in the host, no path, no IP address; the zone is put before the host.",
        credential=True,
    ),
    FormField(
        "zone",
        "Zone",
        "string",
        "",
        "The zone where the bucket is, such as pek3a or sh1a. Blank means pek3a. A bucket is found only in "
        "its own zone.",
    ),
    FormField(
        "env_auth",
        "Environment Auth",
        "bool",
        default=False,
        description="With both keys blank, take them at run time from QINGSTOR_ACCESS_KEY_ID and "
        "QINGSTOR_SECRET_ACCESS_KEY, their QS_ namesakes, or ~/.qingstor/config.yaml. Done by this adapter, "
        "since rclone reads none of them.",
    ),
    FormField(
        "connection_retries",
        "Connection Retries",
        "int",
        "3",
        "How often files that failed are tried again, 0 to 100. Done by this adapter, since rclone ignores "
        "the setting.",
    ),
    FormField(
        "upload_cutoff",
        "Upload Cutoff",
        "sizesuffix",
        "200mi",
        "Files larger than this go up in parts, which takes as much memory as the file is long, or in chunks "
        "when that is too much. 0 to 5 GiB; blank sends every file up to 5 GiB in one piece.",
    ),
    FormField(
        "chunk_size",
        "Chunk Size",
        "sizesuffix",
        "4mi",
        "The size of a part, 4 MiB to 5 GiB. An upload has at most 10,000 parts: huge files get larger ones.",
    ),
    FormField(
        "upload_concurrency",
        "Upload Concurrency",
        "int",
        "1",
        "Parts of one file sent at the same time, 1 to 64. Above 1 the checksum that is stored with such a "
        "file is not that of its content; this adapter keeps its own.",
    ),
    FormField(
        "encoding",
        "Encoding",
        "encoding",
        "Slash,Ctl,InvalidUtf8",
        "Which characters of file names are replaced in object names. Changing it hides what was stored "
        "before.",
    ),
    FormField("description", "Description", "string", "", "A note for people."),
)
"""In the order of the form. The Storage Name is Pluton's own field, above these."""


LABELS: Mapping[str, str] = {
    "name": "Storage Name",
    "type": "Storage type",
    "authType": "Authentication type",
    "tags": "Tags",
    **{field.name: field.label for field in FIELDS},
}
"""What a person calls each field of the storage document."""
