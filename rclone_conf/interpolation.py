"""`%(name)s` in values, which rclone replaces by another option's value whenever it reads one.

The rules are those of goconfig 1.0.0 (conf.go, GetValue), odd ones included: an option of the DEFAULT section
goes before one of the same section; an unknown name gives nothing; of the name every `%`, `(` at the start
and `)`, `s` at the end is cut off, so that `%(pass)s` looks for `pa`.
"""

from collections.abc import Mapping

from rclone_conf.errors import ConfValueError

_ROUNDS = 200
_DEEPEST = 100
"""Options of DEFAULT that lead on to one another. rclone goes on until its stack of 1 GB is full."""
_LONGEST = 1 << 20
"""Characters. rclone has no limit and would use up the memory for `x = %(x)s%(x)s`."""


def find_reference(value: str) -> str:
    """The first `%(name)s` in `value`, or nothing. Takes time in proportion to the length, like Go's
    regexp."""
    start = 0
    while (end := value.find(")", start)) >= 0:
        at = value.find("%(", start, end)
        if 0 <= at < end - 2 and value.startswith("s", end + 1):
            return value[at : end + 2]
        start = end + 1
    return ""


class Interpolator:
    """Expands values of one file, given the unexpanded options of its DEFAULT section."""

    def __init__(self, defaults: Mapping[str, str]) -> None:
        self._defaults = defaults
        self._done: dict[str, str] = {}
        self._under_way: set[str] = set()

    def interpolate(self, option: str, value: str, section: Mapping[str, str]) -> str:
        """`value` as rclone reads it, with `section` the unexpanded options around it.

        Raises `ConfValueError` where rclone would crash or fill the memory.
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
    return ConfValueError(option, "its %(…)s lead too far, or back to themselves", "Write the value out.")
