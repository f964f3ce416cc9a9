"""What a run did not see: gone from the source, out of its reach this time, or not looked for. Pure."""

from collections.abc import Collection, Iterator, Sequence

from adapter.files.manifest import EntryState
from adapter.files.names import above, on_disk
from adapter.files.pattern_groups import Subject
from adapter.files.patterns import Hidden
from adapter.files.walk import Places, Walk, tree_of


class Outlook:
    """What one run was told to look at, and could not look at."""

    def __init__(self, walks: Sequence[Walk], out_of_reach: Collection[bytes]) -> None:
        """`out_of_reach` are names of what could not be read: of it, and of all below, nothing is known."""
        self._views = sorted(map(_View, walks), key=lambda view: -len(view.prefix))
        self._out_of_reach = frozenset(out_of_reach)

    def state_of(self, name: bytes, *, is_directory: bool = False) -> EntryState | None:
        """Return what a name is that was not seen; None if it is gone, or hidden by a pattern."""
        if self._out_of_reach and any(one in self._out_of_reach for one in (name, *above(name))):
            return EntryState.STALE
        view = self._view_of(name)
        # What lies outside of all sources was in a source that is none any more.
        if view is None or not view.is_outside(name, is_directory=is_directory):
            return None
        return EntryState.CARRIED

    def asks_for(self, name: bytes) -> bool:
        """Return whether a directory, or whatever may be in it, is what the run was told to look at."""
        view = self._view_of(name)
        return view is None or not (view.is_outside(name) and view.is_outside(name + b"/-"))

    def _view_of(self, name: bytes) -> "_View | None":
        return next((view for view in self._views if name.startswith(view.prefix)), None)


class _View:
    """What was to be looked at below one root."""

    def __init__(self, walk: Walk) -> None:
        self.prefix = walk.root.prefix
        self._walk = walk
        self._places = None if walk.choice.places is None else tree_of(walk.choice.places)

    def is_outside(self, name: bytes, *, is_directory: bool = False) -> bool:
        """Return whether a name is of something that the run was not told to look at, or a directory of one
        that it does not enter.
        """
        path = on_disk(name[len(self.prefix) :])
        if not _is_in(self._places, path):
            return True
        patterns = self._walk.choice.patterns
        if not patterns:
            return False
        entered = reversed([*((path,) if is_directory else ()), *above(path)])
        directories: Iterator[Subject] = (self._walk.subject(one) for one in entered)
        itself = None if is_directory else self._walk.subject(path)
        return patterns.hides(itself, directories) is Hidden.BY_THE_REST


def _is_in(places: Places | None, path: bytes) -> bool:
    """Return whether a path is one of these places, above one or below one."""
    for part in path.split(b"/"):
        if places is None:
            return True
        if part not in places:
            return False
        places = places[part]
    return True
