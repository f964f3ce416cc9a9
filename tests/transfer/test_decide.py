"""Whether a file in parallel parts has to be sent: a table, and a record that may be lost or damaged."""

from pathlib import Path

import pytest

from adapter.runs.scan import File
from adapter.transfer.parallel_parts import Decision, Local, SentFile, SentFiles, decide, is_same

RECORD = SentFile(path="f", size=10, mtime_ns=5, md5="a" * 32, etag="b" * 32)
STORED = File("f", 10, "b" * 32)


@pytest.mark.parametrize(
    ("local", "record", "remote", "reread", "expected"),
    [
        (Local(10, 5), RECORD, STORED, False, Decision.UNCHANGED),
        (Local(10, 5), RECORD, STORED, True, Decision.LOOK),
        (Local(10, 6), RECORD, STORED, False, Decision.LOOK),
        (Local(11, 5), RECORD, STORED, False, Decision.CHANGED),
        (Local(10, 5), RECORD, None, False, Decision.CHANGED),
        (Local(10, 5), None, STORED, False, Decision.LOOK),
        (Local(10, 5), RECORD, File("f", 10, "c" * 32), False, Decision.LOOK),
    ],
)
def test_decisions(
    local: Local, record: SentFile | None, remote: File | None, *, reread: bool, expected: Decision
) -> None:
    assert decide(local, record, remote, reread=reread) is expected


@pytest.mark.parametrize(
    ("md5", "record", "remote", "same"),
    [
        ("a" * 32, RECORD, STORED, True),
        ("d" * 32, RECORD, STORED, False),
        ("b" * 32, RECORD, STORED, False),  # the ETag of parallel parts is no MD5
        ("b" * 32, None, STORED, True),  # somebody else's honest ETag
        ("a" * 32, None, STORED, False),  # a lost record costs one upload
        ("a" * 32, RECORD, File("f", 10, "c" * 32), False),  # the object was replaced by others
        ("", None, File("f", 10, ""), False),
    ],
)
def test_the_md5_decides(md5: str, record: SentFile | None, remote: File, *, same: bool) -> None:
    assert is_same(md5, record, remote) is same


def test_records_are_kept_per_target_and_survive_damage(tmp_path: Path) -> None:
    records = SentFiles(tmp_path, "https://qingstor.com:443/pek3a/b/p")
    assert records.load() == {}
    records.add([RECORD])
    records.add([RECORD.model_copy(update={"path": "g"})])
    assert set(records.load()) == {"f", "g"}
    assert SentFiles(tmp_path, "elsewhere").load() == {}

    (file,) = (tmp_path / "uploads").iterdir()
    assert file.stat().st_mode & 0o777 == 0o600
    file.write_bytes(file.read_bytes()[:40])
    assert records.load() == {}
    records.add([RECORD])
    assert set(records.load()) == {"f"}
