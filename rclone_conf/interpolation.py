"""Interpolation: rclone replaces `%(name)s` in a value with the value of another option.

The rules are those of goconfig 1.0.0 (conf.go, GetValue), odd ones included: an option of the section DEFAULT
takes precedence over one of the same section; an unknown name becomes an empty text; every `%` and `(` at the
start and every `)` and `s` at the end of the name is stripped, so `%(pass)s` looks up `pa`.
"""

from collections.abc import Mapping

from rclone_conf.errors import ConfValueError

_ROUNDS = 200
_DEEPEST = 100
"""Nested references in DEFAULT. rclone has no limit and overflows its 1 GB stack."""
_LONGEST = 1 << 20
"""Characters. rclone has no limit and uses up the memory for `x = %(x)s%(x)s`."""


def find_reference(value: str) -> str:
    """Return the first `%(name)s` in `value`, or an empty text. Takes linear time, like Go's regexp."""
    start = 0
    while (end := value.find(")", start)) >= 0:
        at = value.find("%(", start, end)
        if 0 <= at < end - 2 and value.startswith("s", end + 1):
            return value[at : end + 2]
        start = end + 1
    return ""


class Interpolator:
    """Interpolates the values of one file, given the raw options of its section DEFAULT."""

    def __init__(self, defaults: Mapping[str, str]) -> None:
        self._defaults = defaults
        self._done: dict[str, str] = {}
        self._under_way: set[str] = set()

    def interpolate(self, option: str, value: str, section: Mapping[str, str]) -> str:
        """Return `value` as rclone reads it; `section` holds the raw options of its section.

        Raises `ConfValueError` if rclone would crash or use up the memory.
        """
        for _ in range(_ROUNDS):
            reference = find_reference(value)
            if not reference:
                return value
            name = reference.lstrip("%(").rstrip(")s")
            found = self._default(option, name) if name in self._defaults else section.get(name, "")
            if found == reference:
                return value
            value = value.replace(reference, found)
            if len(value) > _LONGEST:
                raise _endless(option)
        return value

    def _default(self, option: str, name: str) -> str:
        if name in self._under_way or len(self._under_way) >= _DEEPEST:
            raise _endless(option)
        if name not in self._done:
            self._under_way.add(name)
            try:
                self._done[name] = self.interpolate(option, self._defaults[name], {})
            finally:
                self._under_way.discard(name)
        return self._done[name]


def _endless(option: str) -> ConfValueError:
    return ConfValueError(option, "its %(…)s references lead too far or form a loop", "Write the value out.")
