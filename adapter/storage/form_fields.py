"""The QingStor form as Pluton shows it: label, kind of input and help of each field, in order."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from rclone_conf.qingstor import OPTIONS

FieldType = Literal["string", "password", "bool", "int", "sizesuffix", "encoding"]
"""The kinds of input of Pluton's provider forms (backend/src/utils/providers)."""


@dataclass(frozen=True, slots=True)
class FormField:
    """A field. `name` is rclone's option; `credential` says whether it belongs to the credentials."""

    name: str
    label: str
    field_type: FieldType
    default: str | bool
    description: str
    credential: bool = False

    def as_dict(self) -> dict[str, object]:
        """Return the entry of `form fields`."""
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
        "The ID of your QingStor access key. Leave both keys blank only with Environment Auth: there is no "
        "anonymous access to QingStor.",
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
        "Leave blank for QingStor itself (https://qingstor.com:443). For a private cloud: scheme, host and "
        "port. No hyphen in the host, no IP address, no path; rclone puts the zone before the host.",
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
        description="If both keys are blank, take them at run time from QINGSTOR_ACCESS_KEY_ID and "
        "QINGSTOR_SECRET_ACCESS_KEY, from QS_ACCESS_KEY_ID and QS_SECRET_ACCESS_KEY, or from "
        "~/.qingstor/config.yaml. This adapter does it; rclone reads none of them.",
    ),
    FormField(
        "connection_retries",
        "Connection Retries",
        "int",
        "3",
        "How often a failed file is tried again, 0 to 100. This adapter does it; rclone ignores the setting.",
    ),
    FormField(
        "upload_cutoff",
        "Upload Cutoff",
        "sizesuffix",
        "200mi",
        "Larger files are sent in parts, which needs as much memory as the file is large, or in chunks if "
        "that is too much. 0 to 5 GiB; if blank, every file up to 5 GiB is sent in one piece.",
    ),
    FormField(
        "chunk_size",
        "Chunk Size",
        "sizesuffix",
        "4mi",
        "The size of a part, 4 MiB to 5 GiB. As an upload has at most 10,000 parts, huge files get larger "
        "ones.",
    ),
    FormField(
        "upload_concurrency",
        "Upload Concurrency",
        "int",
        "1",
        "Parts of one file sent at the same time, 1 to 64. Above 1, the checksum that QingStor keeps "
        "of such a file is not that of its content; this adapter keeps its own.",
    ),
    FormField(
        "encoding",
        "Encoding",
        "encoding",
        "Slash,Ctl,InvalidUtf8",
        "Which characters of file names are replaced in object names. If you change it, files that were "
        "stored before are not found.",
    ),
    FormField("description", "Description", "string", "", "A note for people."),
)
"""In the order of the form. The Storage Name is Pluton's own field, above these."""

PLUTONS_OWN = ("id", "storageId", "authTypes", "defaultPath", "createdAt", "updatedAt")
"""What Pluton's own storage object has besides; it says nothing to us, whatever it holds."""

LABELS: Mapping[str, str] = {
    "name": "Storage Name",
    "type": "Storage type",
    "authType": "Authentication type",
    "tags": "Tags",
    **{field.name: field.label for field in FIELDS},
}
"""What a person calls each field of the storage document."""
