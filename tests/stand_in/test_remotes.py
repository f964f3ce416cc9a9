"""Which QingStor remotes a command line involves, what applies to them, and what is changed for them."""

import pytest

from adapter.stand_in.command_line import parse
from adapter.stand_in.protection import protected, protected_words
from adapter.stand_in.remote_name import RemoteName, parse_remote
from adapter.stand_in.remotes import Involved, involved

_KEYS = {"access_key_id": "AK", "secret_access_key": "SK"}
_SECTIONS = {
    "q": {"type": "qingstor", "zone": "pek3a", **_KEYS},
    "My Store": {"type": "qingstor", "upload_concurrency": "8", **_KEYS},
    "s3": {"type": "s3"},
    "crypt": {"type": "crypt", "remote": "q:bucket/crypt"},
    "deep": {"type": "chunker", "remote": "crypt:x"},
    "union": {"type": "union", "upstreams": "s3:a My Store:b"},
    "flying": {"type": "alias", "remote": ":qingstor,zone=sh1a:bucket"},
    "a": {"type": "qingstor", **_KEYS},
    "other": {"type": "alias", "remote": "data:x"},
    "circle": {"type": "alias", "remote": "circle:"},
}


@pytest.mark.parametrize(
    ("word", "found"),
    [
        ("q:bucket/path", RemoteName("q", (), "bucket/path")),
        ("My Store:", RemoteName("My Store", (), "")),
        ("q,zone=sh1a,env_auth:b", RemoteName("q", (("zone", "sh1a"), ("env_auth", "true")), "b")),
        (":qingstor:b", RemoteName(":qingstor", (), "b")),
        (':qingstor,endpoint=\'http://a.b:80\',x="y""z":b', None),
        ("q,endpoint='http://it''s:80':b", RemoteName("q", (("endpoint", "http://it's:80"),), "b")),
        ("Größe+@x.y:b", RemoteName("Größe+@x.y", (), "b")),
        ("/tmp/a:b", None),
        ("./q:b", None),
        ("plain", None),
        ("", None),
        (":", None),
        ("q,zone='open:b", None),
        ("q,zone", None),
        ("a/b:c", None),
    ],
)
def test_a_remote_is_read_as_rclone_spells_it(word: str, found: RemoteName | None) -> None:
    if word.startswith(":qingstor,endpoint"):
        found = RemoteName(":qingstor", (("endpoint", "http://a.b:80"), ("x", 'y"z')), "b")
    assert parse_remote(word) == found
    if found is not None:
        assert parse_remote(found.at(found.path)) == found


def _involved(*words: str, **environ: str) -> Involved:
    return involved(parse(words), _SECTIONS, environ)


@pytest.mark.parametrize(
    ("words", "named", "reached"),
    [
        (("ls", "s3:b"), [], set()),
        (("ls", "q:b"), ["q"], {"q"}),
        (("ls", "unknown:b"), [], set()),
        (("copy", "/a", "My Store:b"), ["My Store"], {"My Store"}),
        (("sync", "q:a", "My Store:b"), ["q", "My Store"], {"q", "My Store"}),
        (("ls", ":qingstor:b"), [":qingstor"], {":qingstor"}),
        (("ls", "crypt:"), [], {"q"}),
        (("ls", "deep:"), [], {"q"}),
        (("ls", "union:"), [], {"My Store"}),
        (("ls", "flying:"), [], {":qingstor"}),
        (("ls", "circle:"), [], set()),
        (("ls", "other:"), [], set()),
        (("copy", "/a", "s3:b", "--backup-dir", "q:old"), ["q"], {"q"}),
        (("copy", "/a", "s3:b", "--backup-dir=q:old"), ["q"], {"q"}),
        (("obscure", "q:b"), [], set()),
        (("config", "show", "q"), [], set()),
        (("rcd",), [], {"q", "My Store", "a"}),
        (("serve", "docker"), [], {"q", "My Store", "a"}),
        (("serve", "restic", "q:b"), ["q"], {"q"}),
    ],
)
def test_the_remotes_of_a_command_line(words: tuple[str, ...], named: list[str], reached: set[str]) -> None:
    found = _involved(*words)
    assert ([one.remote.name for one in found.named], set(found.reached)) == (named, reached)
    assert bool(found) == bool(reached)


def test_remotes_of_the_environment() -> None:
    assert _involved("ls", "new:b", RCLONE_CONFIG_NEW_TYPE="qingstor")
    assert _involved("ls", "s3:b", RCLONE_BACKUP_DIR="q:old").named[0].word == -1
    assert not _involved("ls", "q:b", RCLONE_CONFIG_Q_TYPE="s3")


def test_each_layer_of_options_wins_over_the_next() -> None:
    """As measured: connection string, flag, RCLONE_QINGSTOR_, RCLONE_CONFIG_, section."""
    layers = {"RCLONE_CONFIG_Q_ZONE": "two", "RCLONE_QINGSTOR_ZONE": "three"}
    seen = [_SECTIONS["q"]["zone"]]
    for count in (1, 2):
        (named,) = _involved("ls", "q:b", **dict(list(layers.items())[:count])).named
        seen.append(named.options["zone"])
    seen.append(_involved("ls", "q:b", "--qingstor-zone", "four", **layers).named[0].options["zone"])
    seen.append(_involved("ls", "q,zone=five:b", "--qingstor-zone=x", **layers).named[0].options["zone"])
    assert seen == ["pek3a", "two", "three", "four", "five"]
    assert _involved("ls", "q:b", RCLONE_QINGSTOR_ZONE="").named[0].options["zone"] == ""


def test_the_environment_makes_uploads_safe_and_carries_keys() -> None:
    given = {"PATH": "/bin", "RCLONE_QINGSTOR_UPLOAD_CUTOFF": "5Mi"}
    assert protected(given, {"My Store": ("AK", "SK"), ":qingstor": ("AK2", "SK2")}) == {
        "PATH": "/bin",
        "RCLONE_QINGSTOR_UPLOAD_CUTOFF": "5Gi",
        "RCLONE_QINGSTOR_UPLOAD_CONCURRENCY": "1",
        "RCLONE_CONFIG_MY STORE_ACCESS_KEY_ID": "AK",
        "RCLONE_CONFIG_MY STORE_SECRET_ACCESS_KEY": "SK",
        "RCLONE_QINGSTOR_ACCESS_KEY_ID": "AK2",
        "RCLONE_QINGSTOR_SECRET_ACCESS_KEY": "SK2",
    }


@pytest.mark.parametrize(
    ("words", "changed"),
    [
        ("copy /a q:b", "copy /a q:b"),
        ("copy /a q:b --qingstor-upload-concurrency 8", "copy /a q:b --qingstor-upload-concurrency 1"),
        ("copy --qingstor-upload-cutoff=5Mi /a q:b", "copy --qingstor-upload-cutoff=5Gi /a q:b"),
        ("copy /a q,upload_concurrency=8,zone=x:b", "copy /a q,zone=x:b"),
        ("copy /a s3:b --backup-dir=q,upload_cutoff=1:b", "copy /a s3:b --backup-dir=q:b"),
        ("copy /a s3:b --qingstor-zone=x", "copy /a s3:b --qingstor-zone=x"),
    ],
)
def test_words_that_would_win_over_the_environment_are_changed(words: str, changed: str) -> None:
    line = parse(words.split())
    assert " ".join(protected_words(line, involved(line, _SECTIONS, {}))) == changed
