"""The checks of `doctor` on rclone.conf: readable, private, encrypted, password correct."""

from collections.abc import Iterator

from adapter.connection.report import Check, failed
from adapter.contract.errors import AdapterError, ErrorCode, Failure
from adapter.machine.settings import Settings
from adapter.storage.conf_admin import find_problems, is_serious
from adapter.storage.conf_errors import translated
from rclone_conf import ConfFile, ConfReadError, Stored, is_encrypted, visible

_CHECKED_ELSEWHERE = {"loose_mode", "unusable_storage"}
"""Problems with a check of their own: `conf_mode` and `storage NAME`."""
_PASSWORD = {ErrorCode.CONF_PASSWORD_MISSING, ErrorCode.CONF_WRONG_PASSWORD}


def check_conf(settings: Settings) -> Iterator[Check]:
    """Yield `conf` and, if the file exists, `conf_mode`, `conf_encryption` and `conf_password`."""
    path = settings.conf_path
    conf = ConfFile(path, settings.ask_password)
    try:
        stored = conf.stored()
    except ConfReadError as error:
        hint = "Make it readable for the user that runs the backups, or choose another file with --config."
        yield failed("conf", Failure(ErrorCode.CONF_UNREADABLE, error.message, hint))
        return
    if stored.data is None:
        yield Check("conf", f"{path} does not exist yet; saving a storage creates it.")
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
            yield Check("conf_password", "The password is correct.")
    else:
        hint = "`conf encrypt` encrypts it; backups then need $RCLONE_CONFIG_PASS."
        yield Check("conf_encryption", "The file is in clear text, keys included.", hint)


def _trouble(conf: ConfFile, stored: Stored) -> Failure | None:
    """Return what is wrong with the file's content or its password, or None."""
    try:
        with translated():
            serious = [problem for problem in find_problems(conf, stored) if is_serious(problem)]
    except AdapterError as error:
        return error.failure
    serious = [problem for problem in serious if problem.code not in _CHECKED_ELSEWHERE]
    if not serious:
        return None
    first = serious[0]
    where = f"line {first.line}" if first.line else f"section {visible(first.section)}"
    place = f" in {where}" if first.line or first.section else ""
    count = f"{len(serious)} problem{'' if len(serious) == 1 else 's'}"
    return Failure(
        ErrorCode.CONF_UNREADABLE,
        f"{conf.path} has {count}, the first{place}: {first.message.rstrip('.')}.",
        "`conf check` lists them, `conf repair --dry-run` shows what it would change.",
    )


def _mode(settings: Settings, mode: int) -> Check:
    if not mode & 0o077:
        return Check("conf_mode", f"Only its owner can read it (mode {mode:04o}).")
    failure = Failure(
        ErrorCode.CONF_UNREADABLE,
        f"Other users of this machine can access the file with the keys (mode {mode:04o}).",
        f"Run `chmod 600 {settings.conf_path}`.",
    )
    return failed("conf_mode", failure)
