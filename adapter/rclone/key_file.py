"""The key file of QingStor's own tools, `~/.qingstor/config.yaml`."""

import os
import stat
from collections.abc import Mapping
from pathlib import Path

import yaml

_MAX_BYTES = 64 << 10


class NoKeys(Exception):
    """The file has no usable keys; `problem` says why and quotes nothing of it."""

    def __init__(self, problem: str) -> None:
        super().__init__(problem)
        self.problem = problem


def read_keys(path: Path) -> tuple[str, str]:
    """Return `access_key_id` and `secret_access_key`, blank if absent. Raises NoKeys."""
    try:
        document: object = yaml.load(_read(path), Loader=_NoAliases)  # noqa: S506 - a SafeLoader
    except OSError as error:
        raise NoKeys((error.strerror or "unreadable").lower()) from None
    except (yaml.YAMLError, ValueError, RecursionError):
        # The parser's message quotes the file.
        raise NoKeys("not YAML") from None
    if not isinstance(document, dict):
        raise NoKeys("no keys in it")
    return _entry(document, "access_key_id"), _entry(document, "secret_access_key")


class _NoAliases(yaml.SafeLoader):
    """Reads no aliases: a few lines of them can stand for gigabytes."""

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        """Return the next node. Raises YAMLError for an alias."""
        if self.check_event(yaml.AliasEvent):
            raise yaml.YAMLError("aliases are not read")
        return super().compose_node(parent, index)


def _read(path: Path) -> bytes:
    """Return the bytes of a regular file of sensible size. Raises OSError; never blocks, as a FIFO would."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(0, "not a regular file")
        data = os.read(descriptor, _MAX_BYTES + 1)
    finally:
        os.close(descriptor)
    if len(data) > _MAX_BYTES:
        raise OSError(0, "too large for such a file")
    return data


def _entry(document: Mapping[object, object], name: str) -> str:
    """Return a key, blank if absent; digits alone are a number in YAML. Raises NoKeys for other types."""
    value = document.get(name)
    if value is None:
        return ""
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise NoKeys("its keys are not texts")
    return str(value).strip()
