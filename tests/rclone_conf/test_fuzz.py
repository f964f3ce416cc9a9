"""Arbitrary bytes give a result or a known error, in a short time."""

from contextlib import suppress

from hypothesis import example, given
from hypothesis import strategies as st

from rclone_conf import (
    ConfEncrypted,
    ConfError,
    ConfValueError,
    Document,
    decrypt,
    is_encrypted,
    problems,
    repaired,
)
from tests.rclone_conf import strategies

TOKENS = [b"[", b"]", b"=", b":", b"\n", b'"', b"`", b"%(", b")s", b"a", b" ", b"#"]
any_bytes = st.one_of(
    st.binary(max_size=200),
    st.lists(st.sampled_from(TOKENS)).map(b"".join),
    strategies.any_files,
    st.binary(max_size=80).map(b"RCLONE_ENCRYPT_V0:\n".__add__),
)


@given(data=any_bytes)
@example(data=b"[a]\nx = " + b"%(" * 50_000 + b"\n")
@example(data=b"[a]\nx = " + b"%()s" * 50_000 + b"\n")
@example(data=b"[a]\nx = %(y)s%(y)s%(y)s\ny = %(x)s%(x)s\n")
@example(data=b"[DEFAULT]\n" + b"".join(b"x%d = %%(x%d)s%%(x%d)s\n" % (n, n + 1, n + 1) for n in range(60)))
@example(data=b"[DEFAULT]\n" + b"".join(b"x%d = %%(x%d)s\n" % (n, n + 1) for n in range(900)))
@example(data=b"[" + b"a." * 2_000 + b"a]\n[" + b"a." * 1_999 + b"a]\n")
@example(data=b"".join(b"[a" + b".a" * n + b"]\n" for n in range(400)))
@example(data=b'" "=')
@example(data=b"\0\nRCLONE_ENCRYPT_V:")
@example(data=b"#\n" * 100_000)
@example(data=b"\n" * 100_000 + b"x")
@example(data=b"\0" * 100_000)
@example(data=b"\xff\xfe[\x00a\x00]\x00\n\x00")
@example(data=b"x" * 1_000_000)
@example(data=b"[x]\n" * 5_000 + b"a = 1")
def test_reading_any_bytes(data: bytes) -> None:
    try:
        document = Document.parse(data)
    except ConfError:
        assert is_encrypted(data) or problems(data)
        return
    assert document.render() == data
    for name in document.names:
        with suppress(ConfValueError):
            assert document.get(name) is not None
            document.borrowed(name)
        assert name not in document.without_section(name).names
    assert document.get("no such section") is None


@given(data=any_bytes)
@example(data=b"\0\nRCLONE_ENCRYPT_V:")
@example(data=b"[]\nRCLONE_ENCRYPT_V0:\n")
def test_repairing_any_bytes(data: bytes) -> None:
    try:
        fixed = repaired(data)
    except ConfEncrypted:
        return
    Document.parse(fixed)


@given(data=any_bytes, password=st.text(max_size=8))
def test_decrypting_any_bytes(data: bytes, password: str) -> None:
    try:
        clear = decrypt(data, password)
    except ConfError:
        assert is_encrypted(data)
        return
    assert clear == data
    assert not is_encrypted(data)
