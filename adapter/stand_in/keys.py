"""Keys for remotes that have none of their own: from the places that Environment Auth stands for.

rclone's env_auth reads nothing (measured with 1.75.2), so what is found goes into its environment.
"""

from collections.abc import Mapping

from adapter.stand_in.call import Installed
from adapter.stand_in.remotes import Involved, Named

_OPTIONS = ("access_key_id", "secret_access_key")
Keys = Mapping[str, tuple[str, str]]
"""Name of a remote to id and secret."""


def find_keys(
    remotes: Involved, environ: Mapping[str, str], installed: Installed
) -> dict[str, tuple[str, str]]:
    """Return the keys that remotes lack.

    Raises AdapterError if a remote that the command line names has none anywhere; one that is only wrapped is
    left to rclone.
    """
    found: dict[str, tuple[str, str]] = {}
    named = {one.remote.name for one in remotes.named}
    for name, options in remotes.reached.items():
        if all(options.get(option) for option in _OPTIONS):
            continue
        from adapter.stand_in.missing_keys import resolve  # noqa: PLC0415 - slow, and most remotes have keys

        pair = resolve(name, options, environ, installed, must=name in named)
        if pair is not None:
            found[name] = pair
    return found


def with_keys(remotes: Involved, keys: Keys) -> Involved:
    """Return the remotes with the keys that were found."""
    texts = {name: dict(zip(_OPTIONS, pair, strict=True)) for name, pair in keys.items()}
    named = tuple(
        Named(word, remote, {**options, **texts.get(remote.name, {})})
        for word, remote, options in remotes.named
    )
    reached = {name: {**own, **texts.get(name, {})} for name, own in remotes.reached.items()}
    return remotes._replace(named=named, reached=reached)
