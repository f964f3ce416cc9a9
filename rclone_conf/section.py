"""The lines of one section: its options, and how to change them without touching other lines.

A comment belongs to the option, or header, directly below it and is removed with it. Comments after the last
option, or followed by a blank line, stay.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence

from rclone_conf.syntax import Kind, Line, write_option


def numbered(lines: Sequence[Line]) -> Iterator[tuple[int, str, Line]]:
    """Yield index, name and line of each option; rclone names the options called `-` `#1`, `#2` and so on."""
    count = 0
    for index, line in enumerate(lines):
        if line.kind is Kind.OPTION:
            if line.name == "-":
                count += 1
                yield index, f"#{count}", line
            else:
                yield index, line.name, line


def line_end(lines: Sequence[Line]) -> str:
    """Return the line ending in use."""
    return "\r\n" if lines and lines[0].text.endswith("\r\n") else "\n"


def comments_at_end(lines: Sequence[Line]) -> int:
    """Return the number of comment lines at the end of `lines`, with no blank line between."""
    count = 0
    while count < len(lines) and lines[-1 - count].kind is Kind.COMMENT:
        count += 1
    return count


def split(lines: Sequence[Line]) -> tuple[list[Line], list[Line], list[Line]]:
    """Return the header with the comments above it, the lines to the last option, and the lines after it."""
    top = next((i + 1 for i, line in enumerate(lines) if line.kind is Kind.HEADER), 0)
    kinds = {Kind.OPTION, Kind.HIDDEN}
    end = next((i + 1 for i in range(len(lines) - 1, top - 1, -1) if lines[i].kind in kinds), top)
    return list(lines[:top]), list(lines[top:end]), list(lines[end:])


def comments_after(lines: Sequence[Line]) -> list[Line]:
    """Return what stays of a removed section: the lines from the first comment after its last option."""
    after = split(lines)[2]
    first = next((i for i, line in enumerate(after) if line.kind is Kind.COMMENT), len(after))
    return after[first:]


def edit(
    body: Sequence[Line], options: Mapping[str, str], unchanged: Collection[str], end: str
) -> list[Line]:
    """Return `body` with exactly `options`: lines of `unchanged` ones as they are, new ones in the given
    order."""
    last = {key: index for index, key, _ in numbered(body)}
    keys = {index: key for index, key, _ in numbered(body)}
    inserted = _insertions(options, last, end)
    edited = inserted.get("", [])
    for index, line in enumerate(body):
        key = keys.get(index)
        if key is None or (key in unchanged and last[key] == index):
            edited.append(line)
        elif key not in options:
            del edited[len(edited) - comments_at_end(edited) :]
        elif last[key] == index:
            edited.append(option_line(key, options[key], end))
        if key is not None and last[key] == index:
            edited += inserted.get(key, ())
    return edited


def _insertions(options: Mapping[str, str], present: Mapping[str, int], end: str) -> dict[str, list[Line]]:
    """The lines of new options, by the option after which they are inserted ("" for the top)."""
    inserted: dict[str, list[Line]] = {}
    before = ""
    for key, value in options.items():
        if key in present:
            before = key
        else:
            inserted.setdefault(before, []).append(option_line(key, value, end))
    return inserted


def option_line(key: str, value: str, end: str) -> Line:
    """Return the line for one option."""
    return Line(f"{write_option(key, value)}{end}", Kind.OPTION, key, value)


def with_line_ends(lines: Sequence[Line], end: str) -> list[Line]:
    """Return `lines`, each with a line ending, so that more can be appended."""
    return [line if line.text.endswith("\n") else line._replace(text=line.text + end) for line in lines]
