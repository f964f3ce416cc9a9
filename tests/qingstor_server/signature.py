"""QingStor's request signatures, `QS` header and query form (docs: API, practices, signature)."""

import hmac
import time
from base64 import b64encode
from collections.abc import Iterator, Mapping
from email.utils import parsedate_to_datetime
from functools import lru_cache

from tests.qingstor_server.accounts import AccessKey, Accounts
from tests.qingstor_server.refusal import Refused
from tests.qingstor_server.target import Target

WINDOW_SECONDS = 15 * 60

_SIGNED = frozenset(
    {
        *(
            "acl",
            "append",
            "cors",
            "cname",
            "delete",
            "image",
            "lifecycle",
            "logging",
            "mirror",
            "notification",
        ),
        *("part_number", "policy", "position", "replication", "stats", "upload_id", "uploads"),
    }
)


def sign(secret: str, text: str) -> str:
    """The signature of a string to sign: base64 of HMAC-SHA256."""
    return b64encode(hmac.digest(secret.encode(), text.encode(errors="surrogateescape"), "sha256")).decode()


def string_to_sign(
    method: str,
    headers: Mapping[str, str],
    resource: str,
    *,
    date: str | None = None,
    content_type: bool = True,
) -> str:
    """The text that is signed. `date` replaces the header's in the query form (the `expires` number)."""
    if date is None:
        date = "" if "x-qs-date" in headers else headers.get("Date", "")
    own = sorted(
        (name.lower(), value.strip()) for name, value in headers.items() if name[:5].lower() == "x-qs-"
    )
    kind = headers.get("Content-Type", "") if content_type else ""
    lines = [method, headers.get("Content-MD5", ""), kind, date, *(f"{name}:{value}" for name, value in own)]
    return "\n".join([*lines, resource])


def canonical_resource(path: str, query: Mapping[str, str]) -> str:
    """The path with the signed part of the query, sorted; a key without a value stands alone."""
    signed = sorted((name, value) for name, value in query.items() if _is_signed(name))
    tail = "&".join(f"{name}={value}" if value else name for name, value in signed)
    return f"{path}?{tail}" if tail else path


def authenticate(
    target: Target, headers: Mapping[str, str], accounts: Accounts, *, skew: float = 0.0
) -> AccessKey | None:
    """The key that signed this request; None when it carries no credentials (anonymous).

    Raises Refused: 401 for the key or the signature, 402/403 for the state of its account, 403
    `request_expired` outside the 15 minutes around the server's clock, which is `skew` seconds fast.
    """
    now = time.time() + skew
    if header := headers.get("Authorization"):
        scheme, _, rest = header.partition(" ")
        key_id, _, signature = rest.partition(":")
        if scheme != "QS" or not signature:
            raise Refused("signature_not_matched", "The Authorization header is not `QS <key>:<signature>`.")
        key = accounts.find(key_id)
        texts = (string_to_sign(target.method, headers, resource) for resource in _resources(target))
        moment = _moment(headers.get("x-qs-date") or headers.get("Date", ""))
        fresh = moment is not None and abs(now - moment) <= WINDOW_SECONDS
    elif "signature" in target.query and "access_key_id" in target.query:
        signature, expires = target.query["signature"], target.query.get("expires", "")
        key = accounts.find(target.query["access_key_id"])
        # The vendor's Python SDK leaves the Content-Type out of this form, its page does not.
        texts = (
            string_to_sign(target.method, headers, resource, date=expires, content_type=with_type)
            for resource in _resources(target)
            for with_type in (False, True)
        )
        fresh = expires.isdigit() and now <= int(expires)
    else:
        return None
    if not any(hmac.compare_digest(sign(key.secret, text), signature) for text in texts):
        raise Refused("signature_not_matched", "The signature does not match the request.")
    accounts.check_state(key)
    if not fresh:
        raise Refused("request_expired", "The request's time is too far from the server's.")
    return key


def _is_signed(name: str) -> bool:
    return name in _SIGNED or name.startswith("response-")


def _resources(target: Target) -> Iterator[str]:
    """What clients sign as the resource: query values decoded (Go SDK) or as sent (Python SDK)."""
    yield canonical_resource(target.path, target.query)
    if "%" in target.raw_query:
        raw = dict(part.partition("=")[::2] for part in target.raw_query.split("&"))
        yield canonical_resource(target.path, raw)


@lru_cache(maxsize=16)
def _moment(date: str) -> float | None:
    try:
        return parsedate_to_datetime(date).timestamp()
    except ValueError:
        return None
