"""No key is in the output of a connection test, whatever rclone logs (1.65 logs keys at debug level)."""

from pathlib import Path

import pytest

from adapter.connection.bucket_list import Lister
from adapter.connection.write_check import new_write_check
from adapter.diagnosis.logline import PlainLine
from adapter.machine.cancellation import Cancellation
from adapter.rclone.binary import OLDEST, Rclone
from adapter.rclone.open_storage import open_storage
from adapter.rclone.query import Query, Reply
from adapter.storage.form import storage_form
from tests.connection.causes import BACKENDS, EMPTY_LIST
from tests.connection.scene import Scene
from tests.connection.sockets import AUTHORITY, answering, speaking_tls
from tests.program import as_object, document
from tests.qingstor_server import ACCESS_KEY_ID, SECRET_ACCESS_KEY

_TALKS = (
    "print('error listing: key is ' + secret, file=sys.stderr)",
    "print(json.dumps({'level': 'error', 'msg': 'sent ' + key + ':' + secret}), file=sys.stderr)",
    "print(json.dumps({'level': 'debug', 'msg': 'Setting secret_access_key=' + secret}), file=sys.stderr)",
    "print('panic: ' + base64.b64encode(secret.encode()).decode(), file=sys.stderr)",
    "print('2026/01/01 NOTICE: QS ' + key + ':c2lnbmF0dXJlc2lnbmF0dXJl', file=sys.stderr)",
)


@pytest.mark.parametrize("talk", _TALKS)
def test_keys_in_rclones_log_are_masked(scene: Scene, talk: str) -> None:
    script = (
        "import base64, json, os, sys\n"
        f"if sys.argv[1] in ('version', 'help'): sys.exit(print('rclone v1.75.2') or print({BACKENDS!r}))\n"
        "key, secret = (os.environ[f'RCLONE_CONFIG_STORAGE_{name}'] for name in "
        "('ACCESS_KEY_ID', 'SECRET_ACCESS_KEY'))\n"
        f"{talk}\n"
        "sys.exit(1)"
    )
    done = scene.run(scene.form("--rclone", scene.script(script)), 20)

    assert as_object(done.answer["error"])["code"] == "unknown"
    for secret in (SECRET_ACCESS_KEY, ACCESS_KEY_ID, SECRET_ACCESS_KEY[10:30], "c2lnbmF0dXJlc2lnbmF0dXJl"):
        assert secret not in done.stdout + done.stderr
    assert "SKTEST" not in done.stdout


def test_the_repr_of_what_holds_keys_does_not_show_them(scene: Scene) -> None:
    access = open_storage(storage_form(document()), scene.machine)
    query = Query(Rclone(Path("/rclone"), OLDEST), access.env, access.redactor, Cancellation())
    check = new_write_check(query, access.place("bucket-one"))
    reply = Reply(1, timed_out=False, stdout=b"", records=(PlainLine(f"Setting {SECRET_ACCESS_KEY}"),))
    for holder in (query, Lister(query), check, reply):
        assert SECRET_ACCESS_KEY not in repr(holder)
        assert ACCESS_KEY_ID not in repr(holder)


def test_a_trusted_authority_is_trusted(scene: Scene) -> None:
    """So the situations with certificates fail for the reason that they name."""
    port = scene.listener(speaking_tls("valid", answering(EMPTY_LIST)))
    done = scene.run(scene.at(f"https://127.0.0.1:{port}", RCLONE_CA_CERT=str(AUTHORITY)), 20)
    stages = as_object(done.answer["data"])["stages"]
    assert isinstance(stages, list)
    connect = [as_object(stage) for stage in stages if as_object(stage)["name"] == "connect"]
    assert [stage["ok"] for stage in connect] == [True]
