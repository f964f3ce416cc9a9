"""What a restore does with what is at the destination already."""

from enum import StrEnum


class Overwrite(StrEnum):
    """What to do with a file that is at the destination already (Pluton's words)."""

    ALWAYS = "always"
    IF_CHANGED = "if-changed"
    IF_NEWER = "if-newer"
    NEVER = "never"
