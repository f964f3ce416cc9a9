"""`rcat` and `serve restic`: they write before they list, so the bucket is listed by their own rclone first.

What comes on stdin waits for that. So the one list that proves bucket and zone also spares the creation of
the bucket, which a key that is limited to it may not ask for.
"""

import os
import stat

from adapter.stand_in.call import Call, Outcome
from adapter.stand_in.guard import guarded, unless_listed
from adapter.stand_in.rclone_flags import READS_STDIN
from adapter.stand_in.remote_control import Controlled, has_own_control
from adapter.stand_in.remotes import Named


def holds_input(call: Call) -> bool:
    """Return whether a command can be asked before it writes.

    Not a rcat that is told the size: it writes before it reads. One that has a terminal refuses to work.
    """
    if call.line.command == "rcat" and stat.S_ISCHR(os.fstat(0).st_mode):
        return False
    return (
        call.line.command in READS_STDIN
        and len(call.line.arguments) == len(call.remotes.named) == 1
        and bool(call.remotes.named[0].remote.bucket)
        and not has_own_control(call)
        and call.line.value("size") is None
    )


def run_held(call: Call) -> Outcome:
    """Run the command once its rclone has listed in the bucket; refuse it if that is not possible.

    Raises NoPlace.
    """
    (named,) = call.remotes.named
    if call.line.command == "rcat":
        with Controlled(call, call.words, holds_stdin=True) as child:
            return listed_first(call, named, child, _parent(call.words[named.word])) or Outcome(child.relay())
    is_held = call.line.has("stdio")
    if not is_held and (refused := guarded(call)) is not None:
        return refused  # it would serve the first who connects before it has listed
    with Controlled(call, call.words, holds_stdin=is_held) as child:
        return listed_first(call, named, child, call.words[named.word]) or Outcome(child.relay())


def listed_first(call: Call, named: Named, child: Controlled, fs: str) -> Outcome | None:
    """Let an rclone list in the remote `fs`; return why the call is refused, or None."""

    def list_it() -> bytes | None:
        # An rclone that has ended says itself why.
        return child.said if child.knows_bucket(fs) else None

    return unless_listed(call, named, list_it)


def _parent(word: str) -> str:
    """Return the remote in which rcat opens its file (fspath.Split in rclone's fs/fspath/path.go)."""
    cut = max(word.rfind("/"), word.rfind(":"))
    return word[: cut + 1]
