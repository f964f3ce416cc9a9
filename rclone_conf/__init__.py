"""Reads and writes rclone's configuration file, rclone.conf, without losing what other programs save.

A separate library: it imports nothing of the adapter, starts no process and asks no questions.
"""

from rclone_conf.atomic_replace import Stored
from rclone_conf.conf_file import ConfFile, Edited, Loaded
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
from rclone_conf.problems import Problem, problems, repaired
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
