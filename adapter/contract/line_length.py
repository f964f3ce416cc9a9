"""Lines that a reader can take in one piece: what does not fit is left out, counted or shortened."""

from collections.abc import Callable, Mapping, Sequence

LONGEST_LINE = 32 << 10
"""Bytes, with the line's end; every line is shorter. Pluton loses a line that arrives in two pieces."""

MOST_FAILED_FILES = LONGEST_LINE // 40
"""More entries of `failed_files` do not fit: one with nothing in it has 40 bytes."""
_STEPS = ((2000, 100), (500, 20), (100, 5), (40, 2))
"""Most characters of a text, and most entries of a list: the first step that makes the line fit is taken."""

Fields = Mapping[str, object]
Encode = Callable[[Fields], str]


def fitted(fields: Fields, encode: Encode) -> str:
    """Return the line of these fields, without its end; texts and lists are cut if it would be too long."""
    return encode(_cut_to_fit(fields, encode))


def with_failed_files(fields: Fields, files: Sequence[Fields], count: int, encode: Encode) -> str:
    """Return the line of a summary with as many of the `count` failed files as fit, and how many do not.

    `files` may be the first MOST_FAILED_FILES of them only.
    """
    kept = _cut_to_fit({**fields, "failed_files": [], "failed_files_omitted": count}, encode)
    left = LONGEST_LINE - _size(encode(kept))
    shown: list[Fields] = []
    for file in files:
        left -= len(encode(file).encode()) + len(", ")
        if left <= 0:
            break
        shown.append(file)
    return encode({**kept, "failed_files": shown, "failed_files_omitted": count - len(shown)})


def _cut_to_fit(fields: Fields, encode: Encode) -> Fields:
    kept = fields
    for characters, entries in _STEPS:
        if _size(encode(kept)) < LONGEST_LINE:
            break
        kept = {name: _cut(name, value, characters, entries) for name, value in fields.items()}
    return kept


def _size(line: str) -> int:
    return len(line.encode()) + len("\n")


def _cut(name: str, value: object, characters: int, entries: int) -> object:
    match value:
        case str() if len(value) > characters:
            return f"{value[: characters - 1]}…"
        case list() | tuple():
            # Of a log the end tells most.
            kept = value[-entries:] if name == "log_tail" else value[:entries]
            return [_cut(name, one, characters, entries) for one in kept]
        case dict():
            return {key: _cut(key, one, characters, entries) for key, one in value.items()}
        case _:
            return value
