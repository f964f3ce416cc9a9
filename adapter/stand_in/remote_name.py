"""A remote as rclone's arguments spell it: `NAME:path`, `NAME,option=value:path`, `:backend,…:path`.

Follows rclone's fs/fspath/path.go (1.75.2).
"""

import re
from typing import NamedTuple

_WORDS = re.compile(r"[\w.+@][\w.+@ -]*")
"""Letters of any language, as rclone allows them."""


class RemoteName(NamedTuple):
    """A remote: `name` with a colon in front if it is a backend, the options of its connection string, the
    path after the colon."""

    name: str
    options: tuple[tuple[str, str], ...]
    path: str

    @property
    def is_backend(self) -> bool:
        """Whether it has no section: everything is in the connection string."""
        return self.name.startswith(":")

    @property
    def bucket(self) -> str:
        """The first part of the path; blank for the root, which is the list of buckets."""
        return self.path.strip("/").partition("/")[0]

    def at(self, path: str) -> str:
        """Return the same remote at another path."""
        kept = "".join(f",{key}={_quoted(value)}" for key, value in self.options)
        return f"{self.name}{kept}:{path}"


def parse_remote(word: str) -> RemoteName | None:
    """Return the remote that a word names; None for a local path and for what rclone refuses."""
    start = 1 if word.startswith(":") else 0
    end = start
    while end < len(word) and word[end] not in ":,/":
        end += 1
    name = word[:end]
    if end == len(word) or word[end] == "/" or not _WORDS.fullmatch(name[start:]):
        return None
    options: list[tuple[str, str]] = []
    while word[end] == ",":
        key, end = _until(word, end + 1, "=,:")
        if end == len(word):
            return None
        value = "true"
        if word[end] == "=":
            value, end = _value(word, end + 1)
            if end == len(word):
                return None
        options.append((key, value))
    if word[end] != ":":
        return None
    return RemoteName(name, tuple(options), word[end + 1 :])


def _until(word: str, at: int, ends: str) -> tuple[str, int]:
    end = at
    while end < len(word) and word[end] not in ends:
        end += 1
    return word[at:end], end


def _value(word: str, at: int) -> tuple[str, int]:
    """Return a value, without its quotation marks, and the index after it."""
    quote = word[at : at + 1]
    if quote not in {"'", '"'}:
        return _until(word, at, ",:")
    end = at + 1
    while True:
        end = word.find(quote, end)
        if end < 0:
            return "", len(word)
        if word[end + 1 : end + 2] != quote:
            return word[at + 1 : end].replace(2 * quote, quote), end + 1
        end += 2


def _quoted(value: str) -> str:
    if not value or any(character in value for character in ",:=\"'"):
        return "'" + value.replace("'", "''") + "'"
    return value
