"""One page of a listing: prefix, delimiter, marker, limit."""

from base64 import b64decode, urlsafe_b64encode
from dataclasses import dataclass
from hashlib import sha256

from tests.qingstor_server.refusal import Refused
from tests.qingstor_server.store import HIGHEST, Store, StoredObject

_BATCH = 1000


@dataclass(frozen=True, slots=True)
class Question:
    """What a client asked to list; `marker` is a previous page's `next_marker`."""

    bucket: str
    prefix: str = ""
    delimiter: str = ""
    marker: str = ""
    limit: int = 100


@dataclass(frozen=True, slots=True)
class Page:
    """Objects and common prefixes; both count against the limit. `next_marker` is "" on the last page."""

    objects: tuple[StoredObject, ...]
    prefixes: tuple[str, ...]
    next_marker: str

    @property
    def has_more(self) -> bool:
        """Whether another page follows."""
        return bool(self.next_marker)


def list_page(store: Store, question: Question, *, unordered: bool = False) -> Page:
    """One page, by key or (`unordered`) in an order of its own. Raises Refused (400)."""
    after = _decode(question.marker)
    return _shuffled_page(store, question, after) if unordered else _ordered_page(store, question, after)


def group_of(key: str, prefix: str, delimiter: str) -> str | None:
    """The common prefix that a key falls under, delimiter included, or None when it stands for itself."""
    if not delimiter:
        return None
    end = key.find(delimiter, len(prefix))
    return None if end < 0 else key[: end + len(delimiter)]


def _ordered_page(store: Store, ask: Question, after: str) -> Page:
    objects: list[StoredObject] = []
    prefixes: list[str] = []
    while True:
        room = ask.limit - len(objects) - len(prefixes)
        # One more than fits shows whether there is another page.
        rows = store.objects_after(ask.bucket, after, ask.prefix, min(room + 1, _BATCH))
        if not rows:
            return Page(tuple(objects), tuple(prefixes), "")
        for row in rows:
            if len(objects) + len(prefixes) == ask.limit:
                return Page(tuple(objects), tuple(prefixes), _encode(after))
            group = group_of(row.key, ask.prefix, ask.delimiter)
            if group is not None:
                prefixes.append(group)
                # Everything else in the group is skipped by asking the catalogue again behind it.
                after = group + HIGHEST
                break
            objects.append(row)
            after = row.key


def _shuffled_page(store: Store, ask: Question, after: str) -> Page:
    entries: dict[str, StoredObject | None] = {}
    for row in store.objects_after(ask.bucket, "", ask.prefix, -1):
        group = group_of(row.key, ask.prefix, ask.delimiter)
        if group is None:
            entries[row.key] = row
        else:
            entries[group] = None
    ranked = sorted((sha256(name.encode()).hexdigest(), name) for name in entries)
    rest = [(rank, name) for rank, name in ranked if rank > after]
    shown = rest[: ask.limit]
    objects = tuple(item for _, name in shown if (item := entries[name]) is not None)
    prefixes = tuple(name for _, name in shown if entries[name] is None)
    return Page(objects, prefixes, _encode(shown[-1][0]) if len(rest) > len(shown) else "")


def _encode(position: str) -> str:
    return urlsafe_b64encode(position.encode()).decode()


def _decode(marker: str) -> str:
    try:
        return b64decode(marker, altchars=b"-_", validate=True).decode()
    except ValueError:
        raise Refused("invalid_argument", "The marker is not a next_marker of this service.") from None
