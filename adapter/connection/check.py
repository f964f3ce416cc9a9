"""One thing that `doctor` looked at."""

from dataclasses import dataclass

from adapter.contract.errors import Failure


@dataclass(frozen=True, slots=True)
class Check:
    """`failure` is what has to be mended; a check that is ok may still have a hint."""

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
