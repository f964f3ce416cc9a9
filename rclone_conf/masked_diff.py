"""A unified diff of two versions of rclone.conf, with everything masked that may be a secret."""

from collections.abc import Collection, Iterator
from difflib import SequenceMatcher

from rclone_conf.document import Document
from rclone_conf.qingstor import TYPE
from rclone_conf.redaction import MASK, option_name, option_value, visible
from rclone_conf.syntax import Kind, Line, read_lines


def masked_diff(before: bytes, after: Document) -> Iterator[str]:
    """Yield the lines of a unified diff. It shows `type` and, of a QingStor storage, values that are no
    secrets."""
    ours = {name for name in after.names if after.type_of(name) == TYPE}
    one, other = read_lines(before)[1], read_lines(after.render())[1]
    # Compared before masking: masked values would all be equal.
    old, new = list(_masked(one, ours)), list(_masked(other, ours))
    groups = list(SequenceMatcher(None, one, other, autojunk=False).get_grouped_opcodes(1))
    if groups:
        yield from ("--- rclone.conf", "+++ rclone.conf, repaired")
    for group in groups:
        (_, first, _, start, _), (_, _, last, _, end) = group[0], group[-1]
        yield f"@@ -{first + 1},{last - first} +{start + 1},{end - start} @@"
        for tag, i, j, k, m in group:
            if tag == "equal":
                yield from (f" {line}" for line in old[i:j])
            else:
                yield from (f"-{line}" for line in old[i:j])
                yield from (f"+{line}" for line in new[k:m])


def _masked(lines: list[Line], ours: Collection[str]) -> Iterator[str]:
    section = ""
    for line in lines:
        match line.kind:
            case Kind.BLANK:
                yield ""
            case Kind.HEADER:
                section = line.name
                yield f"[{visible(section)}]"
            case Kind.OPTION if line.name == "type" or (section in ours and line.name != "description"):
                yield f"{option_name(line.name)} = {option_value(line.name, line.value)}"
            case Kind.OPTION:
                yield f"{option_name(line.name)} = {MASK}"
            case Kind.COMMENT:
                yield f"# {MASK}"
            case _:
                yield MASK
