"""What `doctor` asks of rclone.conf: can it be read, by whom, is it encrypted, does the password open it."""

from collections.abc import Iterator

from adapter.connection.report import Check, failed
from adapter.contract.errors import AdapterError, ErrorCode, Failure
from adapter.machine.settings import Settings
from adapter.storage.conf_admin import find_problems, is_serious
from adapter.storage.conf_errors import translated
from rclone_conf import ConfFile, ConfReadError, Stored, is_encrypted, visible

_CHECKED_BY_ITSELF = {"loose_mode", "unusable_storage"}
"""Problems that have a line of their own: `conf_mode`, and the storage with its own code."""
_PASSWORD = {ErrorCode.CONF_PASSWORD_MISSING, ErrorCode.CONF_WRONG_PASSWORD}


def check_conf(settings: Settings) -> Iterator[Check]:
    """`conf`, and when there is a file `conf_mode`, `conf_encryption` and `conf_password`."""
    path = settings.conf_path
    conf = ConfFile(path, settings.ask_password)
    try:
        stored = conf.stored()
    except ConfReadError as error:
        hint = "Make it readable for the user of the backups, or name another file with --config."
        yield failed("conf", Failure(ErrorCode.CONF_UNREADABLE, error.message, hint))
        return
    if stored.data is None:
        yield Check("conf", f"There is no {path} yet; saving a storage makes it.")
        return
    trouble = _trouble(conf, stored)
    opens = trouble is None or trouble.code not in _PASSWORD
    if trouble and opens:
        yield failed("conf", trouble)
    else:
        yield Check("conf", f"{path} can be read.")
    yield _mode(settings, stored.mode)
    if is_encrypted(stored.data):
        yield Check("conf_encryption", "The file is encrypted.")
        if trouble and not opens:
            yield failed("conf_password", trouble)
        else:
            yield Check("conf_password", "The password opens it.")
    else:
        hint = "`conf encrypt` encrypts it; the backups then need $RCLONE_CONFIG_PASS."
        yield Check("conf_encryption", "The file is in clear text, keys included.", hint)


def _trouble(conf: ConfFile, stored: Stored) -> Failure | None:
    """What is wrong with the file's content or its password."""
    try:
        with translated():
            serious = [problem for problem in find_problems(conf, stored) if is_serious(problem)]
    except AdapterError as error:
        return error.failure
    serious = [problem for problem in serious if problem.code not in _CHECKED_BY_ITSELF]
    if not serious:
        return None
    first = serious[0]
    where = f"line {first.line}" if first.line else f"section {visible(first.section)}"
    place = f" in {where}" if first.line or first.section else ""
    count = f"{len(serious)} problem{'' if len(serious) == 1 else 's'}"
    return Failure(
        ErrorCode.CONF_UNREADABLE,
        f"{conf.path} has {count}, the first{place}: {first.message.rstrip('.')}.",
        "`conf check` lists them, `conf repair --dry-run` shows what can be mended.",
    )


def _mode(settings: Settings, mode: int) -> Check:
    if not mode & 0o077:
        return Check("conf_mode", f"Nobody but its owner may read it (mode {mode:04o}).")
    failure = Failure(
        ErrorCode.CONF_UNREADABLE,
        f"Other users of this machine have rights to the file with the keys (mode {mode:04o}).",
        f"Run `chmod 600 {settings.conf_path}`.",
    )
    return failed("conf_mode", failure)
