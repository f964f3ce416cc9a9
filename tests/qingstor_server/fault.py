"""Faults that a test switches on and off: what goes wrong, for which requests, how often."""

import asyncio
import random
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from fnmatch import fnmatchcase

from tests.qingstor_server.operation import Operation
from tests.qingstor_server.target import Target


class FaultKind(StrEnum):
    """What goes wrong."""

    STATUS = "status"
    """`status` with QingStor's JSON and `code`; the operation is not done (unless `moment` is ANSWER)."""
    HTML = "html"
    """`status` with a page such as a proxy sends, no JSON."""
    RESET = "reset"
    """The connection is reset (RST): at once, after `after_bytes`, or (ANSWER) after the work."""
    HANG = "hang"
    """Nothing more is read or answered: at once, after `after_bytes`, or (ANSWER) after the work."""
    SLOW = "slow"
    """The answer trickles at `bytes_per_second` (1), headers included."""
    TRUNCATE = "truncate"
    """The answer's body stops after `after_bytes` (0) and the connection is closed in order."""
    FLIP_UPLOAD = "flip_upload"
    """The byte at `offset` arrives altered: what is stored, and its ETag, are of the altered bytes."""
    FLIP_DOWNLOAD = "flip_download"
    """The byte at `offset` of the answer's body leaves altered."""
    LATENCY = "latency"
    """The request waits `seconds` before anything happens."""
    BANDWIDTH = "bandwidth"
    """Bodies pass at `bytes_per_second`, per request, or over all matching requests when `shared`."""
    CLOCK_SKEW = "clock_skew"
    """The server's clock, and with it `Date` and the signature's window, is `seconds` ahead."""
    WRONG_ETAG = "wrong_etag"
    """The answer carries the MD5 of something else."""


class Moment(StrEnum):
    """When STATUS, HTML, RESET and HANG strike."""

    REQUEST = "request"
    ANSWER = "answer"


@dataclass(frozen=True, slots=True, kw_only=True)
class Where:
    """Which requests: every field that is set must match. `host`, `path` and `key` are shell patterns."""

    operation: str | None = None
    method: str | None = None
    host: str | None = None
    path: str | None = None
    bucket: str | None = None
    key: str | None = None

    def __post_init__(self) -> None:
        """Raise ValueError for an operation that does not exist: such a fault would never strike."""
        if self.operation is not None:
            Operation(self.operation)

    def matches(self, target: Target) -> bool:
        """Return whether this fault concerns a request."""
        exact = (
            (self.operation, target.operation),
            (self.method, target.method),
            (self.bucket, target.bucket),
        )
        if any(wanted is not None and wanted != given for wanted, given in exact):
            return False
        patterns = ((self.host, target.host), (self.path, target.path), (self.key, target.shown_key))
        return all(pattern is None or fnmatchcase(given, pattern) for pattern, given in patterns)


@dataclass(frozen=True, slots=True)
class Fault(Where):
    """One thing that goes wrong.

    `after_bytes` counts the request's body where it has one, else the answer's (RESET, HANG and TRUNCATE).

    It strikes `times` (None: always), after letting `skip` matching requests pass, each with `probability`
    (drawn from `seed`, so a run can be repeated).
    """

    kind: FaultKind
    times: int | None = None
    skip: int = 0
    probability: float = 1.0
    seed: int = 0
    moment: Moment = Moment.REQUEST
    after_bytes: int | None = None
    status: int = 503
    code: str = "service_unavailable"
    message: str = "A fault that a test asked for."
    seconds: float = 0.0
    bytes_per_second: float = 1.0
    shared: bool = False
    offset: int = 0


class Pace:
    """Lets bytes pass at a rate."""

    def __init__(self, bytes_per_second: float) -> None:
        self._rate = bytes_per_second
        self._free_at = 0.0

    async def take(self, count: int) -> None:
        """Return when `count` more bytes may pass."""
        now = asyncio.get_running_loop().time()
        self._free_at = max(self._free_at, now) + count / self._rate
        await asyncio.sleep(self._free_at - now)


class Active:
    """A fault that is switched on."""

    def __init__(self, number: int, fault: Fault) -> None:
        self.number = number
        self.fault = fault
        self.fired = 0
        self.ended = asyncio.Event()
        self._claimed = 0
        self._skip = fault.skip
        self._random = random.Random(fault.seed)
        self._pace = Pace(fault.bytes_per_second)

    def claim(self, target: Target) -> bool:
        """Whether this request is to suffer; reserves one of `times`."""
        fault = self.fault
        if not fault.matches(target) or (fault.times is not None and self._claimed >= fault.times):
            return False
        if self._skip:
            self._skip -= 1
            return False
        if fault.probability < 1.0 and self._random.random() >= fault.probability:
            return False
        self._claimed += 1
        return True

    def give_back(self) -> None:
        """The reserved stroke had nothing to strike (such as an offset beyond the body)."""
        self._claimed -= 1

    def pace(self) -> Pace:
        """The rate to obey: one for all when shared, else a new one."""
        return self._pace if self.fault.shared else Pace(self.fault.bytes_per_second)


class Effects:
    """The faults that one request suffers, at most one of a kind."""

    def __init__(self, actives: tuple[Active, ...] = ()) -> None:
        self._actives = {active.fault.kind: active for active in actives}
        self._fired: set[FaultKind] = set()

    def __bool__(self) -> bool:
        return bool(self._actives)

    def get(self, kind: FaultKind) -> Fault | None:
        """The fault of this kind, without striking yet."""
        active = self._actives.get(kind)
        return active.fault if active else None

    def strike(self, kind: FaultKind) -> Active:
        """Count that the fault takes effect, once per request."""
        active = self._actives[kind]
        if kind not in self._fired:
            self._fired.add(kind)
            active.fired += 1
        return active

    def close(self) -> None:
        """The request is over: strokes that found nothing to strike are not used up."""
        for kind, active in self._actives.items():
            if kind not in self._fired:
                active.give_back()


class Faults:
    """The faults that are switched on now, in the order of switching on."""

    def __init__(self) -> None:
        self._actives: dict[int, Active] = {}
        self._ended: dict[int, int] = {}
        self._next = 1

    def __iter__(self) -> Iterator[Active]:
        return iter(self._actives.values())

    def add(self, fault: Fault) -> int:
        """Switch a fault on; its number."""
        number, self._next = self._next, self._next + 1
        self._actives[number] = Active(number, fault)
        return number

    def remove(self, number: int) -> None:
        """Switch one off; a request that hangs in it loses its connection."""
        if active := self._actives.pop(number, None):
            self._ended[number] = active.fired
            active.ended.set()

    def clear(self) -> None:
        """Switch all off."""
        for number in list(self._actives):
            self.remove(number)

    def fired(self, number: int) -> int:
        """How often a fault took effect, also after its end. KeyError: no such fault ever."""
        active = self._actives.get(number)
        return active.fired if active else self._ended[number]

    def claim(self, target: Target) -> Effects:
        """The faults that this request is to suffer."""
        if not self._actives:
            return NO_EFFECTS
        chosen: dict[FaultKind, Active] = {}
        for active in self._actives.values():
            if active.fault.kind not in chosen and active.claim(target):
                chosen[active.fault.kind] = active
        return Effects(tuple(chosen.values()))


NO_EFFECTS = Effects()
