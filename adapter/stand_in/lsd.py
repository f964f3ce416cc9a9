"""`rclone lsd NAME:` and `lsd NAME:bucket`: Test Connection behind rclone's own output and exit status.

rclone alone takes a wrong zone for an empty one, and says so with status 0 (measured with 1.75.2).
"""

from adapter.machine.brief_child import ask
from adapter.stand_in.call import Call, Outcome
from adapter.stand_in.guard import list_bucket
from adapter.stand_in.rclone_flags import CONNECTION_FLAGS
from adapter.stand_in.remotes import Named

_COLUMNS = 4
"""In front of a name: size, date, time, count (cmd/lsd/lsd.go, 1.75.2)."""
_NOT_FOUND = 3
_LIMITED = (
    "A key for one bucket is enough inside it: test it with `lsd NAME:BUCKET`. In Pluton, add the storage "
    "with a key that may list buckets, then run `pluton-qingstor storage update NAME --bucket BUCKET`."
)


def is_a_test(call: Call) -> bool:
    """Return whether this is `lsd` of one QingStor remote or bucket, without flags that change the output."""
    named = call.remotes.named
    return (
        call.line.command == "lsd"
        and len(call.line.arguments) == len(named) == 1
        and named[0].remote.path.strip("/") == named[0].remote.bucket
        and all(flag.name in CONNECTION_FLAGS for flag in call.line.flags)
    )


def lsd(call: Call) -> Outcome:
    """Run rclone's list; if it fails, or shows nothing, say what Test Connection finds."""
    (named,) = call.remotes.named
    said = ask(*call.question("lsd", *call.words_of_arguments))
    if said.exit_status == 0 and _is_proof(call, named, said.stdout):
        return Outcome(0, said.stdout, "", said.stderr)
    return _explained(call, named, Outcome(said.exit_status, said.stdout, "", said.stderr))


def _is_proof(call: Call, named: Named, output: bytes) -> bool:
    """Return whether a list that succeeded proves the zone: of a bucket it does, of buckets one is asked."""
    if named.remote.bucket:
        return True
    first = output.decode(errors="surrogateescape").partition("\n")[0].split(None, _COLUMNS)
    if len(first) <= _COLUMNS:
        return False
    return list_bucket(call, named._replace(remote=named.remote._replace(path=first[-1]))).exit_status == 0


def _explained(call: Call, named: Named, outcome: Outcome) -> Outcome:
    # Loaded only now: they are slow to load.
    from dataclasses import replace  # noqa: PLC0415

    from adapter.contract.errors import AdapterError, ErrorCode  # noqa: PLC0415
    from adapter.stand_in.explain import connection_report  # noqa: PLC0415
    from adapter.stand_in.refusal import refusal  # noqa: PLC0415

    try:
        failure = connection_report(call, named).failure
    except AdapterError as error:
        return refusal(error, outcome.exit_status or 1, outcome.stderr)
    if failure is None:
        return outcome
    if failure.code is ErrorCode.PERMISSION_DENIED and not named.remote.bucket:
        failure = replace(failure, hint=_LIMITED)
    return refusal(AdapterError(failure), outcome.exit_status or _NOT_FOUND, outcome.stderr)
