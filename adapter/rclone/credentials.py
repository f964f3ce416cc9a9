"""The keys of a storage: from its form or, with Environment Auth, from the places of QingStor's tools.

rclone's own `env_auth` reads nothing (measured with 1.75.2), so the adapter passes on what it finds.
"""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from adapter.contract.errors import AdapterError, ErrorCode, Failure
from adapter.contract.secret import Secret
from adapter.storage.form import StorageForm

_VARIABLES = (
    (("QINGSTOR_ACCESS_KEY_ID",), ("QINGSTOR_SECRET_ACCESS_KEY",)),
    (("QS_ACCESS_KEY_ID", "QS_ACCESS_KEY"), ("QS_SECRET_ACCESS_KEY", "QS_SECRET_KEY")),
)
"""Names of the id and of the secret: QingStor's SDKs, then rclone's manual with its aliases."""


_CONFIG = "~/.qingstor/config.yaml"
"""The file of QingStor's own tools."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """A pair of keys; `source` names its origin in a few words."""

    access_key_id: Secret
    secret_access_key: Secret
    source: str


@dataclass(frozen=True, slots=True)
class _Pair:
    """The keys of one place, either of them possibly blank; `problem` says why it cannot be read."""

    place: str
    access_key_id: str = ""
    secret_access_key: str = ""
    problem: str = ""
    names: tuple[str, str] | None = None
    """The variables that hold the id and the secret, if the place is the environment."""


def resolve_credentials(form: StorageForm, environ: Mapping[str, str], home: Path | None) -> Credentials:
    """Return the first complete pair. Raises AdapterError `credentials_missing`.

    Half a pair in one place ends the search: two halves of different places are not a pair.
    """
    searched = []
    for pair in _pairs(form, environ, home):
        if pair.access_key_id and pair.secret_access_key:
            return Credentials(Secret(pair.access_key_id), Secret(pair.secret_access_key), pair.place)
        if pair.access_key_id or pair.secret_access_key:
            raise _half(pair)
        searched.append(f"{pair.place} ({pair.problem})" if pair.problem else pair.place)
    raise _missing(form, searched)


def _pairs(form: StorageForm, environ: Mapping[str, str], home: Path | None) -> Iterator[_Pair]:
    """Yield the keys of each place, in order of precedence; a place is read only when it is reached."""
    yield _Pair("the storage", _secret(form.access_key_id), _secret(form.secret_access_key))
    if not form.env_auth:
        return
    for ids, secrets in _VARIABLES:
        names = f"${' or $'.join(ids)}", f"${' or $'.join(secrets)}"
        values = _variable(environ, ids), _variable(environ, secrets)
        yield _Pair(" with ".join(names), *values, names=names)
    named = environ.get("QINGSTOR_CONFIG_PATH", "").strip()
    wanted = named or _CONFIG
    place = os.fsencode(wanted).decode(errors="replace")
    below_home = wanted.removeprefix("~/")
    if below_home == wanted:
        path = Path(wanted)
    elif home is not None:
        path = home / below_home
        place = os.fsencode(path).decode(errors="replace")
    else:
        yield _Pair(place, problem="this user has no home directory: $HOME is not set")
        return
    yield _config_file(path, f"{place} ($QINGSTOR_CONFIG_PATH)" if named else place)


def _secret(key: Secret | None) -> str:
    return key.reveal() if key else ""


def _variable(environ: Mapping[str, str], names: tuple[str, ...]) -> str:
    return next((value for name in names if (value := environ.get(name, "").strip())), "")


def _config_file(path: Path, place: str) -> _Pair:
    from adapter.rclone.key_file import NoKeys, read_keys  # noqa: PLC0415 - YAML, which few runs need

    try:
        return _Pair(place, *read_keys(path))
    except NoKeys as error:
        return _Pair(place, problem=error.problem)


def _half(pair: _Pair) -> AdapterError:
    there, absent = pair.names or ("the Access Key ID", "the Secret Access Key")
    if not pair.access_key_id:
        there, absent = absent, there
    subject = f"{there[0].upper()}{there[1:]} is set"
    where = "" if pair.names else f" in {pair.place}"
    return AdapterError(
        Failure(
            ErrorCode.CREDENTIALS_MISSING,
            f"{subject}{where} but {absent} is not.",
            "Put both keys in the same place, or neither.",
            field="env_auth",
        )
    )


def _missing(form: StorageForm, searched: list[str]) -> AdapterError:
    if not form.env_auth:
        return AdapterError(
            Failure(
                ErrorCode.CREDENTIALS_MISSING,
                f"Storage {form.name} has no keys, and rclone cannot use QingStor anonymously.",
                "Fill in both keys, or turn Environment Auth on.",
                field="access_key_id",
            )
        )
    return AdapterError(
        Failure(
            ErrorCode.CREDENTIALS_MISSING,
            f"Environment Auth is on and no keys were found. Searched: {'; '.join(searched)}.",
            "Set QINGSTOR_ACCESS_KEY_ID and QINGSTOR_SECRET_ACCESS_KEY for the service that runs this, "
            "or write access_key_id and secret_access_key into the file.",
            field="env_auth",
        )
    )
