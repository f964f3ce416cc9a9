"""What a connection test found, and what doctor looked at, as data."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from adapter.contract.errors import Failure
from adapter.storage.advice import Advice
from adapter.storage.form import StorageForm


@dataclass(frozen=True, slots=True)
class Stage:
    """One step of the test, and how it went."""

    name: str
    ok: bool
    elapsed_ms: int
    message: str

    def as_dict(self) -> dict[str, object]:
        """An entry of `stages`."""
        return {"name": self.name, "ok": self.ok, "elapsed_ms": self.elapsed_ms, "message": self.message}


@dataclass(slots=True)
class Report:
    """What the test found; `failure` is None when every stage that was asked for passed."""

    form: StorageForm
    stages: list[Stage] = field(default_factory=list)
    buckets: tuple[str, ...] = ()
    """Of the configured zone; empty also when the key may not list them."""
    other_zones: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Zone to its buckets, looked for when the zone is empty or lacks the bucket."""
    advice: list[Advice] = field(default_factory=list)
    clock_ahead_s: float | None = None
    """By how much QingStor's clock is ahead of this machine's, once it has answered."""
    failure: Failure | None = None

    def data(self) -> dict[str, object]:
        """The `data` object of `storage test`."""
        return {
            "advice": [advice.as_dict() for advice in self.advice],
            "storage": self.form.redacted(),
            "stages": [stage.as_dict() for stage in self.stages],
            "buckets": list(self.buckets),
            "zone": self.form.zone,
            "other_zones": {zone: list(names) for zone, names in self.other_zones.items()},
        }


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that doctor looked at: `failure` says what is wrong; when ok there may still be a hint."""

    name: str
    message: str
    hint: str = ""
    failure: Failure | None = None

    @property
    def ok(self) -> bool:
        """Whether there is nothing to mend here."""
        return self.failure is None

    def as_dict(self) -> dict[str, object]:
        """An entry of `checks` (contract, section 3)."""
        return {"name": self.name, "ok": self.ok, "message": self.message, "hint": self.hint}


def failed(name: str, failure: Failure) -> Check:
    """A check that is not ok, in the words of its failure."""
    return Check(name, failure.message, failure.hint, failure)
