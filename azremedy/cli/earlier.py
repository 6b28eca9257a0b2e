"""Earlier runs of a plan: those whose journals this machine keeps, and the one whose journal is named."""

from __future__ import annotations

from pathlib import Path

from azremedy import journal as journals
from azremedy.cli.output import note
from azremedy.cli.writing import Writing, finish
from azremedy.errors import AzremedyError
from azremedy.journal import Run
from azremedy.planfile import PlanFile


def named(path: Path | None, file: PlanFile | None, made: Writing) -> Run | None:
    """
    Return the run of a plan whose journal is named and there already, to go on in it; what it left open is closed first.

    Raises `AzremedyError` for a file that is another run's, or no journal, and `WriteError` where a lock that it lifted
    is not back.
    """
    if path is None or not path.exists():
        return None
    run = journals.read(path)
    if (run.subscription.lower(), run.header.endpoint) == (made.guid.lower(), made.session.cloud):
        if not run.finished or run.open_brackets:
            finish(run, made)
        if file and run.header.plan == file.sha256:
            return journals.read(path)
    raise AzremedyError(f"{path} is there already: name a new file for the journal.")


def runs_of(file: PlanFile, kept: Run | None) -> tuple[Run, ...]:
    """Return the earlier runs of a plan with waves, oldest first, and say which they are."""
    if not file.waves:
        return ()
    found = {run.header.id: run for run in journals.runs() if run.header.plan == file.sha256}
    if kept:
        found[kept.header.id] = kept
    if found:
        note(f"azremedy: going on with this plan after run {', '.join(found)}")
    return tuple(sorted(found.values(), key=lambda run: run.header.started))
