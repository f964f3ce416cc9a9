"""Problems of an rclone.conf, also of one that `Document.parse` refuses, and their repair.

Messages name sections, options and lines, never a value.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from rclone_conf.crypt import ENCRYPTION_MARK, is_encrypted
from rclone_conf.document import Document
from rclone_conf.errors import ConfEncrypted, ConfNameError, ConfValueError
from rclone_conf.interpolation import find_reference
from rclone_conf.redaction import option_name
from rclone_conf.syntax import SPACE, Kind, Line, read_lines
from rclone_conf.validation import DEFAULT_SECTION, check_name, check_value


@dataclass(frozen=True, slots=True)
class Problem:
    """One problem. `line` counts from 1, or is 0 for a section as a whole; `repaired` fixes the repairable.

    `code` is one of: unreadable_line, nameless_section, repeated_section, repeated_option, default_section,
    bad_name, reference, endless_reference, fragile_value, borrowed_options.
    """

    section: str
    line: int
    code: str
    message: str
    repairable: bool = False


def problems(data: bytes) -> list[Problem]:
    """Return all problems of an unencrypted file, in the order of its lines, those of whole sections last.

    Raises `ConfEncrypted` for an encrypted file.
    """
    readable = Document.parse(_readable(data))
    return [*_of_lines(*read_lines(data)), *_of_sections(readable)]


def repaired(data: bytes) -> bytes:
    """Return the file with every repairable problem fixed; all other lines are unchanged.

    Lines that rclone cannot read become comments, repeated sections are merged, and of a repeated option
    only the last value stays. If rclone can read the file, it reads the same as before.
    """
    return Document.parse(_readable(data)).merged().render()


def _readable(data: bytes) -> bytes:
    if is_encrypted(data):
        raise ConfEncrypted("The configuration is encrypted. Decrypt it first.")
    bom, lines = read_lines(data)
    texts = [f"# {line.text}" if broken else line.text for line, broken in _marked(bom, lines)]
    return (bom + "".join(texts)).encode(errors="surrogateescape")


def _marked(bom: str, lines: list[Line]) -> Iterator[tuple[Line, bool]]:
    """Each line, and whether it makes the whole file unreadable."""
    section = DEFAULT_SECTION
    begun = bool(bom)  # rclone treats no file with a byte order mark as encrypted
    for line in lines:
        if line.kind is Kind.HEADER:
            section = line.name
        orphan = not section and line.kind in {Kind.OPTION, Kind.HIDDEN}
        # Once the lines above it are comments, rclone would treat the file as encrypted.
        mark = not begun and line.text.strip(SPACE).startswith(ENCRYPTION_MARK)
        broken = orphan or mark or line.kind is Kind.BROKEN
        begun = begun or not (broken or line.kind in {Kind.BLANK, Kind.COMMENT})
        yield line, broken


def _of_lines(bom: str, lines: list[Line]) -> Iterator[Problem]:
    section = DEFAULT_SECTION
    headers: set[str] = set()
    options: dict[tuple[str, str], int] = {}
    for number, (line, broken) in enumerate(_marked(bom, lines), 1):
        if line.kind is Kind.HEADER:
            section = line.name
            yield from _of_header(section, number, again=section in headers)
            headers.add(section)
        elif broken:
            what = _why_broken(line)
            yield Problem(
                section, number, "unreadable_line", f"rclone cannot read the file: {what}", repairable=True
            )
        elif line.kind is Kind.OPTION:
            before = options.get((section, line.name))
            if before is not None and line.name != "-":
                message = f"{option_name(line.name)} is set again in line {number}; rclone uses that one"
                repairable = section != DEFAULT_SECTION
                yield Problem(section, before, "repeated_option", message, repairable=repairable)
            options[section, line.name] = number
            yield from _of_value(section, number, line)


def _why_broken(line: Line) -> str:
    if line.kind is Kind.BROKEN:
        return line.name
    if line.text.strip(SPACE).startswith(ENCRYPTION_MARK):
        return "it has the mark of an encrypted file, but the file is not encrypted"
    return "an option in a section without a name"


def _of_header(section: str, number: int, *, again: bool) -> Iterator[Problem]:
    if again and section not in {"", DEFAULT_SECTION}:
        yield Problem(
            section,
            number,
            "repeated_section",
            "the section is repeated; rclone merges both",
            repairable=True,
        )
    elif not section:
        yield Problem(section, number, "nameless_section", "the section has no name")
    elif section == DEFAULT_SECTION:
        message = "rclone uses DEFAULT as defaults for all sections, and moves its options when it saves"
        yield Problem(section, number, "default_section", message)
    else:
        try:
            check_name(section)
        except ConfNameError as error:
            yield Problem(section, number, "bad_name", f"rclone cannot use the name: {error.problem}")


def _of_value(section: str, number: int, line: Line) -> Iterator[Problem]:
    if find_reference(line.value):
        message = f"rclone replaces the %(…)s in {option_name(line.name)} with the value of another option"
        yield Problem(section, number, "reference", message)
        return
    try:
        check_value("x", line.value)
    except ConfValueError as error:
        message = f"{option_name(line.name)} will change when rclone saves the file: {error.problem}"
        yield Problem(section, number, "fragile_value", message)


def _of_sections(document: Document) -> Iterator[Problem]:
    for name in document.names:
        try:
            document.get(name)
            borrowed = document.borrowed(name)
        except ConfValueError as error:
            message = f"rclone crashes on {option_name(error.option)}: {error.problem}"
            yield Problem(name, 0, "endless_reference", message)
            continue
        if borrowed:
            lender = name.rpartition(".")[0]
            message = (
                f"rclone takes {', '.join(sorted(map(option_name, borrowed)))} from the section {lender!r}"
            )
            yield Problem(name, 0, "borrowed_options", message)
