"""The guard before a call: each bucket that it names exists, in the storage's zone.

One list proves both. It is a question of few imports; only if it fails, all that Test Connection knows says
why (`explain`).
"""

import time
from collections.abc import Callable, Iterator
from functools import partial

from adapter.connection.nowhere import NOWHERE
from adapter.machine.brief_child import Said, ask
from adapter.stand_in.call import Call, Outcome
from adapter.stand_in.remotes import Named

_PAUSES_S = (1.0, 3.0)
"""Before another try, if the same question may be answered later."""


def guarded(call: Call) -> Outcome | None:
    """Return why a call is refused, or None if every bucket that it names is there.

    A bucket that may not be listed is there: rclone may go on. One that may be created need not be.
    """
    for named in _once_each(call):
        if (refused := unless_listed(call, named, partial(_asked, call, named))) is not None:
            return refused
    return None


def unless_listed(call: Call, named: Named, list_it: Callable[[], bytes | None]) -> Outcome | None:
    """Return why one bucket cannot be used, or None.

    `list_it` returns None if it could list there, else what rclone said; it is called again if the same
    question may be answered later.
    """
    for pause in (*_PAUSES_S, None):
        said = list_it()
        if said is None:
            return None
        from adapter.stand_in.explain import why_refused  # noqa: PLC0415 - slow to load

        refused = why_refused(call, named, said)
        if refused is None or pause is None or not refused.is_retryable:
            return refused.outcome if refused else None
        time.sleep(pause)
    return None


def list_bucket(call: Call, named: Named) -> Said:
    """List what is in no directory of the bucket: an empty answer if all is well.

    One request: `lsd` would ask first whether the directory is a file. No server is started for it.
    """
    fs = named.remote.at(named.remote.bucket)
    return ask(*call.question("rc", "--loopback", "operations/list", f"fs={fs}", f"remote={NOWHERE}"))


def _asked(call: Call, named: Named) -> bytes | None:
    said = list_bucket(call, named)
    return None if said.exit_status == 0 else said.stderr


def _once_each(call: Call) -> Iterator[Named]:
    """Yield the remotes that name a bucket, each bucket once."""
    seen = set()
    for named in call.remotes.named:
        key = (named.remote.name, named.remote.options, named.remote.bucket)
        if named.remote.bucket and key not in seen:
            seen.add(key)
            yield named
