"""The keys of a storage: from its form, or, with Environment Auth, from where QingStor's tools keep them.

rclone's own `env_auth` reads nothing (measured with 1.75.2), so the adapter looks and hands the keys over.
"""

import os
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml
from pydantic import SecretStr

from adapter.errors import AdapterError, ErrorCode, Failure
from adapter.form import StorageForm

_MAX_CONFIG_BYTES = 64 << 10
_VARIABLES = (
    (("QINGSTOR_ACCESS_KEY_ID",), ("QINGSTOR_SECRET_ACCESS_KEY",)),
    (("QS_ACCESS_KEY_ID", "QS_ACCESS_KEY"), ("QS_SECRET_ACCESS_KEY", "QS_SECRET_KEY")),
)
"""Names of the id and of the secret: QingStor's SDKs, then rclone's manual with its aliases."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """A pair of keys; `source` says in a few words where it comes from."""

    access_key_id: SecretStr
    secret_access_key: SecretStr
    source: str


@dataclass(frozen=True, slots=True)
class _Pair:
    """What one place holds, either half possibly blank; `problem` says why it could not be searched."""

    place: str
    access_key_id: str = ""
    secret_access_key: str = ""
    problem: str = ""
    names: tuple[str, str] | None = None
    """Of the variables, where there are any."""


def resolve_credentials(form: StorageForm, environ: Mapping[str, str], home: Path) -> Credentials:
    """The first complete pair. Raises AdapterError `credentials_missing`.

    Half a pair in one place ends the search: mixed with another place's half it would be a pair nobody meant.
    """
    searched = []
    for pair in _pairs(form, environ, home):
        if pair.access_key_id and pair.secret_access_key:
            return Credentials(SecretStr(pair.access_key_id), SecretStr(pair.secret_access_key), pair.place)
        if pair.access_key_id or pair.secret_access_key:
            raise _half(pair)
        searched.append(f"{pair.place} ({pair.problem})" if pair.problem else pair.place)
    raise _missing(form, searched)


def _pairs(form: StorageForm, environ: Mapping[str, str], home: Path) -> Iterator[_Pair]:
    """The places in the order in which they count; each is looked at only when it is asked for."""
    yield _Pair("the storage", _secret(form.access_key_id), _secret(form.secret_access_key))
    if not form.env_auth:
        return
    for ids, secrets in _VARIABLES:
        names = f"${' or $'.join(ids)}", f"${' or $'.join(secrets)}"
        values = _variable(environ, ids), _variable(environ, secrets)
        yield _Pair(" with ".join(names), *values, names=names)
    named = environ.get("QINGSTOR_CONFIG_PATH", "").strip()
    path = Path(named) if named else home / ".qingstor" / "config.yaml"
    if named.startswith("~/"):
        path = home / named[2:]
    place = os.fsencode(path).decode(errors="replace")
    yield _config_file(path, f"{place} ($QINGSTOR_CONFIG_PATH)" if named else place)


def _secret(key: SecretStr | None) -> str:
    return key.get_secret_value() if key else ""


def _variable(environ: Mapping[str, str], names: tuple[str, ...]) -> str:
    return next((value for name in names if (value := environ.get(name, "").strip())), "")


def _config_file(path: Path, place: str) -> _Pair:
    try:
        data = _read(path)
        document: object = yaml.load(data, Loader=_NoAliases)  # noqa: S506 - a SafeLoader
    except OSError as error:
        return _Pair(place, problem=(error.strerror or "unreadable").lower())
    except (yaml.YAMLError, ValueError, RecursionError):
        # The parser's message quotes the file.
        return _Pair(place, problem="not YAML")
    if not isinstance(document, dict):
        return _Pair(place, problem="no keys in it")
    ids, secrets = (_entry(document, name) for name in ("access_key_id", "secret_access_key"))
    if ids is None or secrets is None:
        return _Pair(place, problem="its keys are not texts")
    return _Pair(place, ids, secrets)


class _NoAliases(yaml.SafeLoader):
    """Reads no aliases: a few lines of them can stand for gigabytes."""

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        """The next node. Raises YAMLError for an alias."""
        if self.check_event(yaml.AliasEvent):
            raise yaml.YAMLError("aliases are not read")
        return super().compose_node(parent, index)


def _read(path: Path) -> bytes:
    """The bytes of a regular file of sensible size. Raises OSError; never waits, as opening a FIFO would."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(0, "not a regular file")
        data = os.read(descriptor, _MAX_CONFIG_BYTES + 1)
    finally:
        os.close(descriptor)
    if len(data) > _MAX_CONFIG_BYTES:
        raise OSError(0, "too large for such a file")
    return data


def _entry(document: Mapping[object, object], name: str) -> str | None:
    """A key's text, blank if absent, None if of another type. An id of digits alone is a number in YAML."""
    value = document.get(name)
    if value is None:
        return ""
    if isinstance(value, bool) or not isinstance(value, str | int):
        return None
    return str(value).strip()


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
