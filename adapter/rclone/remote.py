"""A storage as a remote of rclone: in variables of its environment, not on disk and not in argv.

rclone takes a whole remote from `RCLONE_CONFIG_<NAME>_<OPTION>` variables with `--config ""` (measured with
1.65.2 to 1.75.2). So a conf that is encrypted, locked or being rewritten does not matter while a run goes
on, an unsaved document works like a saved one, and nothing is left behind by a crash.
"""

from collections.abc import Mapping

from adapter.rclone.credentials import Credentials
from adapter.storage.form import StorageForm
from adapter.storage.target import Target

REMOTE = "storage"
"""The remote's name inside rclone. One name for all, since rclone takes only some characters in variables."""
_QUOTE = "\u201b"


def remote_environment(form: StorageForm, credentials: Credentials) -> Mapping[str, str]:
    """Return the variables that define `storage:`, secrets included; only for a child's environment."""
    options = {
        **form.other_options,
        **form.options(),
        "access_key_id": credentials.access_key_id.reveal(),
        "secret_access_key": credentials.secret_access_key.reveal(),
        # One PUT as far as QingStor goes, unless a copy asks for parts: the server computes the MD5 of a PUT,
        # of parts it does not, and rclone keeps a file in parts in memory whole (measured with 1.75.2).
        "upload_cutoff": "5Gi",
        # More than 1 makes rclone's own MD5 wrong, and rclone then deletes the object (measured with 1.75.2).
        "upload_concurrency": "1",
    }
    options.pop("env_auth", None)  # the keys are here; with keys rclone ignores it
    return remote_variables(REMOTE, options)


def remote_variables(name: str, options: Mapping[str, str]) -> Mapping[str, str]:
    """Return the variables that define a remote; `name` has letters only."""
    return {f"RCLONE_CONFIG_{name.upper()}_{option.upper()}": value for option, value in options.items()}


def remote_path(target: Target, below: str = "") -> str:
    """Return the target, or a path `below` it in rclone's spelling, as an argument for rclone.

    A quote of rclone's (U+201B) in the target is one that the user wrote, so it is quoted: else a path with
    one of them and a path with two would be the same place.
    """
    path = "/".join(filter(None, (target.path.replace(_QUOTE, 2 * _QUOTE), below.rstrip("/"))))
    return f"{REMOTE}:{target.bucket}/{path}" if path else f"{REMOTE}:{target.bucket}"


def spelled_in_target(path: str) -> bytes:
    """Return a part of a target's path in rclone's spelling."""
    return path.replace(_QUOTE, 2 * _QUOTE).encode("utf-8", "surrogateescape")
