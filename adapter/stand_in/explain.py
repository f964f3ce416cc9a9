"""Why a remote cannot be used, in the words of Test Connection. Loads much: for calls that fail."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

from adapter.connection.bucket import require_bucket
from adapter.connection.report import Report
from adapter.connection.stages import try_connection
from adapter.contract.errors import AdapterError, ErrorCode
from adapter.machine.cancellation import Cancellation
from adapter.machine.settings import Settings, default_state_dir, find_home
from adapter.rclone.binary import cached
from adapter.rclone.open_storage import open_storage
from adapter.rclone.query import Query
from adapter.stand_in.call import Call, Installed, Outcome
from adapter.stand_in.refusal import refusal
from adapter.stand_in.remotes import Named
from adapter.storage.form import StorageForm, from_section

TIMEOUT_S = 30.0
_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy")
_AS_VARIABLES = ("ca-cert", "contimeout", "timeout")


def bucket_problem(call: Call, named: Named) -> AdapterError | None:
    """Return what is wrong with the bucket of a remote, or None."""
    settings = settings_of(call)
    try:
        form = form_of(named)
        with Cancellation() as cancel:
            storage = open_storage(form, settings)
            rclone = cached(Path(call.installed.real), settings, cancel, TIMEOUT_S)
            query = Query(rclone, storage.env, storage.redactor, cancel)
            require_bucket(storage, query, named.remote.bucket, TIMEOUT_S)
    except AdapterError as error:
        return error
    return None


class Refused(NamedTuple):
    """A refusal, and whether the same call may succeed later."""

    outcome: Outcome
    is_retryable: bool


def why_refused(call: Call, named: Named, stderr: bytes) -> Refused | None:
    """Return why a list of the bucket failed; None if the call may go on all the same."""
    error = bucket_problem(call, named)
    if error is None or error.failure.code is ErrorCode.PERMISSION_DENIED:
        return None
    if error.failure.code is ErrorCode.BUCKET_NOT_FOUND and call.creates_bucket:
        return None
    return Refused(refusal(error, stderr=stderr), error.failure.retryable)


def connection_report(call: Call, named: Named) -> Report:
    """Return the report of Test Connection. Raises AdapterError if the remote is not usable at all."""
    with Cancellation() as cancel:
        return try_connection(
            form_of(named), settings_of(call), cancel, bucket=named.remote.bucket, timeout_s=TIMEOUT_S
        )


def form_of(named: Named) -> StorageForm:
    """Return the remote as a storage. Raises FormInvalid if rclone could not use it."""
    return from_section(named.remote.name.lstrip(":"), named.options)


def settings_of(call: Call) -> Settings:
    """Return the settings of a command of this program for the same server."""
    environ = dict(call.environ)
    for flag in _AS_VARIABLES:
        if value := call.line.value(flag):
            environ[f"RCLONE_{flag.replace('-', '_').upper()}"] = value
    if proxy := call.line.value("http-proxy") or environ.get("RCLONE_HTTP_PROXY"):
        environ |= dict.fromkeys(_PROXIES, proxy)
    return settings_in(environ, call.conf_path, call.installed)


def settings_in(
    environ: Mapping[str, str],
    conf_path: Path,
    installed: Installed,
    ask_password: Callable[[], str | None] | None = None,
) -> Settings:
    """Return the settings of a command of this program, with what is remembered."""
    home = find_home(environ)
    state_dir, key_file = installed.remembered.state_dir, installed.remembered.key_file
    if key_file:
        environ = {**environ, "QINGSTOR_CONFIG_PATH": key_file}
    return Settings(
        environ=environ,
        home=home,
        conf_path=conf_path,
        state_dir=Path(state_dir) if state_dir else default_state_dir(environ, home),
        rclone_option=installed.real,
        ask_password=ask_password or (lambda: environ.get("RCLONE_CONFIG_PASS")),
        ask_new_password=lambda: None,
    )
