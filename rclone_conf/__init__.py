"""Reads and writes rclone's configuration file, rclone.conf, without losing what other programs save.

A separate library: it imports nothing of the adapter, starts no process and asks no questions.
"""

from importlib import import_module

TYPE_CHECKING = False  # as `typing` has it, which is slow to load
if TYPE_CHECKING:
    from rclone_conf.atomic_replace import Stored
    from rclone_conf.conf_file import ConfFile, Edited, Loaded
    from rclone_conf.conf_problems import Problem, problems, repaired
    from rclone_conf.crypt import decrypt, encrypt, is_encrypted
    from rclone_conf.document import Document
    from rclone_conf.errors import (
        ConfEncrypted,
        ConfError,
        ConfLocked,
        ConfNameError,
        ConfReadError,
        ConfSyntaxError,
        ConfValueError,
        ConfWriteError,
        WrongPassword,
    )
    from rclone_conf.location import default_path
    from rclone_conf.redaction import option_name, visible
    from rclone_conf.validation import check_name, check_value

__all__ = [
    "ConfEncrypted",
    "ConfError",
    "ConfFile",
    "ConfLocked",
    "ConfNameError",
    "ConfReadError",
    "ConfSyntaxError",
    "ConfValueError",
    "ConfWriteError",
    "Document",
    "Edited",
    "Loaded",
    "Problem",
    "Stored",
    "WrongPassword",
    "check_name",
    "check_value",
    "decrypt",
    "default_path",
    "encrypt",
    "is_encrypted",
    "option_name",
    "problems",
    "repaired",
    "visible",
]

_HOMES = {
    "ConfEncrypted": "rclone_conf.errors",
    "ConfError": "rclone_conf.errors",
    "ConfFile": "rclone_conf.conf_file",
    "ConfLocked": "rclone_conf.errors",
    "ConfNameError": "rclone_conf.errors",
    "ConfReadError": "rclone_conf.errors",
    "ConfSyntaxError": "rclone_conf.errors",
    "ConfValueError": "rclone_conf.errors",
    "ConfWriteError": "rclone_conf.errors",
    "Document": "rclone_conf.document",
    "Edited": "rclone_conf.conf_file",
    "Loaded": "rclone_conf.conf_file",
    "Problem": "rclone_conf.conf_problems",
    "Stored": "rclone_conf.atomic_replace",
    "WrongPassword": "rclone_conf.errors",
    "check_name": "rclone_conf.validation",
    "check_value": "rclone_conf.validation",
    "decrypt": "rclone_conf.crypt",
    "default_path": "rclone_conf.location",
    "encrypt": "rclone_conf.crypt",
    "is_encrypted": "rclone_conf.crypt",
    "option_name": "rclone_conf.redaction",
    "problems": "rclone_conf.conf_problems",
    "repaired": "rclone_conf.conf_problems",
    "visible": "rclone_conf.redaction",
}
"""Name to module. Each is loaded when it is asked for: most programs need few, and some start often."""


def __getattr__(name: str) -> object:
    """Return a public name. Raises AttributeError."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value: object = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value
