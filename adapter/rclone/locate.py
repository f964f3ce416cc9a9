"""Where rclone is. Loads little: it is asked before each rclone that `pluton-qingstor rclone` becomes."""

import os
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from adapter.rclone.stand_in_mark import is_stand_in, real_beside

if TYPE_CHECKING:
    from adapter.contract.errors import AdapterError

_VARIABLE = "PLUTON_QINGSTOR_RCLONE"
INSTALL_HINT = (
    "Install rclone from rclone.org or with `pip install 'pluton-qingstor[rclone]'`, "
    f"or name it with --rclone or ${_VARIABLE}."
)


def find(option: str | None, environ: Mapping[str, str]) -> Path:
    """Return the rclone to use: the option, `$PLUTON_QINGSTOR_RCLONE`, beside the running Python, on PATH.

    Of a stand-in it is the real one. Raises AdapterError `rclone_not_found` that names every place searched.
    """
    found = _found(option, environ)
    if not is_stand_in(found):
        return found
    real = real_beside(found)
    if not os.path.isfile(real):  # noqa: PTH113  # a Path raises below a directory that cannot be searched
        raise rclone_not_found(
            f"{found} is the stand-in for rclone, but the real one is missing: there is no {real}."
        )
    if is_stand_in(real):
        raise rclone_not_found(f"{real} should be the real rclone, but it is a stand-in itself.")
    return real


def _found(option: str | None, environ: Mapping[str, str]) -> Path:
    for wanted, name in ((option, "--rclone"), (environ.get(_VARIABLE), f"${_VARIABLE}")):
        if wanted:
            found = shutil.which(wanted, path=environ.get("PATH"))
            if found is not None:
                return Path(found).absolute()
            if os.path.isfile(wanted):  # noqa: PTH113  # a Path raises below a directory that cannot be searched
                return Path(wanted).absolute()  # `probe` starts it, which tells what is not allowed
            raise rclone_not_found(f"{name} is {wanted!r}, but there is no such program.")
    beside = Path(sys.executable).parent / "rclone"
    if beside.is_file():  # `probe` starts it, which tells whether that is allowed
        return beside
    found = shutil.which("rclone", path=environ.get("PATH"))
    if found is None:
        raise rclone_not_found(f"No rclone was found: searched {beside} and PATH.")
    return Path(found).absolute()


def rclone_not_found(message: str) -> "AdapterError":
    """Return an AdapterError with code `rclone_not_found`."""
    from adapter.contract.errors import AdapterError, ErrorCode, Failure  # noqa: PLC0415 - slow to load

    return AdapterError(Failure(ErrorCode.RCLONE_NOT_FOUND, message, INSTALL_HINT))
