"""The results of Test Connection and of `doctor`, as plain values."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from adapter.contract.errors import Failure
from adapter.storage.advice import Advice
from adapter.storage.form import StorageForm


@dataclass(frozen=True, slots=True)
class Stage:
    """One step of the test and its result."""

    name: str
    ok: bool
    elapsed_ms: int
    message: str

    def as_dict(self) -> dict[str, object]:
        """Return the entry of `stages` (contract, section 3)."""
        return {"name": self.name, "ok": self.ok, "elapsed_ms": self.elapsed_ms, "message": self.message}


@dataclass(slots=True)
class Report:
    """The result of the test; `failure` is None if every requested stage passed."""

    form: StorageForm
    stages: list[Stage] = field(default_factory=list)
    buckets: tuple[str, ...] = ()
    """Those in the configured zone; also empty if the key may not list them."""
    other_zones: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Zone to its buckets; searched if the configured zone is empty or lacks the bucket."""
    advice: list[Advice] = field(default_factory=list)
    clock_ahead_s: float | None = None
    """Seconds by which QingStor's clock is ahead of this machine's; None if it did not answer."""
    failure: Failure | None = None

    def data(self) -> dict[str, object]:
        """Return the `data` object of `storage test`."""
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
    """One check of `doctor`: `failure` says what is wrong; a check that is ok may have a hint."""

    name: str
    message: str
    hint: str = ""
    failure: Failure | None = None

    @property
    def ok(self) -> bool:
        """Whether the check passed."""
        return self.failure is None

    def as_dict(self) -> dict[str, object]:
        """Return the entry of `checks` (contract, section 3)."""
        return {"name": self.name, "ok": self.ok, "message": self.message, "hint": self.hint}


def failed(name: str, failure: Failure) -> Check:
    """Return a failed check with the message and hint of its failure."""
    return Check(name, failure.message, failure.hint, failure)
