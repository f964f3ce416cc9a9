"""rclone's value types, text to Python and back, as rclone 1.75.2 reads them, odd spellings included.

Every `parse_*` raises ValueError with a clause that says what is wrong and never contains the text. A text
that rclone accepts but misreads (a size beyond 63 bits, `inf`, `nan`) is a ValueError too.
"""

import math
import re

KIB, MIB, GIB = 1 << 10, 1 << 20, 1 << 30
SIZE_OFF = -1
"""The size `off` (fs/sizesuffix.go)."""

_UNITS = {"k": KIB, "m": MIB, "g": GIB, "t": 1 << 40, "p": 1 << 50, "e": 1 << 60}
_INT64_MAX = (1 << 63) - 1
_SIZE_SUFFIX = re.compile(r"(?:([kKmMgGtTpPeE])(?:i[bB]|[iI])?|[bB])\Z")

_DIGITS = r"\d(?:_?\d)*"
_DECIMAL = re.compile(
    rf"[+-]?(?:{_DIGITS}(?:\.(?:{_DIGITS})?)?|\.{_DIGITS})(?:[eE][+-]?{_DIGITS})?", re.ASCII
)
_HEX_DIGITS = r"[0-9a-fA-F](?:_?[0-9a-fA-F])*"
_HEX = re.compile(
    rf"[+-]?0[xX]_?(?:{_HEX_DIGITS}(?:\.(?:{_HEX_DIGITS})?)?|\.{_HEX_DIGITS})[pP][+-]?{_DIGITS}", re.ASCII
)


def parse_size(text: str) -> int:
    """Return the bytes of a SizeSuffix. All units are binary, a bare number is KiB; `off` is SIZE_OFF.

    `200M`, `200Mi`, `200MiB` are the same; `200MB` is invalid. Rounds down to whole bytes (fs/sizesuffix.go).
    """
    if text.lower() == "off":
        return SIZE_OFF
    number, unit = _split_size(text)
    value = _parse_float(number)
    if value < 0:
        raise ValueError("it is negative")
    return _whole(value * unit)


def _split_size(text: str) -> tuple[str, int]:
    if text.endswith(tuple("0123456789.")):
        return text, KIB
    match = _SIZE_SUFFIX.search(text)
    if match is None:
        raise ValueError("it does not end in a unit that rclone knows")
    letter = match[1]
    return text[: match.start()], _UNITS[letter.lower()] if letter else 1


def render_size(size: int) -> str:
    """Return the shortest exact spelling with rclone's units: `200Mi`, `1.5Gi`, `10b`, `0`, `off`.

    It parses back to the same bytes; rclone's own rounds to three decimals. Raises ValueError if no spelling
    is exact, which needs an odd size above 2^53 bytes.
    """
    if size < 0:
        return "off"
    if size == 0:
        return "0"
    for letter, unit in reversed(_UNITS.items()):
        if size >= unit and size * 1000 % unit == 0:
            text = f"{_decimal(size, unit)}{letter.upper()}i"
            if parse_size(text) == size:
                return text
    if parse_size(f"{size}b") != size:
        raise ValueError("it has more digits than rclone can read exactly")
    return f"{size}b"


def _decimal(size: int, unit: int) -> str:
    whole, rest = divmod(size * 1000 // unit, 1000)
    return f"{whole}.{rest:03}".rstrip("0").rstrip(".")


def parse_bool(text: str) -> bool:
    """Return a Go boolean (strconv.ParseBool): `true True TRUE t T 1`, and so on; not `yes` or `on`."""
    if text in {"1", "t", "T", "TRUE", "true", "True"}:
        return True
    if text in {"0", "f", "F", "FALSE", "false", "False"}:
        return False
    raise ValueError("it is neither true nor false")


_INT = re.compile(r"[+-]?(?:0[xX][0-9a-fA-F_]+|0[bB][01_]+|0[oO][0-7_]+|0[0-7_]*|[1-9][0-9_]*)", re.ASCII)
_BASES = {"0x": 16, "0b": 2, "0o": 8}


def parse_int(text: str) -> int:
    """Return a 64-bit integer as Go's fmt.Sscan reads a backend option: `3`, `+3`, `0x10`; `010` is 8."""
    text = text.strip(" \t")
    if not _INT.fullmatch(text):
        raise ValueError("it is not a whole number")
    value = -_magnitude(text[1:]) if text.startswith("-") else _magnitude(text.removeprefix("+"))
    if not -_INT64_MAX - 1 <= value <= _INT64_MAX:
        raise ValueError("it is too large a number")
    return value


def _magnitude(text: str) -> int:
    digits = text.replace("_", "").lower()
    base = _BASES.get(digits[:2], 8 if digits.startswith("0") else 10)
    digits = digits[2:] if digits[:2] in _BASES else digits
    if not digits:
        raise ValueError("it is not a whole number")
    if len(digits) > 64:
        raise ValueError("it is too large a number")
    return int(digits, base)


_CLOCK_UNITS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "μs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_CALENDAR_UNITS = {"d": 86400.0, "w": 7 * 86400.0, "M": 30 * 86400.0, "y": 365 * 86400.0}
_CLOCK_PART = re.compile(r"(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|μs|ms|s|m|h)", re.ASCII)


def parse_duration(text: str) -> float:
    """Return the seconds of a duration: `6h`, `1h30m`, `1.5d`, `2w`, `1M` (30 days), `1y`; `off` is infinite.

    A bare number is seconds (fs/parseduration.go). Dates, which rclone also accepts, are refused.
    """
    if text == "off":
        return math.inf
    seconds = _parse_clock(text)
    if seconds is None:
        unit = _CALENDAR_UNITS.get(text[-1:])
        seconds = _parse_float(text[:-1]) * unit if unit else _parse_float(text)
    if not math.isfinite(seconds) or abs(seconds) * 1e9 >= _INT64_MAX:
        raise ValueError("it is too long for rclone")
    return seconds


def _parse_clock(text: str) -> float | None:
    sign = -1.0 if text.startswith("-") else 1.0
    rest = text[1:] if text[:1] in {"+", "-"} else text
    parts = _CLOCK_PART.findall(rest)
    if not parts or "".join(number + unit for number, unit in parts) != rest:
        return None
    return sign * math.fsum(float(number) * _CLOCK_UNITS[unit] for number, unit in parts)


def _parse_float(text: str) -> float:
    """Go's strconv.ParseFloat, without its infinities and NaN."""
    if _DECIMAL.fullmatch(text):
        value = float(text)
    elif _HEX.fullmatch(text):
        try:
            value = float.fromhex(text.replace("_", ""))
        except OverflowError:
            value = math.inf
    else:
        raise ValueError("it is not a number with a unit")
    if not math.isfinite(value):
        raise ValueError("it is too large a number")
    return value


def _whole(value: float) -> int:
    if value > _INT64_MAX - 1024:  # a float this close to 2^63 rounds up to it, and Go wraps around
        raise ValueError("it is too large a number")
    return int(value)


ENCODINGS = (
    "Slash", "LtGt", "SquareBracket", "Semicolon", "Exclamation", "DoubleQuote", "SingleQuote", "BackQuote",
    "Dollar", "Colon", "Question", "Asterisk", "Pipe", "Hash", "Percent", "BackSlash", "CrLf", "Del", "Ctl",
    "LeftSpace", "LeftPeriod", "LeftTilde", "LeftCrLfHtVt", "RightSpace", "RightPeriod", "RightCrLfHtVt",
    "InvalidUtf8", "Dot", "Raw", "None",
)  # fmt: skip
"""The names of lib/encoder/encoder.go, case-sensitive."""

_MASK = re.compile(
    r"0[xX](?:_?[0-9a-fA-F])+|0[bB](?:_?[01])+|0[oO](?:_?[0-7])+|0(?:_?[0-7])*|[1-9](?:_?[0-9])*", re.ASCII
)


def parse_encoding(text: str, *, any_case: bool = False) -> str:
    """Return the names in `text` as rclone writes them, joined by commas; a number (a bit mask) stays.

    With `any_case`, `slash,ctl` is accepted too: Pluton's form prefills such names, which rclone refuses.
    """
    known = {name.lower() if any_case else name: name for name in ENCODINGS}
    parts = [part.strip() for part in text.split(",")]
    names = [known.get(part.lower() if any_case else part, part) for part in parts]
    if not all(name in ENCODINGS or _is_mask(name) for name in names):
        raise ValueError("it contains a name that is none of rclone's encodings")
    return ",".join(names)


def _is_mask(text: str) -> bool:
    return bool(_MASK.fullmatch(text)) and len(text) <= 80 and _magnitude(text) < 1 << 64


_DAYS = "sun(?:day)?|mon(?:day)?|tue(?:sday)?|wed(?:nesday)?|thu(?:rsday)?|fri(?:day)?|sat(?:urday)?"
_SLOT = re.compile(rf"(?:(?:{_DAYS})-)?(?:[01]\d|2[0-3]):[0-5]\d,([^,]*)", re.ASCII | re.IGNORECASE)


def check_bwlimit(text: str) -> None:
    """Raise ValueError unless `text` is a bandwidth limit: a rate per second, or a timetable of them.

    A rate is a size, or upload and download as `10M:1M`; a timetable is like `08:00,512k Mon-12:00,off`
    (fs/bwtimetable.go).
    """
    if " " not in text and "," not in text:
        rates = [text]
    else:
        slots = [_SLOT.fullmatch(slot) for slot in re.split("[ ;]", text) if slot]
        rates = [slot[1] for slot in slots if slot]
        if not slots or len(rates) < len(slots):
            raise ValueError("it is not a timetable like 08:00,512k 12:00,off")
    for rate in rates:
        for size in rate.split(":", 1):
            parse_size(size)
