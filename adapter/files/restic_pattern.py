"""restic's patterns, which Pluton's plans hold (restic, internal/filter, 0.18), as regular expressions.

Without a slash a pattern is the name of a file or of a whole directory at any depth; with a slash inside,
names that follow one another; with one at the beginning, an absolute path. `**` stands for any number of
directories.
"""

import posixpath
import re

from adapter.files.glob import PatternProblem

_MAGIC = re.compile(r"[\\*?\[]")


def literal(pattern: str) -> str | None:
    """Return the pattern as a clean path if it stands for itself only, else None."""
    return None if _MAGIC.search(pattern) else _clean(pattern)


def pattern_regex(pattern: str) -> re.Pattern[str]:
    """Return the expression that finds the pattern in a path, or in one of the directories above it.

    One for an absolute pattern is for absolute paths. Raises PatternProblem.
    """
    clean = _clean(pattern)
    names = clean.strip("/").split("/")
    text, slash = (r"\A", True) if clean.startswith("/") else (r"(?:^|/)", False)
    if set(names) == {"**"}:
        return re.compile("")
    for name in names:
        if name == "**":
            # It brings its own slashes, so that it may stand for no directory at all.
            text += "(?:/[^/]+)*" if slash else "(?:[^/]+/)*"
            continue
        text += ("/" if slash else "") + _component(name)
        slash = True
    return re.compile(text + r"(?:/|\Z)", re.DOTALL)


def _clean(pattern: str) -> str:
    return re.sub("^/+", "/", posixpath.normpath(pattern))


def _component(name: str) -> str:
    parts: list[str] = []
    at = 0
    while at < len(name):
        char = name[at]
        if char == "[":
            end, text = _character_class(name, at)
            parts.append(text)
            at = end
            continue
        if char == "\\":
            at += 1
            if at == len(name):
                raise PatternProblem("it ends a name with a backslash")
            parts.append(re.escape(name[at]))
        else:
            parts.append({"*": "[^/]*", "?": "[^/]"}.get(char) or re.escape(char))
        at += 1
    return "".join(parts)


def _character_class(name: str, start: int) -> tuple[int, str]:
    """Return the end of a class like `[^a-z]` and its expression, as Go's path.Match reads it."""
    at = start + 1
    negated = name.startswith("^", at)
    at += negated
    members: list[str] = []
    while not (members and name.startswith("]", at)):
        first, at = _member(name, at)
        last = first
        if name.startswith("-", at):
            last, at = _member(name, at + 1)
        if last < first:
            raise PatternProblem(f"it has the range {first}-{last}, which is the wrong way round")
        members.append(f"{re.escape(first)}-{re.escape(last)}")
    return at + 1, f"[{'^/' if negated else ''}{''.join(members)}]"


def _member(name: str, at: int) -> tuple[str, int]:
    at += name.startswith("\\", at)
    if at >= len(name) or (name[at] in "-]" and name[at - 1] != "\\"):
        raise PatternProblem("it has a class in brackets that is not complete")
    return name[at], at + 1
