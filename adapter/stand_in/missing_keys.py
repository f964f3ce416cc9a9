"""The keys of one remote that has none: where they are looked for, and what to do if they are nowhere."""

from collections.abc import Mapping
from dataclasses import replace

from adapter.contract.errors import AdapterError
from adapter.machine.settings import find_home
from adapter.rclone.credentials import resolve_credentials
from adapter.stand_in.call import Installed
from adapter.storage.form import from_section


def resolve(
    name: str, options: Mapping[str, str], environ: Mapping[str, str], installed: Installed, *, must: bool
) -> tuple[str, str] | None:
    """Return id and secret for a remote; None if there are none and they need not be.

    Raises AdapterError if they must.
    """
    key_file = installed.remembered.key_file
    places = {**environ, "QINGSTOR_CONFIG_PATH": key_file} if key_file else environ
    try:
        pair = resolve_credentials(from_section(name.lstrip(":"), options), places, find_home(environ))
    except AdapterError as error:
        if must:
            raise _with_way_out(error, installed) from error
        return None
    return pair.access_key_id.reveal(), pair.secret_access_key.reveal()


def _with_way_out(error: AdapterError, installed: Installed) -> AdapterError:
    """Return the error with what to do behind a program that hands on no environment, such as Pluton."""
    if not installed.directory or error.failure.field != "env_auth":
        return error
    install = f"`pluton-qingstor stand-in install '{installed.directory}' --key-file FILE`"
    hint = f"Write both keys into a file and run {install}, or fill them in."
    return AdapterError(replace(error.failure, hint=hint))
