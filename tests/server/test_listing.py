"""Listings: pages, prefixes, delimiters, in the order of keys and out of it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.qingstor_server import QingStorServer
from tests.qingstor_server.blob import Body
from tests.qingstor_server.listing import Question, list_page
from tests.qingstor_server.store import Store, new_object
from tests.server.wire import Wire

KEYS = st.lists(st.text("ab/é\U0001f600", min_size=1, max_size=5), unique=True, max_size=25)
NO_BODY: Body = ()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """An empty store in this process."""
    store = Store(tmp_path)
    yield store
    store.close()


def pages(store: Store, question: Question, *, unordered: bool) -> list[str]:
    """Everything that a listing shows, page by page; no page is too long, nothing comes twice."""
    shown: list[str] = []
    marker = ""
    while True:
        ask = Question("bucket", question.prefix, question.delimiter, marker, question.limit)
        page = list_page(store, ask, unordered=unordered)
        names = [*(item.key for item in page.objects), *page.prefixes]
        assert len(names) <= question.limit
        assert names or not page.has_more
        shown += names
        marker = page.next_marker
        if not page.has_more:
            assert len(set(shown)) == len(shown)
            return shown


@given(
    keys=KEYS,
    prefix=st.text("ab/é", max_size=2),
    delimiter=st.sampled_from(["", "/", "b"]),
    limit=st.integers(1, 6),
    unordered=st.booleans(),
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_pages_show_everything_once(
    store: Store, keys: list[str], prefix: str, delimiter: str, limit: int, *, unordered: bool
) -> None:
    store.clear()
    for key in keys:
        store.put("bucket", new_object(key, "", NO_BODY, {}))
    expected = set()
    for key in keys:
        if key.startswith(prefix):
            head, cut, _ = key[len(prefix) :].partition(delimiter or "\0")
            expected.add(prefix + head + (cut if delimiter else ""))
    shown = pages(store, Question("bucket", prefix, delimiter, "", limit), unordered=unordered)
    assert set(shown) == expected
    if not unordered and not delimiter:
        assert shown == sorted(shown, key=str.encode)


def test_the_limit_is_clamped(server: QingStorServer, wire: Wire) -> None:
    for number in range(5):
        server.put_object("first-bucket", f"k{number}", b"")
    server.configure(page_limit=2)
    document = wire("GET", "/first-bucket?limit=1000").json()
    assert (document["limit"], document["has_more"]) == (2, True)
    keys = document["keys"]
    assert isinstance(keys, list)
    assert [item["key"] for item in keys] == ["k0", "k1"]
    assert document["next_marker"] not in {"", "k1", "k2"}


def test_an_entry_of_a_listing(server: QingStorServer, wire: Wire) -> None:
    server.put_object("first-bucket", "k", b"data", headers={"Content-Type": "a/b"}, modified=1_700_000_000)
    keys = wire("GET", "/first-bucket?delimiter=%2F&prefix=").json()["keys"]
    assert keys == [
        {
            "key": "k",
            "size": 4,
            "modified": 1_700_000_000,
            "created": "2023-11-14T22:13:20.000Z",
            "etag": '"8d777f385d3dfec8815d20f7496026dc"',
            "mime_type": "a/b",
            "encrypted": False,
            "storage_class": "STANDARD",
        }
    ]


@pytest.mark.parametrize("query", ["limit=many", "limit=-1", "marker=%21"])
def test_listing_refused(wire: Wire, query: str) -> None:
    reply = wire("GET", f"/first-bucket?{query}")
    assert (reply.status, reply.code) == (400, "invalid_argument")
