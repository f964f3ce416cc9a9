"""Targets: NAME:bucket[/path]."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapter.contract.errors import AdapterError, ErrorCode
from adapter.storage.target import Target, parse_target
from tests.storage.examples import EXAMPLES


@pytest.mark.parametrize(
    ("text", "target"),
    [
        ("QingStor Backups:my-bucket", Target("QingStor Backups", "my-bucket")),
        ("QingStor Backups:my-bucket/", Target("QingStor Backups", "my-bucket")),
        ("q:my-bucket/srv-data", Target("q", "my-bucket", "srv-data")),
        ("q:my-bucket/a/b c/", Target("q", "my-bucket", "a/b c")),
        ("q:my-bucket/a:b", Target("q", "my-bucket", "a:b")),
        ("q:my-bucket/..a/b..", Target("q", "my-bucket", "..a/b..")),
        ("q:123456/été", Target("q", "123456", "été")),
        ("q:abc", Target("q", "abc")),
    ],
)
def test_targets(text: str, target: Target) -> None:
    assert parse_target(text) == target
    assert parse_target(str(target)) == target


def test_the_path_for_rclone() -> None:
    assert parse_target("q:bucket-1/a/").remote_path == "bucket-1/a"
    assert parse_target("q:bucket-1/").remote_path == "bucket-1"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "no storage"),
        ("bucket", "no storage"),
        (":bucket", "no storage"),
        ("/srv/data", "no storage"),
        ("q:", "no bucket"),
        ("q:/path", "no bucket"),
        ("q:" + "b" * 64, "63"),
        ("q:My-Bucket", "character"),
        ("q:my_bucket", "character"),
        ("q:-bucket", "character"),
        ("q:bucket-", "character"),
        ("q:..", "character"),
        ("q:bucket-1//a", "two slashes"),
        ("q:bucket-1/a//b", "two slashes"),
        ("q:bucket-1//", "two slashes"),
        ("q:bucket-1/a//", "two slashes"),
        ("q:bucket-1/../other", ". or .."),
        ("q:bucket-1/a/..", ". or .."),
        ("q:bucket-1/./a", ". or .."),
        ("q:bucket-1/a\0b", "control character"),
        ("q:bucket-1/a\nb", "control character"),
        ("q:bucket-1/" + "é" * 512, "1023 bytes"),
        ("q:bucket-1/\udcff", "UTF-8"),
    ],
)
def test_targets_that_are_refused(text: str, says: str) -> None:
    with pytest.raises(AdapterError) as caught:
        parse_target(text)
    failure = caught.value.failure
    assert (failure.code, failure.field) == (ErrorCode.USAGE, "target")
    assert says in failure.message
    assert failure.hint


@EXAMPLES
@given(st.text(max_size=40) | st.from_regex(r"[a-z ]{1,5}:[a-z0-9-]{1,9}(/[a-z./]{0,9})?", fullmatch=True))
def test_any_text_is_a_target_or_a_usage_error(text: str) -> None:
    try:
        target = parse_target(text)
    except AdapterError as error:
        code = error.failure.code
    else:
        assert parse_target(str(target)) == target
        assert target.remote_path.startswith(target.bucket)
        return
    assert code is ErrorCode.USAGE


def test_the_longest_name_of_a_bucket() -> None:
    assert parse_target(f"q:{'b' * 63}/p").bucket == "b" * 63
    with pytest.raises(AdapterError):
        parse_target(f"q:{'b' * 64}/p")
