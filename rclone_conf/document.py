"""An `rclone.conf` as an immutable value that keeps every byte outside of a requested change."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import NamedTuple, Self

from rclone_conf import section
from rclone_conf.crypt import is_encrypted
from rclone_conf.errors import ConfEncrypted, ConfNameError, ConfSyntaxError, ConfValueError
from rclone_conf.interpolation import Interpolator, find_reference
from rclone_conf.redaction import option_name
from rclone_conf.syntax import Kind, Line, read_lines
from rclone_conf.validation import DEFAULT_SECTION, check_name, check_value


class _Chunk(NamedTuple):
    """A header, the comments directly above it and the lines below it; the first chunk has no header."""

    name: str
    lines: tuple[Line, ...]


class Document:
    """A parsed rclone.conf. Immutable: the `with…` methods return another document.

    `parse` and `render` are inverse to each other.
    """

    __slots__ = ("_bom", "_chunks", "_interpolator", "_places")

    def __init__(self, chunks: Iterable[_Chunk] = (), bom: str = "") -> None:
        """Without arguments an empty document; otherwise use `parse`."""
        self._bom = bom
        self._chunks = tuple(chunks) or (_Chunk(DEFAULT_SECTION, ()),)
        self._places: dict[str, list[int]] = {}
        for number, chunk in enumerate(self._chunks):
            if number or any(line.kind is Kind.OPTION or line.name == " " for line in chunk.lines):
                self._places.setdefault(chunk.name or DEFAULT_SECTION, []).append(number)
        self._interpolator = Interpolator(self._raw(DEFAULT_SECTION))

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Return the document in `data`, an unencrypted file. Raises `ConfSyntaxError` if rclone cannot
        read it."""
        if is_encrypted(data):
            raise ConfEncrypted("The configuration is encrypted. Decrypt it first.")
        bom, every = read_lines(data)
        chunks: list[_Chunk] = []
        name = DEFAULT_SECTION
        lines: list[Line] = []
        for number, line in enumerate(every, 1):
            if line.kind is Kind.HEADER:
                end = len(lines) - section.comments_at_end(lines)
                chunks.append(_Chunk(name, tuple(lines[:end])))
                name, lines = line.name, lines[end:]
            elif line.kind is Kind.BROKEN:
                raise ConfSyntaxError(number, line.name)
            elif not name and line.kind in {Kind.OPTION, Kind.HIDDEN}:
                raise ConfSyntaxError(number, "an option in a section without a name")
            lines.append(line)
        return cls([*chunks, _Chunk(name, tuple(lines))], bom)

    def render(self) -> bytes:
        """Return the bytes of the file."""
        text = "".join([line.text for chunk in self._chunks for line in chunk.lines])
        return (self._bom + text).encode(errors="surrogateescape")

    @property
    def names(self) -> tuple[str, ...]:
        """The section names in the order of the file, each once, including `DEFAULT` if it exists."""
        return tuple(self._places)

    def get(self, name: str) -> Mapping[str, str] | None:
        """Return the options of the section as `rclone config dump` shows them, or None without such a
        section.

        Repeated sections are merged, the last value of an option wins, quotation marks are removed and
        `%(name)s` is replaced. Raises `ConfValueError` if rclone would crash on a `%(name)s`.
        """
        if name not in self._places:
            return None
        raw = self._raw(name)
        return MappingProxyType({key: self._interpolated(name, key, raw) for key in raw})

    def type_of(self, name: str) -> str:
        """Return the section's `type`, also if `get` would raise; empty if it is missing or cannot be
        read."""
        raw = self._raw(name)
        try:
            return self._interpolated(name, "type", raw) if "type" in raw else ""
        except ConfValueError:
            return ""

    def borrowed(self, name: str) -> Mapping[str, str]:
        """Return the options that a section `a.b` lacks and that rclone takes from the section `a`.

        goconfig 1.0.0 (conf.go, GetValue) does so for every name with a dot; `config dump` does not show it.
        """
        found: dict[str, str] = {}
        lender = name.rpartition(".")[0] if name in self._places else ""
        while lender in self._places:
            raw = self._raw(lender)
            found |= {key: self._interpolated(lender, key, raw) for key in raw if key not in found}
            lender = lender.rpartition(".")[0]
        own = self._raw(name)
        return {key: value for key, value in found.items() if key not in own}

    def with_section(self, name: str, options: Mapping[str, str]) -> Self:
        """Return a document in which the section holds exactly `options`; other sections read as before.

        An existing section stays in place. Lines of unchanged options stay byte for byte, with their
        comments; new options follow the order of `options`; a repeated section is merged at its first
        place. A new section is appended.

        Raises `ConfNameError` and `ConfValueError` for what rclone could not read back, and `ConfNameError`
        if the change would make a section borrow options from another (see `borrowed`).
        """
        check_name(name)
        raw = self._raw(name)
        unchanged = {key for key in raw if self._reads_as(name, key, raw, options.get(key))}
        changed = self._written(name, options, unchanged)
        if changed.get(name) != options:
            # A %(…)s refers to an option that changes: write its value out.
            unchanged -= {key for key, value in raw.items() if find_reference(value)}
            changed = self._written(name, options, unchanged)
        if changed.get(name) != options:
            raise ConfValueError("-", "the options called '-' would be renumbered", "Edit the file by hand.")
        self._check_borrowed(name, changed)
        return changed

    def without_section(self, name: str) -> Self:
        """Return a document without the section, its repetitions and its comments; itself if there is no
        such section."""
        places = self._places.get(name, [])
        kept: list[_Chunk] = []
        for number, chunk in enumerate(self._chunks):
            if number not in places:
                kept.append(chunk)
            elif number == 0:
                lines = section.edit(chunk.lines, {}, (), "")
                kept.append(_Chunk(DEFAULT_SECTION, tuple(x for x in lines if x.kind is not Kind.HIDDEN)))
            else:
                _append_lines(kept, section.comments_after(chunk.lines))
        return type(self)(kept, self._bom) if places else self

    def merged(self) -> Self:
        """Return a document that reads the same, with repeated sections merged and no repeated options.

        The section `DEFAULT` is not changed, because rclone saves it without its header.
        """
        lines = {name: self._edited(name, self._raw(name), self._raw(name)) for name in self._repeating()}
        changed = self._replaced(lines)
        # Options called '-' are numbered per part of a section, so merging the parts would rename them.
        same = {name: new for name, new in lines.items() if changed._raw(name) == self._raw(name)}  # noqa: SLF001
        return changed if len(same) == len(lines) else self._replaced(same)

    def __repr__(self) -> str:
        return f"<Document of {len(self._places)} sections>"

    def _raw(self, name: str) -> dict[str, str]:
        """The options of a section before interpolation."""
        places = self._places.get(name, ())
        return {key: line.value for n in places for _, key, line in section.numbered(self._chunks[n].lines)}

    def _interpolated(self, name: str, key: str, raw: Mapping[str, str]) -> str:
        return self._interpolator.interpolate(key, raw[key], {} if name == DEFAULT_SECTION else raw)

    def _reads_as(self, name: str, key: str, raw: Mapping[str, str], value: str | None) -> bool:
        try:
            return value is not None and self._interpolated(name, key, raw) == value
        except ConfValueError:
            return False

    def _written(self, name: str, options: Mapping[str, str], unchanged: set[str]) -> Self:
        for key, value in options.items():
            if key not in unchanged:
                check_value(key, value)
        if name not in self._places:
            return self._appended(name, options)
        return self._replaced({name: self._edited(name, options, unchanged)})

    def _edited(self, name: str, options: Mapping[str, str], unchanged: Collection[str]) -> list[Line]:
        """The lines of the section, from all its places, with exactly these options."""
        first, *others = (section.split(self._chunks[number].lines) for number in self._places[name])
        top, body, after = first
        for head, more, _ in others:
            body += [line for line in head if line.kind is Kind.COMMENT] + more
        end = section.line_end(top)
        lines = [*top, *section.edit(body, options, unchanged, end), *after]
        is_last = self._places[name] == [len(self._chunks) - 1]
        return (
            [*section.with_line_ends(lines[:-1], end), lines[-1]]
            if is_last
            else section.with_line_ends(lines, end)
        )

    def _replaced(self, lines: Mapping[str, list[Line]]) -> Self:
        """A document with these sections once, at their first place, with these lines."""
        kept: list[_Chunk] = []
        for number, chunk in enumerate(self._chunks):
            if chunk.name not in lines:
                kept.append(chunk)
            elif number == self._places[chunk.name][0]:
                kept.append(_Chunk(chunk.name, tuple(lines[chunk.name])))
            else:
                _append_lines(kept, section.comments_after(chunk.lines))
        return type(self)(kept, self._bom)

    def _repeating(self) -> Iterator[str]:
        for name, places in self._places.items():
            count = sum(1 for n in places for _ in section.numbered(self._chunks[n].lines))
            if name != DEFAULT_SECTION and (len(places) > 1 or count > len(self._raw(name))):
                yield name

    def _appended(self, name: str, options: Mapping[str, str]) -> Self:
        last = next(([c.lines[-1]] for c in reversed(self._chunks) if c.lines), [])
        end = section.line_end(last)
        lines = [Line(f"[{name}]{end}", Kind.HEADER, name)]
        lines += [section.option_line(key, value, end) for key, value in options.items()]
        chunks = list(self._chunks)
        gap = [Line(end, Kind.BLANK)] if last and last[0].kind is not Kind.BLANK else []
        chunks[-1] = _Chunk(chunks[-1].name, (*section.with_line_ends(chunks[-1].lines, end), *gap))
        return type(self)([*chunks, _Chunk(name, tuple(lines))], self._bom)

    def _check_borrowed(self, name: str, changed: Self) -> None:
        """Refuse a change that makes rclone take missing options of a section from another."""
        below = [other for other in self._places if other.startswith(f"{name}.")]
        for borrower in (name, *below):
            new = sorted(changed.borrowed(borrower).keys() - self.borrowed(borrower).keys())
            if new:
                names = ", ".join(map(option_name, new))
                lender = borrower.rpartition(".")[0]
                raise ConfNameError(
                    f"rclone would take {names} of {borrower!r} from the section {lender!r}",
                    "Avoid a name that starts with another remote's name and a dot.",
                )


def _append_lines(chunks: list[_Chunk], lines: list[Line]) -> None:
    """Append lines of a removed section to the section before it."""
    before = chunks[-1]
    chunks[-1] = _Chunk(before.name, (*before.lines, *lines))
