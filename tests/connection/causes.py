"""Situations of a connection: each function sets one up and returns the input of `storage test`."""

import json
from dataclasses import replace

from rclone_conf import encrypt
from tests.connection.scene import SAVED, Asked, Scene
from tests.connection.sockets import (
    AUTHORITY,
    answering,
    black_hole,
    closed_port,
    html,
    page,
    silent,
    speaking_tls,
    trickling,
)
from tests.program import document
from tests.qingstor_server import ALL_RIGHTS, AccessKey, Fault, FaultKind, KeyState, Right

_JSON = "application/json"
EMPTY_LIST = page("200 OK", _JSON, json.dumps({"count": 0, "buckets": []}), "x-qs-request-id: 34d1")
BACKENDS = "  qingstor   QingCloud Object Storage"
_PASSWORD = "canary password"


def key(scene: Scene, rights: frozenset[Right], buckets: set[str] | None = None) -> AccessKey:
    """Add another key of the account that owns the buckets."""
    return scene.server.add_key(
        "AKTESTcanarylimited1", "SKTESTcanarylimited1", rights=rights, buckets=buckets
    )


def with_key(given: AccessKey, *words: str) -> Asked:
    """Return the document with that key."""
    return Asked(words, document(access_key_id=given.id, secret_access_key=given.secret))


def unknown_key(scene: Scene) -> Asked:
    return scene.form(access_key_id="AKcanaryunknown")


def wrong_secret(scene: Scene) -> Asked:
    return scene.form(secret_access_key="SKcanarywrong")


def account_in_arrears(scene: Scene) -> Asked:
    scene.server.set_key_state("AKTESTCANARY00000001", KeyState.DELINQUENT)
    return scene.form()


def account_with_a_problem(scene: Scene) -> Asked:
    scene.server.set_key_state("AKTESTCANARY00000001", KeyState.ACCOUNT_PROBLEM)
    return scene.form()


def read_only_key(scene: Scene) -> Asked:
    scene.server.add_bucket("bucket-one")
    rights = frozenset({Right.LIST_BUCKETS, Right.LIST, Right.READ})
    return with_key(key(scene, rights), "--bucket", "bucket-one", "--write")


def somebody_elses_bucket(scene: Scene) -> Asked:
    scene.server.add_account("usr-other")
    scene.server.add_bucket("bucket-one", owner="usr-other")
    return scene.form("--bucket", "bucket-one")


def key_that_may_not_list_buckets(scene: Scene) -> Asked:
    return with_key(key(scene, ALL_RIGHTS - {Right.LIST_BUCKETS}))


def missing_bucket(scene: Scene) -> Asked:
    scene.server.add_bucket("bucket-one")
    scene.server.add_bucket("photographs", "sh1a")
    return scene.form("--bucket", "bucket-oen")


def missing_bucket_like_one_in_another_zone(scene: Scene) -> Asked:
    missing_bucket(scene)
    return scene.form("--bucket", "photograhps")


def missing_bucket_unlike_any(scene: Scene) -> Asked:
    missing_bucket(scene)
    return scene.form("--bucket", "xyz")


def missing_bucket_while_other_zones_fail(scene: Scene) -> Asked:
    scene.server.add_bucket("bucket-one", "sh1a")
    scene.server.add_fault(Fault(FaultKind.STATUS, status=503, operation="list_buckets", skip=1))
    return scene.form("--bucket", "bucket-two")


def missing_bucket_among_more_than_are_listed(scene: Scene) -> Asked:
    _many_buckets(scene)
    return scene.form("--bucket", "bucket-0001")


def _many_buckets(scene: Scene) -> None:
    for number in range(201):
        scene.server.add_bucket(f"bucket-{number:03}")


def missing_bucket_in_an_empty_account(scene: Scene) -> Asked:
    return scene.form("--bucket", "bucket-one")


def bucket_in_another_zone(scene: Scene) -> Asked:
    scene.server.add_bucket("bucket-one", "sh1a")
    scene.server.add_bucket("bucket-two")
    return scene.form("--bucket", "bucket-one")


def bucket_in_another_zone_with_a_key_for_it_alone(scene: Scene) -> Asked:
    scene.server.add_bucket("bucket-one", "sh1a")
    only = key(scene, ALL_RIGHTS - {Right.LIST_BUCKETS}, {"bucket-one"})
    return with_key(only, "--bucket", "bucket-one")


def empty_zone_with_buckets_elsewhere(scene: Scene) -> Asked:
    scene.server.add_bucket("bucket-one", "sh1a")
    scene.server.add_bucket("bucket-two", "sh1a")
    return scene.form()


def unknown_zone(scene: Scene) -> Asked:
    scene.server.add_bucket("bucket-one")
    return scene.form("--bucket", "bucket-one", settings={"zone": "pek9x"})


def zone_without_a_host(scene: Scene) -> Asked:
    # The global host is an IP address, which needs no look-up; the name `pek3a.127.0.0.1` does not exist.
    return scene.at(f"http://127.0.0.1:{scene.server.port}", NO_PROXY="pek3a.127.0.0.1")


def zone_that_a_proxy_cannot_find(scene: Scene) -> Asked:
    return scene.form(settings={"zone": "pek9x"})


def host_that_does_not_resolve(scene: Scene) -> Asked:
    asked = scene.form(endpoint="http://unreachable.test:80")
    return replace(asked, variables={"NO_PROXY": "unreachable.test"})


def refused_port(scene: Scene) -> Asked:
    port = scene.stack.enter_context(closed_port())
    return scene.at(f"http://127.0.0.1:{port}")


def address_behind_which_nothing_is(scene: Scene) -> Asked:
    port = scene.stack.enter_context(black_hole())
    return scene.at(f"http://127.0.0.1:{port}")


def server_that_never_answers(scene: Scene) -> Asked:
    return scene.at(f"http://127.0.0.1:{scene.listener(silent)}")


def server_that_answers_one_byte_a_second(scene: Scene) -> Asked:
    return scene.at(f"http://127.0.0.1:{scene.listener(trickling)}")


def zone_that_never_answers(scene: Scene) -> Asked:
    scene.server.add_bucket("bucket-one")
    scene.server.add_fault(Fault(FaultKind.HANG, host="pek3a.*"))
    return scene.form("--bucket", "bucket-one")


def upload_that_never_ends(scene: Scene) -> Asked:
    scene.server.add_bucket("bucket-one")
    scene.server.add_fault(Fault(FaultKind.HANG, operation="put_object"))
    return scene.form("--bucket", "bucket-one", "--write")


def certificate_of_an_unknown_authority(scene: Scene) -> Asked:
    port = scene.listener(speaking_tls("valid", answering(EMPTY_LIST)))
    return scene.at(f"https://127.0.0.1:{port}")


def expired_certificate(scene: Scene) -> Asked:
    port = scene.listener(speaking_tls("expired", answering(EMPTY_LIST)))
    return scene.at(f"https://127.0.0.1:{port}", RCLONE_CA_CERT=str(AUTHORITY))


def certificate_of_another_host(scene: Scene) -> Asked:
    port = scene.listener(speaking_tls("other_host", answering(EMPTY_LIST)))
    return scene.at(f"https://127.0.0.1:{port}", RCLONE_CA_CERT=str(AUTHORITY))


def missing_file_of_certificates(scene: Scene) -> Asked:
    return scene.at("https://127.0.0.1:9", RCLONE_CA_CERT=str(scene.directory / "nowhere.pem"))


def https_on_a_plain_port(scene: Scene) -> Asked:
    return scene.at(f"https://127.0.0.1:{scene.listener(answering(EMPTY_LIST))}")


def _answered(scene: Scene, answer: bytes) -> Asked:
    """Return a storage at a server that sends this answer to every request."""
    return scene.at(f"http://127.0.0.1:{scene.listener(answering(answer))}")


def http_on_a_tls_port(scene: Scene) -> Asked:
    # The alert that servers of OpenSSL and Go send to a client that does not use TLS: protocol version.
    return _answered(scene, bytes.fromhex("15030100020246"))


def http_on_a_tls_port_that_hangs_up(scene: Scene) -> Asked:
    port = scene.listener(speaking_tls("valid", answering(EMPTY_LIST)))
    return scene.at(f"http://127.0.0.1:{port}")


def http_on_the_tls_port_of_a_web_server(scene: Scene) -> Asked:
    return _answered(scene, html("400 Bad Request"))


def page_of_a_web_server(scene: Scene) -> Asked:
    return _answered(scene, html("200 OK"))


def page_not_found_of_a_web_server(scene: Scene) -> Asked:
    return _answered(scene, html("404 Not Found"))


def s3_server(scene: Scene) -> Asked:
    answer = page("403 Forbidden", "application/xml", "<Error><Code>AccessDenied</Code></Error>")
    return _answered(scene, answer)


def json_of_a_sign_in_page(scene: Scene) -> Asked:
    answer = page("200 OK", _JSON, json.dumps({"error": "login required"}))
    proxy = f"http://127.0.0.1:{scene.listener(answering(answer))}"
    return replace(scene.form("--bucket", "bucket-one"), variables={"HTTP_PROXY": proxy})


def json_of_another_shape(scene: Scene) -> Asked:
    return _answered(scene, page("200 OK", _JSON, "[]"))


def json_that_ends_too_soon(scene: Scene) -> Asked:
    return _answered(scene, page("200 OK", _JSON, "["))


def redirect_to_nowhere(scene: Scene) -> Asked:
    return _answered(scene, html("302 Found"))


def redirects_without_end(scene: Scene) -> Asked:
    answer = page("302 Found", "text/html", "", "Location: /login")
    return _answered(scene, answer)


def answer_without_content(scene: Scene) -> Asked:
    answer = b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n"
    return _answered(scene, answer)


def page_not_found_of_a_proxy_before_the_zone(scene: Scene) -> Asked:
    scene.server.add_bucket("bucket-one")
    scene.server.add_fault(Fault(FaultKind.HTML, status=404, host="pek3a.*"))
    return scene.form("--bucket", "bucket-one")


def _upload_answered_by_a_page(scene: Scene, status: int) -> Asked:
    scene.server.add_bucket("bucket-one")
    scene.server.add_fault(Fault(FaultKind.HTML, operation="put_object", status=status))
    return scene.form("--bucket", "bucket-one", "--write")


def proxy_that_lets_no_upload_through(scene: Scene) -> Asked:
    return _upload_answered_by_a_page(scene, 403)


def proxy_that_takes_no_upload_of_that_size(scene: Scene) -> Asked:
    return _upload_answered_by_a_page(scene, 413)


def proxy_that_keeps_an_upload(scene: Scene) -> Asked:
    return _upload_answered_by_a_page(scene, 200)


def another_protocol(scene: Scene) -> Asked:
    return _answered(scene, b"SSH-2.0-OpenSSH_9.2" + bytes(2))


def connection_that_breaks(scene: Scene) -> Asked:
    scene.server.add_fault(Fault(FaultKind.RESET))
    return scene.form()


def error_page_of_a_proxy(scene: Scene) -> Asked:
    scene.server.add_fault(Fault(FaultKind.HTML, status=502))
    return scene.form()


def internal_error(scene: Scene) -> Asked:
    scene.server.add_fault(Fault(FaultKind.STATUS, status=500, code="internal_error"))
    return scene.form()


def service_unavailable(scene: Scene) -> Asked:
    scene.server.add_fault(Fault(FaultKind.STATUS, status=503))
    return scene.form()


def too_many_requests(scene: Scene) -> Asked:
    scene.server.add_fault(Fault(FaultKind.STATUS, status=429, code="too_many_requests"))
    return scene.form()


def clock_20_minutes_behind(scene: Scene) -> Asked:
    scene.server.configure(clock_skew=1200)
    return scene.form()


def clock_20_minutes_ahead(scene: Scene) -> Asked:
    scene.server.configure(clock_skew=-1200)
    return scene.form()


def proxy_that_refuses(scene: Scene) -> Asked:
    proxy = f"http://127.0.0.1:{scene.listener(answering(html('403 Forbidden')))}"
    return replace(scene.form(endpoint=""), variables={"HTTPS_PROXY": proxy})


def proxy_that_refuses_in_its_own_words(scene: Scene) -> Asked:
    proxy = f"http://127.0.0.1:{scene.listener(answering(html('403 Blocked by policy - 12')))}"
    return replace(scene.form(endpoint=""), variables={"HTTPS_PROXY": proxy})


def proxy_that_wants_a_password(scene: Scene) -> Asked:
    proxy = f"http://127.0.0.1:{scene.listener(answering(html('407 Proxy Authentication Required')))}"
    return replace(scene.form(endpoint=""), variables={"HTTPS_PROXY": proxy})


def proxy_that_is_not_there(scene: Scene) -> Asked:
    proxy = f"http://127.0.0.1:{scene.stack.enter_context(closed_port())}"
    return replace(scene.form(endpoint=""), variables={"HTTPS_PROXY": proxy})


def endpoint_with_a_hyphen(scene: Scene) -> Asked:
    return scene.form(endpoint="https://obs.my-corp.cn")


def endpoint_with_a_path(scene: Scene) -> Asked:
    return scene.form(endpoint="https://qingstor.com/storage")


def localhost(scene: Scene) -> Asked:
    return scene.form(endpoint="http://localhost:9000")


def ipv6_address(scene: Scene) -> Asked:
    return scene.form(endpoint="http://[::1]:9000")


def blank_keys(scene: Scene) -> Asked:
    return scene.form(access_key_id="", secret_access_key="")


def blank_keys_and_an_empty_environment(scene: Scene) -> Asked:
    return scene.form(access_key_id="", secret_access_key="", settings={"env_auth": True})


def one_key_only(scene: Scene) -> Asked:
    return scene.form(secret_access_key="")


def half_a_pair_in_the_environment(scene: Scene) -> Asked:
    asked = blank_keys_and_an_empty_environment(scene)
    return replace(asked, variables={"QINGSTOR_ACCESS_KEY_ID": "AKcanary"})


def _encrypted(scene: Scene) -> Asked:
    asked = scene.at("http://qingstor.test:80")
    conf = scene.program.conf
    conf.write_bytes(encrypt(conf.read_bytes(), _PASSWORD))
    return asked


def encrypted_conf_without_a_password(scene: Scene) -> Asked:
    return _encrypted(scene)


def encrypted_conf_with_a_wrong_password(scene: Scene) -> Asked:
    return replace(_encrypted(scene), variables={"RCLONE_CONFIG_PASS": "another canary"})


def storage_that_is_not_saved(scene: Scene) -> Asked:
    asked = scene.at("http://qingstor.test:80")
    return replace(asked, words=(SAVED.replace("hand", "hands"),))


def no_rclone(scene: Scene) -> Asked:
    return scene.form("--rclone", str(scene.directory / "nowhere"))


def rclone_without_the_backend(scene: Scene) -> Asked:
    script = "import sys; print('rclone v1.70.1-DEV' if sys.argv[1] == 'version' else '  s3   Amazon S3')"
    return scene.form("--rclone", scene.script(script))


def rclone_that_is_too_old(scene: Scene) -> Asked:
    return scene.form("--rclone", scene.script(f"print('rclone v1.57.0'); print({BACKENDS!r})"))


def rclone_that_cannot_say_its_version(scene: Scene) -> Asked:
    return scene.form("--rclone", scene.script("import sys; sys.exit(2)"))


def rclone_that_hangs(scene: Scene) -> Asked:
    return scene.form("--rclone", scene.script("import time; time.sleep(600)"))


def rclone_that_hears_nothing(scene: Scene) -> Asked:
    script = (
        "import signal, sys, time\n"
        f"if sys.argv[1] in ('version', 'help'): sys.exit(print('rclone v1.75.2') or print({BACKENDS!r}))\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "time.sleep(600)"
    )
    return scene.form("--rclone", scene.script(script))


def rclone_that_crashes(scene: Scene) -> Asked:
    script = (
        "import sys\n"
        f"if sys.argv[1] in ('version', 'help'): sys.exit(print('rclone v1.75.2') or print({BACKENDS!r}))\n"
        "sys.stderr.write('panic: makechan: size out of range\\n\\ngoroutine 1 [running]:\\n')\n"
        "sys.exit(2)"
    )
    return scene.form("--rclone", scene.script(script))


def bucket_with_a_path(scene: Scene) -> Asked:
    return scene.form("--bucket", "bucket-one/nope")


def bucket_of_a_star(scene: Scene) -> Asked:
    return scene.form("--bucket", "*")


def write_without_a_bucket(scene: Scene) -> Asked:
    return scene.form("--write")


def key_for_one_bucket(scene: Scene) -> Asked:
    scene.server.add_bucket("bucket-one")
    only = key(scene, ALL_RIGHTS - {Right.LIST_BUCKETS, Right.CREATE_BUCKET}, {"bucket-one"})
    return with_key(only, "--bucket", "bucket-one", "--write")


def bucket_beyond_those_that_are_listed(scene: Scene) -> Asked:
    _many_buckets(scene)
    return scene.form("--bucket", "bucket-200")


def empty_account(scene: Scene) -> Asked:
    return scene.form()


def zone_of_a_private_cloud(scene: Scene) -> Asked:
    scene.server.configure(zones=["corp1"])
    scene.server.add_bucket("bucket-one", "corp1")
    return scene.form("--bucket", "bucket-one", "--write", settings={"zone": "corp1"})


def keys_of_the_environment(scene: Scene) -> Asked:
    asked = blank_keys_and_an_empty_environment(scene)
    keys = {"QINGSTOR_ACCESS_KEY_ID": "AKTESTCANARY00000001"}
    secret = {"QINGSTOR_SECRET_ACCESS_KEY": "SKTESTcanarythatmustnotshowanywhere00001"}
    return replace(asked, variables={**keys, **secret})


def encrypted_conf_with_its_password(scene: Scene) -> Asked:
    return replace(_encrypted(scene), variables={"RCLONE_CONFIG_PASS": _PASSWORD})
