"""`python -m tests.qingstor_server`: a QingStor to try things against, on this machine only."""

import argparse
import asyncio
import contextlib
import os
import shlex
import signal
import sys
import tempfile
import threading
import time
from pathlib import Path

from aiohttp import web

from tests.qingstor_server.accounts import OWNER
from tests.qingstor_server.control import PREFIX, Control
from tests.qingstor_server.environment import rclone_environment
from tests.qingstor_server.service import Service
from tests.qingstor_server.settings import MIB, Settings

_LAST_GRACE_SECONDS = 20.0

_EPILOG = """\
The server stands in for qingstor.com. Clients reach it as an HTTP proxy, so no name has to resolve: the one
line that it prints sets HTTP_PROXY and a complete rclone remote `q:`. In one shell

  python -m tests.qingstor_server --port 9000 --bucket my-bucket

and in another, with the printed line pasted first,

  rclone --config "" copy SOME-DIRECTORY q:my-bucket/backup
  rclone --config "" lsl q:my-bucket

Faults and the request log are on the same port, as JSON:

  curl -d '{"fault": {"kind": "status", "operation": "put_object", "times": 2}}' 127.0.0.1:9000/-/add_fault
  curl -d '{"operation": "put_object"}' 127.0.0.1:9000/-/requests

SIGINT or SIGTERM ends it. Without --root everything is gone then.
"""


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tests.qingstor_server",
        description="A local QingStor: zones, accounts, signatures, multipart uploads, and faults on demand.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--port", type=int, default=0, help="port on 127.0.0.1 (default: any free one)")
    parser.add_argument("--root", type=Path, help="keep buckets and objects here (default: temporary)")
    parser.add_argument(
        "--bucket",
        action="append",
        default=[],
        metavar="NAME[@ZONE]",
        help="create a bucket (repeatable; zone pek3a)",
    )
    parser.add_argument(
        "--zones", default="pek3a,sh1a", help="zones, the first being the default (%(default)s)"
    )
    parser.add_argument(
        "--until-stdin-closes",
        action="store_true",
        help="also end when stdin does: for a parent that holds a pipe",
    )
    return parser


async def _serve(arguments: argparse.Namespace, root: Path) -> None:
    settings = Settings(zones=tuple(arguments.zones.split(",")))
    service = Service(root, settings)
    control = Control(service)
    for text in arguments.bucket:
        name, _, zone = text.partition("@")
        if service.state.store.bucket(name) is None:
            service.state.store.add_bucket(name, zone or settings.zones[0], OWNER)

    async def handle(request: web.BaseRequest) -> web.StreamResponse:
        if request.raw_path.startswith(PREFIX):
            return await control.answer(request)
        return await service.handle(request)

    # Large reads keep the loop's share of an upload small; decompressing would change what is stored.
    server = web.Server(
        handle,
        handler_cancellation=True,
        access_log=None,
        read_bufsize=MIB,
        auto_decompress=False,
        lingering_time=1,
    )
    runner = web.ServerRunner(server, shutdown_timeout=1.0)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", arguments.port, backlog=1024)
    await site.start()
    stop = _stop_event(watch_stdin=arguments.until_stdin_closes)
    port = runner.addresses[0][1]
    variables = rclone_environment(port, zone=settings.zones[0])
    assignments = " ".join(f"{name}={shlex.quote(value)}" for name, value in variables.items())
    sys.stdout.write(f"export {assignments}  # QingStor at http://127.0.0.1:{port}\n")
    sys.stdout.flush()
    await stop.wait()
    service.faults.clear()
    await runner.cleanup()
    service.close()


def _stop_event(*, watch_stdin: bool) -> asyncio.Event:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)

    def watch() -> None:
        while os.read(0, 4096):
            pass
        loop.call_soon_threadsafe(stop.set)
        # A loop that is stuck must not outlive the tests; in order, the process is gone long before.
        time.sleep(_LAST_GRACE_SECONDS)
        os._exit(70)

    if watch_stdin:
        threading.Thread(target=watch, daemon=True).start()
    return stop


def main() -> None:
    """Serve until told to end."""
    arguments = _parser().parse_args()
    with contextlib.ExitStack() as stack:
        root = arguments.root or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="qingstor-")))
        asyncio.run(_serve(arguments, root))


if __name__ == "__main__":
    main()
