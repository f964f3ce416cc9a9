"""What the stand-in costs over the real rclone: `python -m tests.bench.stand_in [ROUNDS]`.

Interleaved, so that what else the machine does meets both. Writes medians in milliseconds, and the requests.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from rclone_conf import encrypt
from tests.qingstor_server import QingStorServer
from tests.stand_in.standing_in import StandingIn

_BUCKET = "bucket-one"


def main(rounds: int) -> None:
    """Run every case and write its line."""
    with tempfile.TemporaryDirectory() as directory, QingStorServer() as server:
        place = StandingIn(Path(directory), server)
        (place.directory / "tmp").mkdir()
        (place.directory / "rclone.real").symlink_to(Path(sys.executable).with_name("rclone"))
        server.add_bucket(_BUCKET)
        place.section("s3", type="alias", remote="/nowhere", endpoint="", zone="")
        other = place.conf.read_bytes()
        place.section("q")
        plain = place.conf.read_bytes()
        confs = {"other": other, "plain": plain, "encrypted": encrypt(plain, "secret")}
        empty = _median(rounds, lambda: _run([sys.executable, "-c", "pass"]))
        sys.stdout.write(f"an empty Python: {empty * 1000:.0f} ms\n")
        sys.stdout.write("conf       words                         real  ours\n")
        for conf, words, stdin in (
            ("other", ("version",), b""),
            ("other", ("lsf", "s3:"), b""),
            ("plain", ("lsf", "s3:"), b""),
            ("encrypted", ("lsf", "s3:"), b""),
            ("plain", ("lsf", f"q:{_BUCKET}"), b""),
            ("encrypted", ("lsf", f"q:{_BUCKET}"), b""),
            ("plain", ("lsd", "q:"), b""),
            ("plain", ("lsd", f"q:{_BUCKET}"), b""),
            ("plain", ("rcat", f"q:{_BUCKET}/f"), b"x"),
            ("plain", ("copyto", str(place.conf), f"q:{_BUCKET}/conf"), b""),
        ):
            place.conf.write_bytes(confs[conf])
            _case(place, conf, words, stdin, rounds)


def _case(place: StandingIn, conf: str, words: tuple[str, ...], stdin: bytes, rounds: int) -> None:
    env = {**place.environment, "RCLONE_CONFIG_PASS": "secret"}
    real, ours = [str(place.directory / "rclone.real"), *words], place.argv(*words)
    times: dict[str, list[float]] = {"real": [], "ours": []}
    for _ in range(rounds):
        for name, argv in (("real", real), ("ours", ours)):
            times[name].append(_timed(lambda argv=argv: _run(argv, env, stdin)))  # type: ignore[misc]
    asked = [len(place.run(*words, stdin=stdin, real=real, env=env).asked) for real in (True, False)]
    alone, with_it = (statistics.median(times[name]) * 1000 for name in ("real", "ours"))
    shown = " ".join(Path(word).name if word.startswith("/") else word for word in words)
    requests = f"{asked[0]} -> {asked[1]} requests" if sum(asked) else ""
    line = f"{conf:<9}  {shown:<28}  {alone:4.0f}  {with_it:4.0f}  {with_it - alone:+.0f} ms  {requests}"
    sys.stdout.write(f"{line.rstrip()}\n")


def _run(argv: list[str], env: dict[str, str] | None = None, stdin: bytes = b"") -> None:
    subprocess.run(argv, env=env, input=stdin, capture_output=True, check=False)


def _timed(step: Callable[[], None]) -> float:
    started = time.perf_counter()
    step()
    return time.perf_counter() - started


def _median(rounds: int, step: Callable[[], None]) -> float:
    return statistics.median(_timed(step) for _ in range(rounds))


if __name__ == "__main__":
    os.environ.pop("RCLONE_CONFIG", None)
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 11)
