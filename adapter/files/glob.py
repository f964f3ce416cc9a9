"""rclone's filter patterns as regular expressions of Python, refused where these could mean another thing.

The rules are those of fs/filter/glob.go and filter.go (1.75.2): `*`, `**`, `?`, `[…]`, `{a,b}`, `{{regular
expression}}`, a slash at the beginning for the root. Matched against names as rclone spells them.
"""

import re

_MAGIC = re.compile(r"[\\*?\[\]{}]")
_TOO_HARD = re.compile(r"\{[^{}]*(?:\*\*|/)[^{}]*\}|\{\{|\}\}")
_PLAIN_REGEX = re.compile(
    r"(?:[^\\\[\](){}*+?|^$]|\\[^0-9A-Za-z]|\\[dswDSW]|\[\^?(?:[^\\\[\]^-]|[0-9A-Za-z]-[0-9A-Za-z])+\]"
    r"|\((?:\?:|(?!\?))|\)|\||[*+?](?![*+?{])|\{\d{1,3}(?:,\d{0,3})?\}(?![*+?{]))*"
)
"""The part of RE2 that Python reads in the same way; a quantifier after a quantifier is not in it."""


class PatternProblem(ValueError):
    """A pattern that is wrong, or that cannot be read as rclone reads it; the text says why."""


def literal(glob: str) -> str | None:
    """Return the pattern if it stands for itself only, else None."""
    return None if _MAGIC.search(glob) or glob.endswith("/") else glob


def glob_regex(glob: str) -> re.Pattern[str]:
    """Return the expression that finds the pattern in a name. Raises PatternProblem."""
    start, rest = (r"\A", glob[1:]) if glob.startswith("/") else ("(?:^|/)", glob)
    try:
        return re.compile(f"{start}{_body(rest)}\\Z", re.ASCII | re.DOTALL)
    except (re.error, OverflowError, RecursionError) as error:
        raise PatternProblem(f"it is not a pattern: {error}") from None


def directory_globs(glob: str) -> tuple[str, ...]:
    """Return patterns of the directories, with a slash at the end, in which there may be matches of a file
    pattern.

    They are rclone's, which finds nothing below `x` for a pattern like `a/b` without a slash in front.
    """
    if _TOO_HARD.search(glob):
        return ("/**",)
    rest = re.sub("/{2,}", "/", glob)
    found: list[str] = []
    while (end := max(slash := rest.rfind("/"), stars := rest.rfind("**"))) >= 0:
        rest = rest[:end]
        directory = f"{rest}**/" if stars > slash else f"{rest}/"
        if not found or found[-1] != directory:
            found.append(directory)
    return tuple(found) or ("/**",)


def _body(glob: str) -> str:
    parts: list[str] = []
    depth = at = 0
    while at < len(glob):
        char = glob[at]
        if char == "*":
            stars = len(glob[at:]) - len(glob[at:].lstrip("*"))
            if stars > 2:
                raise PatternProblem("it has more than two stars in a row")
            parts.append("[^/]*" if stars == 1 else ".*")
            at += stars
            continue
        if glob.startswith("{{", at):
            end = _end_of_regex(glob, at)
            parts.append(_regex(glob[at + 2 : end - 2]))
            at = end
            continue
        if char == "[":
            end, text = _character_class(glob, at)
            parts.append(text)
            at = end
            continue
        if char == "\\":
            parts.append(_escaped(glob[at + 1 : at + 2]))
            at += 2
            continue
        if char == "{" and depth:
            raise PatternProblem("it has braces inside braces, which versions of rclone read differently")
        if char in "}]" and not (char == "}" and depth):
            raise PatternProblem(f"it has a {char} without its beginning")
        depth += {"{": 1, "}": -1}.get(char, 0)
        parts.append(_one(char, in_braces=depth > 0))
        at += 1
    if depth:
        raise PatternProblem("it has a { without its end")
    return "".join(parts)


def _one(char: str, *, in_braces: bool) -> str:
    if char == "," and in_braces:
        return "|"
    return {"?": "[^/]", "{": "(?:", "}": ")"}.get(char) or re.escape(char)


def _escaped(char: str) -> str:
    if not char:
        raise PatternProblem("it ends with a backslash")
    if char.isalnum() or not char.isascii():
        raise PatternProblem(f"it has \\{char}, which rclone gives to its regular expressions as it is")
    return re.escape(char)


def _character_class(glob: str, start: int) -> tuple[int, str]:
    """Return the end of a class like `[a-z]` and its expression."""
    end = glob.find("]", start)
    if end < 0:
        raise PatternProblem("it has a [ without its end")
    inside = glob[start + 1 : end]
    negation = "^" if inside.startswith("^") else ""
    return end + 1, f"[{negation}{_members(inside[len(negation) :])}]"


def _members(inside: str) -> str:
    """Return what stands in a class, each character for itself but for ranges."""
    if not inside or "[" in inside or "\\" in inside:
        raise PatternProblem("it has a class in brackets that is empty, or with a [ or a backslash in it")
    parts: list[str] = []
    at = 0
    while at < len(inside):
        first = inside[at]
        if at + 2 < len(inside) and inside[at + 1] == "-":
            last = inside[at + 2]
            if last < first:
                raise PatternProblem(f"it has the range {first}-{last}, which is the wrong way round")
            parts.append(f"{re.escape(first)}-{re.escape(last)}")
            at += 3
        else:
            parts.append(re.escape(first))
            at += 1
    return "".join(parts)


def _end_of_regex(glob: str, start: int) -> int:
    """Return the end of `{{…}}`; of several braces in a row the last two end it."""
    end = glob.find("}}", start + 2)
    if end < 0:
        raise PatternProblem("it has a {{ without its end")
    end += 2
    while glob.startswith("}", end):
        end += 1
    return end


def _regex(text: str) -> str:
    if not _PLAIN_REGEX.fullmatch(text):
        raise PatternProblem(f"its regular expression {text} may mean another thing here than in rclone")
    return f"(?:{text})"
