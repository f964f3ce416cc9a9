"""Work on local files in threads, handed over piece by piece: on a dead mount a call never returns.

The threads are daemons, so that the program can end while one of them hangs.
"""

import threading
from collections.abc import Callable, Iterable, Iterator
from queue import Empty, Full, Queue
from typing import Generic, Self, TypeVar

_T = TypeVar("_T")
_AHEAD = 64
"""Pieces that a thread may be ahead of who takes them: what bounds the memory."""
_TICK_S = 0.2


class _Piece(Generic[_T]):
    """What an iterable has yielded, which may be None or an exception."""

    __slots__ = ("value",)

    def __init__(self, value: _T) -> None:
        self.value = value


class Background(Generic[_T]):
    """Runs the iterables in threads, each in one, and hands out what they yield, in the order in which it
    comes.
    """

    def __init__(self, sources: Iterable[Iterable[_T]]) -> None:
        self._ready: Queue[_Piece[_T] | BaseException | None] = Queue(_AHEAD)
        self._over = threading.Event()
        works = [list[Iterable[_T]]((source,)) for source in sources]
        self._running = len(works)
        for work in works:
            threading.Thread(target=self._run, args=(work,), name="files", daemon=True).start()

    @property
    def is_over(self) -> bool:
        """Return whether everything has been handed out."""
        return self._running == 0

    def take(self, timeout_s: float) -> Iterator[_T]:
        """Yield what is ready, waiting up to `timeout_s` for the first piece. Raises what a thread raised."""
        wait = timeout_s
        while self._running:
            try:
                piece = self._ready.get(timeout=wait) if wait else self._ready.get_nowait()
            except Empty:
                return
            wait = 0
            if piece is None:
                self._running -= 1
            elif isinstance(piece, BaseException):
                self._running = 0
                raise piece
            else:
                yield piece.value

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()

    def _run(self, work: list[Iterable[_T]]) -> None:
        try:
            for piece in work.pop():
                self._put(_Piece(piece))
                if self._over.is_set():
                    return
        except BaseException as error:  # noqa: BLE001  # whatever it is, who takes the pieces gets it
            self._put(error)
        else:
            self._put(None)

    def _put(self, piece: _Piece[_T] | BaseException | None) -> None:
        while not self._over.is_set():
            try:
                self._ready.put(piece, timeout=_TICK_S)
            except Full:
                continue
            return


def in_turn(items: Iterable[_T]) -> Callable[[], _T | None]:
    """Return a function that gives one item after the other to any thread, then None."""
    lock, iterator = threading.Lock(), iter(items)

    def give() -> _T | None:
        with lock:
            return next(iterator, None)

    return give
