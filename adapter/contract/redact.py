"""Redaction of secrets in log lines, evidence and any other text that may contain a key."""

import base64
import json
import re
from collections.abc import Iterable
from urllib.parse import quote, quote_plus

MASK = "********"
"""Of fixed length, so that it does not reveal the length of the secret."""

_SHORTEST = 4
"""Characters. Masking a shorter text would damage ordinary words and hide nothing."""

_PATTERNS = tuple(
    (re.compile(pattern, re.IGNORECASE), masked)
    for pattern, masked in (
        # A header: as HTTP, as JSON, or as Go prints a map of headers; the scheme may be missing.
        (
            r"""(authorization["']?\s*[:=]\s*\[?["']?)(?:(?:qs|basic|bearer)\s+)?[^\s"',\]]+""",
            rf"\1{MASK}",
        ),
        (r"""(\bQS\s+)[^\s:"']+:[a-z0-9+/]{16,}={0,2}""", rf"\1{MASK}"),
        (
            r"""\b((?:secret_access_key|access_key_id|signature)["']?\s*[=:]\s*["']?)[^\s&"',;}]+""",
            rf"\1{MASK}",
        ),
        # Up to the last @ before the path: a password may have an @ of its own.
        (r"(\b[a-z][a-z0-9+.-]{0,15}://)[^\s/?#]*@", rf"\1{MASK}@"),
    )
)


class Redactor:
    """Masks the given secrets, plain or as logs may encode them, and all that looks like a credential."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        forms = {form for secret in secrets for form in _forms(secret)}
        # The longest first, because one form may contain another.
        ordered = sorted(forms, key=len, reverse=True)
        self._known = re.compile("|".join(map(re.escape, ordered))) if ordered else None

    def __call__(self, text: str) -> str:
        """Return `text` with every secret replaced by MASK."""
        if self._known is not None:
            text = self._known.sub(MASK, text)
        for pattern, masked in _PATTERNS:
            text = pattern.sub(masked, text)
        return text

    def __repr__(self) -> str:
        return "Redactor()"


def _forms(secret: str) -> Iterable[str]:
    if len(secret) < _SHORTEST:
        return
    raw = secret.encode(errors="surrogatepass")
    percent = quote(raw, safe="")
    yield from (secret, percent, percent.lower(), quote_plus(raw), quote(raw))
    yield from (json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1])
    # Go's encoding/json writes <, > and & as escapes.
    yield re.sub(
        "[<>&]", lambda match: f"\\u{ord(match[0]):04x}", json.dumps(secret, ensure_ascii=False)[1:-1]
    )
    yield from _base64_forms(raw)


def _base64_forms(raw: bytes) -> Iterable[str]:
    """Yield the base64 of the secret for each of the three offsets that it may have in a longer text."""
    for before in range(3):
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            text = encode(bytes(before) + raw).decode()
            start = -(-before * 8 // 6)
            # The characters at both ends also encode bits of the neighbours.
            core = text[start : len(raw + bytes(before)) * 8 // 6]
            if len(core) >= 2 * _SHORTEST:
                yield core
