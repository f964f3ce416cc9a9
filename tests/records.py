"""Records of runs, as a run begins one."""

from datetime import UTC, datetime

from adapter.machine.process_identity import own_identity
from adapter.runs.record import RunRecord

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def begun(run_id: str = "run-1", *, started: datetime = NOW, target: str = "S:bucket/a") -> RunRecord:
    """A backup that this very process has begun."""
    return RunRecord(
        run_id=run_id,
        command="backup",
        argv=("backup", "/srv", target),
        source="/srv",
        target=target,
        user="somebody",
        host="here",
        process=own_identity(),
        started=started,
    )
