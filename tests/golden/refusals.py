"""Every refusal that can be provoked, by a real rclone: each has a name, and what rclone said is recorded."""

import os
import shutil
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import NamedTuple

from adapter.diagnosis.failure_rules import RULES
from adapter.machine.cancellation import Cancellation
from adapter.machine.child import run
from adapter.rclone.binary import Rclone
from tests.connection.sockets import (
    AUTHORITY,
    Listener,
    Talk,
    answering,
    black_hole,
    closed_port,
    html,
    page,
    silent,
    speaking_tls,
)
from tests.qingstor_server import Fault, FaultKind, Moment, QingStorServer
from tests.qingstor_server.refusal import STATUS_OF

BUCKET = "golden-bucket"
STATUSES = (204, 304, 401, 402, 403, 404, 405, 407, 411, 429, 500, 502, 504, 507, 599)
"""Recorded with a code that QingStor's table does not hold, and with none."""

_TIMEOUT_S = 60.0
_MIB = 1 << 20
_ROOT_WITHOUT_POWERS = ("setpriv", "--bounding-set=-dac_override,-dac_read_search", "--inh-caps=-all")
_BARE = () if os.geteuid() else _ROOT_WITHOUT_POWERS
"""Before rclone: root may read and write everything unless it gives that up."""
_ONCE = ("--retries", "1", "--low-level-retries", "1")
_EMPTY_LIST = page("200 OK", "application/json", '{"count": 0, "buckets": []}')
_CUT_LIST = page("200 OK", "application/json", '{"has_more": true, "keys": [], "common_prefixes": []}')


class Said(NamedTuple):
    """What rclone left, as it came."""

    stderr: bytes
    exit_status: int


Refusals = Iterator[tuple[str, Said]]


@dataclass(frozen=True, slots=True)
class Stage:
    """One rclone, one local QingStor and a directory to make files in."""

    rclone: Rclone
    server: QingStorServer
    directory: Path
    cancel: Cancellation

    @property
    def target(self) -> str:
        """Where backups go."""
        return f"storage:{BUCKET}/path"

    def run(
        self,
        *arguments: str,
        before: Sequence[str] = (),
        setting: Mapping[str, str] | None = None,
        variables: Mapping[str, str] | None = None,
    ) -> Said:
        """Run rclone behind the words `before`, with changed settings of the remote and more variables."""
        env = {
            "HOME": str(self.directory),
            "PATH": os.environ["PATH"],
            **self.server.rclone_environment("storage"),
            **{f"RCLONE_CONFIG_STORAGE_{name.upper()}": value for name, value in (setting or {}).items()},
            **(variables or {}),
        }
        argv = (*before, *self.rclone.argv(*arguments, *_ONCE))
        program = shutil.which(argv[0]) or argv[0]
        done = run((program, *argv[1:]), env, self.cancel, timeout_s=_TIMEOUT_S)
        return Said(done.stderr, done.exit_status)

    def list(self, **setting: str) -> Said:
        """List the target."""
        return self.run("lsf", self.target, setting=setting)

    def look(self, endpoint: str, **variables: str) -> Said:
        """List the buckets, which needs the host of the endpoint and no zone before it."""
        return self.run("lsd", "storage:", setting={"endpoint": endpoint}, variables=variables)

    def backup(self, *flags: str, before: Sequence[str] = ()) -> Said:
        """Copy the source to the target."""
        return self.run("copy", str(self.source), self.target, *flags, before=before)

    def restore(self, destination: Path, *flags: str, before: Sequence[str] = ()) -> Said:
        """Copy the target to a directory."""
        return self.run("copy", self.target, str(destination), *flags, before=before)

    @property
    def source(self) -> Path:
        """What is backed up."""
        return self.directory / "source"

    def begin(self) -> None:
        """An empty bucket and a source of one small file, whatever was before."""
        self.server.reset()
        self.server.add_bucket(BUCKET)
        if self.source.exists():
            shutil.rmtree(self.source)
        self.source.mkdir()
        (self.source / "a").write_bytes(b"a\n")


def provoke(rclone: Rclone, directory: Path) -> Refusals:
    """Every refusal, by name; files are made in that directory."""
    with QingStorServer() as server, Cancellation() as cancel:
        stage = Stage(rclone, server, directory, cancel)
        for group in _GROUPS:
            stage.begin()
            yield from group(stage)


def _codes(stage: Stage) -> Refusals:
    """Each code that a rule names, with its status."""
    for code in sorted({code for rule in RULES for code in rule.qingstor}):
        status = STATUS_OF.get(code, 400)
        # Of a list with 404 rclone says "directory not found" and not the code; of a file it does.
        of_a_file = status == 404
        fault = Fault(
            kind=FaultKind.STATUS,
            operation="put_object" if of_a_file else "list_objects",
            status=status,
            code=code,
            message="Words of QingStor.",
        )
        active = stage.server.add_fault(fault)
        yield f"code_{code}", stage.backup() if of_a_file else stage.list()
        active.remove()


def _statuses(stage: Stage) -> Refusals:
    """A file is refused with a code that nobody knows, and a list with a page that has none."""
    for status in STATUSES:
        fault = Fault(kind=FaultKind.STATUS, operation="put_object", status=status, code="a_new_code")
        active = stage.server.add_fault(fault)
        yield f"status_{status}", stage.backup()
        active.remove()
        active = stage.server.add_fault(Fault(kind=FaultKind.HTML, operation="list_objects", status=status))
        yield f"status_{status}_without_a_code", stage.list()
        active.remove()


def _natural_answers(stage: Stage) -> Refusals:
    """What a QingStor refuses without being told to."""
    yield "missing_bucket", stage.run("lsf", "storage:golden-bucket-gone/path")
    yield (
        "missing_bucket_restored",
        stage.run("copy", "storage:golden-bucket-gone", str(stage.directory / "d")),
    )
    yield "missing_file", stage.run("deletefile", f"storage:{BUCKET}/gone")
    yield "unknown_key", stage.list(access_key_id="AKgoldenunknown")
    yield "wrong_secret", stage.list(secret_access_key="SKgoldenwrong")
    stage.server.configure(clock_skew=1200)
    yield "clock", stage.list()
    stage.server.configure(clock_skew=0, require_content_length=True)
    (stage.source / "empty").touch()
    yield "length_required", stage.backup()


def _settings(stage: Stage) -> Refusals:
    """Settings of the storage that rclone does not take."""
    yield "no_keys", stage.list(access_key_id="", secret_access_key="")
    yield "no_secret", stage.list(secret_access_key="")
    yield "endpoint_with_a_hyphen", stage.list(endpoint="https://a-b.test")
    yield "endpoint_with_a_path", stage.list(endpoint="https://qingstor.test/path")
    yield "unknown_backend", stage.list(type="nowhere")
    yield "small_chunks", stage.list(chunk_size="1Mi")
    yield "large_cutoff", stage.list(upload_cutoff="6Gi")


def _options(stage: Stage) -> Refusals:
    """Options and variables that rclone does not take."""
    yield "bad_rate", stage.backup("--bwlimit=fast")
    yield "unknown_flag", stage.backup("--no-such-flag")
    yield "missing_filters", stage.backup("--filter-from", str(stage.directory / "filters"))
    yield "bad_filter", stage.backup("--exclude={{(}}")
    yield "bad_variable", stage.run("lsf", stage.target, variables={"RCLONE_TIMEOUT": "soon"})


def _tls(stage: Stage) -> Refusals:
    """Certificates, and the wrong protocol on a port."""
    trusted = {"RCLONE_CA_CERT": str(AUTHORITY)}
    for name, certificate, variables in (
        ("unknown_authority", "valid", {}),
        ("expired_certificate", "expired", trusted),
        ("certificate_of_another_host", "other_host", trusted),
    ):
        yield name, _meet(stage, "https", speaking_tls(certificate, answering(_EMPTY_LIST)), **variables)
    nowhere = str(stage.directory / "nowhere.pem")
    yield "missing_certificates", stage.look("https://127.0.0.1:9", RCLONE_CA_CERT=nowhere)
    empty = stage.directory / "empty.pem"
    empty.touch()
    yield "file_without_certificates", stage.look("https://127.0.0.1:9", RCLONE_CA_CERT=str(empty))
    yield "https_on_a_plain_port", _meet(stage, "https", answering(_EMPTY_LIST))
    yield "https_on_a_port_of_ssh", _meet(stage, "https", answering(b"SSH-2.0-OpenSSH_9.2\r\n"))
    # Alerts of TLS: protocol version, handshake failure.
    yield "http_on_a_tls_port", _meet(stage, "http", answering(bytes.fromhex("15030100020246")))
    yield "no_common_cipher", _meet(stage, "https", answering(bytes.fromhex("15030300020228")))


def _meet(stage: Stage, scheme: str, talk: Talk, **variables: str) -> Said:
    with Listener(talk) as listener:
        return stage.look(f"{scheme}://127.0.0.1:{listener.port}", **variables)


def _network(stage: Stage) -> Refusals:
    """Nobody there, nobody who answers, connections that break."""
    direct = "unreachable.test"
    yield "unknown_host", stage.look(f"http://{direct}:80", NO_PROXY=direct, no_proxy=direct)
    yield "silent_name_server", _ask_a_silent_name_server(stage)
    yield "zone_that_makes_no_name", stage.list(zone="pek 3a")
    with closed_port() as port:
        yield "refused", stage.look(f"http://127.0.0.1:{port}")
    with black_hole() as port:
        yield "no_connection_in_time", stage.look(f"http://127.0.0.1:{port}", RCLONE_CONTIMEOUT="1s")
    yield "no_handshake_in_time", _meet(stage, "https", silent, RCLONE_CONTIMEOUT="1s")
    yield "no_answer_in_time", _meet(stage, "http", silent, RCLONE_TIMEOUT="1s")
    for name, fault in (
        ("no_end_in_time", Fault(kind=FaultKind.HANG, operation="put_object")),
        ("reset", Fault(kind=FaultKind.RESET, operation="put_object")),
        ("reset_after_the_work", Fault(kind=FaultKind.RESET, operation="put_object", moment=Moment.ANSWER)),
    ):
        active = stage.server.add_fault(fault)
        yield name, stage.backup("--timeout", "1s")
        active.remove()
    active = stage.server.add_fault(Fault(kind=FaultKind.TRUNCATE, operation="list_objects", after_bytes=5))
    yield "answer_that_breaks_off", stage.list()
    active.remove()
    yield "end_without_an_answer", _meet(stage, "http", answering(b""))


_SILENT_NAME_SERVER = """
import fcntl, os, socket, struct, sys
silent = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
up = 0x1
fcntl.ioctl(silent, 0x8914, struct.pack("16sh14x", b"lo", up))  # SIOCSIFFLAGS, netdevice(7)
silent.bind(("127.0.0.1", 53))
silent.set_inheritable(True)
os.execv(sys.argv[1], sys.argv[1:])
"""
"""Becomes another program, which holds the socket that nobody reads from."""


def _ask_a_silent_name_server(stage: Stage) -> Said:
    """In namespaces of its own, where another resolv.conf holds and port 53 is free."""
    conf = stage.directory / "resolv.conf"
    conf.write_text("nameserver 127.0.0.1\noptions timeout:1 attempts:1\n")
    mount = 'mount --bind "$1" /etc/resolv.conf && shift && exec "$@"'
    namespaces = ("unshare", "--map-root-user", "--mount", "--net", "sh", "-c", mount, "sh", str(conf))
    program = (sys.executable, "-c", _SILENT_NAME_SERVER)
    host = "unreachable.test"
    return stage.run(
        *("lsd", "storage:"),
        before=(*namespaces, *program),
        setting={"endpoint": f"http://{host}:80"},
        variables={"NO_PROXY": host, "no_proxy": host},
    )


def _proxies(stage: Stage) -> Refusals:
    """A proxy that does not let through, and one that is not there."""
    for name, status in (
        ("proxy_refuses", "403 Forbidden"),
        ("proxy_cannot_connect", "502 Bad Gateway"),
        ("proxy_wants_a_password", "407 Proxy Authentication Required"),
    ):
        with Listener(answering(html(status))) as listener:
            proxy = f"http://127.0.0.1:{listener.port}"
            yield name, stage.look("https://qingstor.test:443", HTTPS_PROXY=proxy, https_proxy=proxy)
    with closed_port() as port:
        proxy = f"http://127.0.0.1:{port}"
        yield "proxy_gone", stage.look("https://qingstor.test:443", HTTPS_PROXY=proxy, https_proxy=proxy)
        yield "http_proxy_gone", stage.look("http://qingstor.test:80", HTTP_PROXY=proxy, http_proxy=proxy)
        socks = f"socks5://127.0.0.1:{port}"
        yield (
            "socks_proxy_gone",
            stage.look("https://qingstor.test:443", HTTPS_PROXY=socks, https_proxy=socks),
        )


def _strangers(stage: Stage) -> Refusals:
    """Something answers, but not as QingStor does."""
    yield (
        "page_instead_of_json",
        _meet(stage, "http", answering(page("200 OK", "application/json", "<html>"))),
    )
    yield "json_of_another_kind", _meet(stage, "http", answering(page("200 OK", "application/json", "[7]")))
    in_circles = page("302 Found", "text/html", "", "Location: /")
    yield "redirects_in_circles", _meet(stage, "http", answering(in_circles))
    yield "page_not_found", _meet(stage, "http", answering(html("404 Not Found")))
    yield "server_of_ssh", _meet(stage, "http", answering(b"SSH-2.0-OpenSSH_9.2\r\n\r\n"))
    with Listener(answering(_CUT_LIST)) as listener:
        proxy = f"http://127.0.0.1:{listener.port}"
        variables = {"HTTP_PROXY": proxy, "http_proxy": proxy}
        yield "list_that_breaks_off", stage.run("lsf", stage.target, variables=variables)


def _source(stage: Stage) -> Refusals:
    """A source that is not there or cannot be read."""
    yield "missing_source", stage.run("copy", str(stage.directory / "nothing"), stage.target)
    (stage.source / "a").chmod(0)
    yield "unreadable_file", stage.backup(before=_BARE)
    stage.server.put_object(BUCKET, "path/a", b"b\n")
    yield "unreadable_file_hashed", stage.backup("--checksum", before=_BARE)
    (stage.source / "a").chmod(0o600)
    closed = stage.source / "closed"
    closed.mkdir(mode=0)
    yield "unreadable_directory", stage.backup(before=_BARE)
    closed.chmod(0o700)
    closed.rmdir()
    (stage.source / "a").write_bytes(b"other words\n")
    stage.server.add_fault(Fault(kind=FaultKind.FLIP_UPLOAD, operation="put_object"))
    yield "corrupted_on_transfer", stage.backup()


def _changing_source(stage: Stage) -> Refusals:
    """Files that grow or go while others are sent."""
    # More than the buffers of two sockets hold, so that rclone still reads when the file grows.
    large = stage.source / "a"
    large.write_bytes(bytes(24 * _MIB))
    stage.server.add_fault(
        Fault(kind=FaultKind.BANDWIDTH, operation="put_object", bytes_per_second=16 * _MIB)
    )
    slowly = ("--transfers", "1", "--buffer-size", "0", "--order-by", "name")
    yield "source_grows", _meanwhile(stage, partial(_grow, large), *slowly)
    other = stage.source / "b"
    other.write_bytes(b"b\n")
    yield "source_vanishes", _meanwhile(stage, other.unlink, *slowly)


def _meanwhile(stage: Stage, act: Callable[[], object], *flags: str) -> Said:
    """Back up, and do something once a file is on its way."""
    stage.server.clear_requests()

    def wait() -> None:
        stage.server.wait_for("put_object", received=_MIB)
        act()

    thread = threading.Thread(target=wait)
    thread.start()
    said = stage.backup(*flags)
    thread.join()
    return said


def _grow(path: Path) -> None:
    with path.open("ab") as file:
        file.write(bytes(100))


def _destination(stage: Stage) -> Refusals:
    """A restore to a disk that is full or may not be written."""
    stage.server.put_object(BUCKET, "path/big", bytes(3 * _MIB))
    disk = stage.directory / "disk"
    disk.mkdir()
    for name, options, flags in (
        ("disk_full", "size=1m", ()),
        ("disk_full_unforeseen", "size=1m", ("--local-no-preallocate",)),
        ("read_only_disk", "size=1m,ro", ()),
    ):
        mount = f'mount -t tmpfs -o {options} tmpfs "$1" && shift && exec "$@"'
        namespace = ("unshare", "--map-root-user", "--mount", "sh", "-c", mount, "sh", str(disk))
        yield name, stage.restore(disk, *flags, before=namespace)
    disk.chmod(0o500)
    yield "destination_closed", stage.restore(disk, before=_BARE)
    disk.chmod(0o700)
    file = stage.directory / "file"
    file.touch()
    yield "destination_is_a_file", stage.restore(file / "below")
    active = stage.server.add_fault(Fault(kind=FaultKind.FLIP_DOWNLOAD, operation="get_object"))
    yield "corrupted_on_restore", stage.restore(disk)
    active.remove()
    stage.server.remove_object(BUCKET, "path/big")
    stage.server.put_object(BUCKET, "path/" + "n" * 260, b"x")
    yield "name_too_long", stage.restore(disk)


def _crash(stage: Stage) -> Refusals:
    """Go itself gives up when it gets no memory."""
    yield "no_memory", stage.backup(before=("prlimit", "--as=300000000"))


_GROUPS = (
    _codes,
    _statuses,
    _natural_answers,
    _settings,
    _options,
    _tls,
    _network,
    _proxies,
    _strangers,
    _source,
    _changing_source,
    _destination,
    _crash,
)
