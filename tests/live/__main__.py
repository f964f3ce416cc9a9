"""`python -m tests.live`: says what it will create, runs every step, and removes what it created.

Exit status: 0 all is well, 1 something failed or is left in the bucket, 2 there was nothing to test with.
"""

import os
import secrets
import signal
import sys
import tempfile
import time
from pathlib import Path

from tests.live.account import BUCKET, ENDPOINT, KEY_ID, SECRET, ZONE, Account, NothingToTestWith, StillThere
from tests.live.chain import Chain, LiveFailed, steps

_FAILED = 1
_NOTHING_TESTED = 2


def main() -> int:
    """Run the whole chain; return the exit status."""
    try:
        account = Account.from_environment(os.environ)
    except NothingToTestWith as missing:
        _say(f"Nothing was tested: {missing} not set.")
        _say(f"{KEY_ID} and {SECRET}: a key that may list, read, write and delete in the bucket.")
        _say(f"{BUCKET} and {ZONE}: a bucket that exists. {ENDPOINT}: for a private cloud.")
        return _NOTHING_TESTED
    prefix = f"pluton-qingstor-live-{secrets.token_hex(8)}/"
    _say(f"In bucket {account.bucket}, zone {account.zone}, this creates objects below {prefix}")
    _say("and one object below .pluton-qingstor-write-test-…/, which `storage test --write` removes itself.")
    _say(f"At the end everything below {prefix} is removed, and nothing else.")
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    return _run(account, prefix)


def _run(account: Account, prefix: str) -> int:
    status = _FAILED
    try:
        with tempfile.TemporaryDirectory(prefix="pluton-qingstor-live-") as directory:
            status = _run_steps(Chain(account, Path(directory), prefix))
    except KeyboardInterrupt:
        _say("interrupted")
    finally:
        try:
            account.remove(prefix)
            _say(f"removed {prefix}")
        except StillThere as error:
            _say(f"NOT REMOVED: {prefix} in bucket {account.bucket}. Delete it by hand. {error}")
            status = _FAILED
    return status


def _run_steps(chain: Chain) -> int:
    for title, step in steps(chain):
        begun = time.monotonic()
        try:
            said = step()
            _say(f"ok      {time.monotonic() - begun:5.1f} s  {title}: {said}")
        except (LiveFailed, OSError) as error:
            _say(f"FAILED  {time.monotonic() - begun:5.1f} s  {title}: {chain.account.masked(str(error))}")
            return _FAILED
    return 0


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
