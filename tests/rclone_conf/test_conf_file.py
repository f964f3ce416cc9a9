"""What a save does to the file, its mode and its directory."""

import os
from pathlib import Path
from threading import Event, Thread

import pytest

from rclone_conf import ConfFile, ConfLocked, ConfReadError, ConfSyntaxError, ConfWriteError, Document
from rclone_conf.atomic_replace import exchange
from rclone_conf.lock import locked
from tests.rclone_conf.files import add, listing, mode_of


def test_a_missing_file_is_an_empty_document_and_is_created_private(tmp_path: Path) -> None:
    conf = tmp_path / "not" / "there" / "rclone.conf"
    loaded = ConfFile(conf).load()
    assert (loaded.exists, loaded.mode, loaded.encrypted, loaded.document.names) == (False, None, False, ())
    assert not conf.parent.exists(), "reading creates nothing"
    edited = ConfFile(conf).edit(add)
    assert (edited.changed, edited.tightened_from) == (True, None)
    assert conf.read_text() == "[new]\ntype = local\nsecret = canary\n"
    assert mode_of(conf) == 0o600
    assert mode_of(conf.parent) == 0o700
    assert listing(conf.parent) == ["rclone.conf"]


@pytest.mark.parametrize(
    ("before", "after", "reported"),
    [
        (0o600, 0o600, None),
        (0o400, 0o400, None),
        (0o644, 0o600, 0o644),
        (0o640, 0o600, 0o640),
        (0o777, 0o600, 0o777),
    ],
)
def test_permissions_are_only_removed(before: int, after: int, reported: int | None, conf: Path) -> None:
    conf.write_text("[first]\n")
    conf.chmod(before)
    edited = ConfFile(conf).edit(add)
    assert (mode_of(conf), edited.tightened_from) == (after, reported)


def test_an_edit_that_changes_nothing_writes_nothing_but_the_mode(conf: Path) -> None:
    conf.write_text("[first]")
    conf.chmod(0o600)
    inode = conf.stat().st_ino
    edited = ConfFile(conf).edit(lambda document: document)
    assert (edited.changed, edited.tightened_from, conf.stat().st_ino) == (False, None, inode)
    conf.chmod(0o604)
    edited = ConfFile(conf).edit(lambda document: document)
    assert (edited.changed, edited.tightened_from, mode_of(conf)) == (False, 0o604, 0o600)
    assert conf.read_text() == "[first]"
    missing = conf.with_name("missing.conf")
    assert not ConfFile(missing).edit(lambda document: document).changed
    assert not missing.exists()


def test_links_are_followed_and_stay(tmp_path: Path) -> None:
    real = tmp_path / "real"
    real.mkdir()
    (real / "my.conf").write_text("[first]\n")
    (tmp_path / "one").symlink_to("real/my.conf")
    (tmp_path / "two").symlink_to(tmp_path / "one")
    ConfFile(tmp_path / "two").edit(add)
    assert (tmp_path / "two").is_symlink()
    assert (tmp_path / "one").is_symlink()
    assert (real / "my.conf").read_text().startswith("[first]\n\n[new]\n")
    (tmp_path / "dangling").symlink_to("real/other.conf")
    assert not ConfFile(tmp_path / "dangling").load().exists
    ConfFile(tmp_path / "dangling").edit(add)
    assert (tmp_path / "dangling").is_symlink()
    assert mode_of(real / "other.conf") == 0o600
    (tmp_path / "circle").symlink_to("circle")
    with pytest.raises(ConfReadError, match="loop"):
        ConfFile(tmp_path / "circle").load()


def test_a_relative_path_does_not_follow_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    file = ConfFile(Path("rclone.conf"))
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir("elsewhere")
    file.edit(add)
    assert (tmp_path / "rclone.conf").exists()


def test_an_exception_of_the_change_passes_through_and_leaves_the_file(conf: Path) -> None:
    conf.write_text("[first]\n")

    def refuse(document: Document) -> Document:
        raise LookupError("exists")

    with pytest.raises(LookupError, match="exists"):
        ConfFile(conf).edit(refuse)
    assert conf.read_text() == "[first]\n"
    assert listing(conf.parent) == ["rclone.conf"]


def test_an_unreadable_file_is_never_replaced(conf: Path) -> None:
    conf.write_text("[first]\nsecret = canary\nbroken canary line\n")
    with pytest.raises(ConfSyntaxError) as caught:
        ConfFile(conf).edit(add)
    assert caught.value.line == 3
    assert "canary" not in f"{caught.value} {caught.value!r} {caught.value.message}"
    assert conf.read_text().endswith("broken canary line\n")


def test_files_of_killed_saves_are_removed_and_other_files_stay(conf: Path) -> None:
    conf.write_text("[first]\n")
    left = conf.with_name(".rclone.conf.0123456789abcdef.tmp")
    left.write_text("canary")
    others = [".rclone.conf.tmp", ".rclone.conf.swp", "rclone.conf.bak", ".other.conf.0123456789abcdef.tmp"]
    for name in others:
        conf.with_name(name).write_text("kept")
    ConfFile(conf).edit(add)
    assert listing(conf.parent) == sorted(["rclone.conf", *others])


def test_a_lock_that_is_not_released_in_time(conf: Path) -> None:
    held, done = Event(), Event()

    def hold() -> None:
        with locked(conf, 10):
            held.set()
            done.wait(30)

    holder = Thread(target=hold)
    holder.start()
    try:
        assert held.wait(30)
        with pytest.raises(ConfLocked, match=r"rclone\.conf"):
            ConfFile(conf, lock_timeout=0.05).edit(add)
        assert not ConfFile(conf).load().exists, "reading needs no lock"
    finally:
        done.set()
        holder.join()
    assert ConfFile(conf, lock_timeout=0.05).edit(add).changed
    assert listing(conf.parent) == ["rclone.conf"]


def test_a_file_that_a_killed_rclone_had_moved_away(conf: Path) -> None:
    conf.with_name("rclone.conf.old123456").write_text("[first]\n")
    for act in (ConfFile(conf).load, lambda: ConfFile(conf).edit(add)):
        with pytest.raises(ConfReadError, match=r"rclone\.conf\.old123456"):
            act()
    assert not conf.exists()


def test_waits_for_a_file_that_rclone_has_moved_away(conf: Path) -> None:
    conf.write_text("[first]\n")
    away = conf.rename(conf.with_name("rclone.conf.old123456"))
    back = Thread(target=lambda: away.rename(conf))
    start = ConfFile(conf)
    back.start()
    assert start.load().document.names == ("first",)
    back.join()


def test_a_file_that_another_program_keeps_changing(conf: Path) -> None:
    conf.write_text("[first]\n")
    count = 0

    def change(document: Document) -> Document:
        nonlocal count
        count += 1
        conf.write_text(f"[first]\nn = {count}\n")
        return add(document)

    with pytest.raises(ConfWriteError, match="keeps changing"):
        ConfFile(conf, lock_timeout=0.1).edit(change)
    assert count > 1
    assert conf.read_text() == f"[first]\nn = {count}\n"
    assert listing(conf.parent) == ["rclone.conf"]


def test_no_representation_contains_a_secret(conf: Path) -> None:
    file = ConfFile(conf, lambda: "canary")
    edited = file.edit(add)
    shown = repr([file, edited, file.load(), edited.document]) + str(edited.document)
    assert "canary" not in shown


def test_the_former_mode_is_reported_after_a_second_attempt(
    conf: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    conf.write_text("[first]\n")
    conf.chmod(0o644)
    rounds = 0

    def interrupted(new: Path, path: Path) -> None:
        nonlocal rounds
        rounds += 1
        if rounds == 1:
            path.write_text("[first]\n[theirs]\n")
        exchange(new, path)

    monkeypatch.setattr("rclone_conf.atomic_replace.exchange", interrupted)
    edited = ConfFile(conf).edit(add)
    assert rounds == 3
    assert (edited.tightened_from, mode_of(conf)) == (0o644, 0o600)
    assert edited.document.names == ("first", "theirs", "new")


def test_a_save_between_our_exchange_and_the_exchange_back_is_not_lost(
    conf: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    conf.write_text("[first]\n")
    versions = ["[first]\n[one]\n", "[first]\n[two]\n"]

    def interrupted(new: Path, path: Path) -> None:
        if versions:
            theirs = path.with_name("theirs")
            theirs.write_text(versions.pop(0))
            theirs.rename(path)
        exchange(new, path)

    monkeypatch.setattr("rclone_conf.atomic_replace.exchange", interrupted)
    edited = ConfFile(conf).edit(add)
    assert edited.document.names == ("first", "two", "new")
    kept = [path for path in conf.parent.iterdir() if ".saved-meanwhile-" in path.name]
    assert [(path.read_text(), mode_of(path)) for path in kept] == [("[first]\n[one]\n", 0o600)]
    assert len(listing(conf.parent)) == 2


@pytest.mark.parametrize("theirs", ["[theirs]\n", ""])
def test_a_version_of_another_program_in_a_killed_save_is_kept(
    theirs: str, conf: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    conf.write_text("[first]\n")
    left = conf.with_name("left")

    def killed(new: Path, path: Path) -> None:
        if theirs:
            path.write_text(theirs)
        exchange(new, path)
        os.link(new, left)
        raise KeyboardInterrupt(new.name)

    with monkeypatch.context() as patched:
        patched.setattr("rclone_conf.atomic_replace.exchange", killed)
        with pytest.raises(KeyboardInterrupt) as caught:
            ConfFile(conf).edit(add)
    left.rename(conf.with_name(str(caught.value)))
    ConfFile(conf).edit(lambda document: document.with_section("more", {"type": "local"}))
    kept = [path.read_text() for path in conf.parent.iterdir() if path.name != conf.name]
    assert kept == ([theirs] if theirs else [])
