"""Going on with a run, or taking it back: to its own cloud and subscription."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from azremedy import journal as journals
from azremedy.arm import ArmId
from azremedy.cli.looking import scanned
from azremedy.cli.output import complain, note, put
from azremedy.cli.runs import named
from azremedy.cli.writing import (
    Writing,
    left_here,
    of_signal,
    of_steps,
    of_verdicts,
    resumed,
    worst,
    writing,
)
from azremedy.errors import AzremedyError, Exit, PlanRefused
from azremedy.journal import Run
from azremedy.plan import Done, Outcome, Unlocked
from azremedy.planfile import Asked
from azremedy.playbook import load
from azremedy.report import outcome
from azremedy.report.outcome import Ending
from azremedy.session import Session, connect
from azremedy.verify import Verified, verify_run

Log = Callable[[str], None] | None


@contextmanager
def of_run(run: Run, cloud: str | None, tenant: str | None, log: Log) -> Iterator[Session]:
    """Sign in where a run was. Raises `PlanRefused` where another cloud is named."""
    head = run.header
    with connect(cloud or head.endpoint, tenant=tenant or head.tenant or None, log=log) as session:
        if session.cloud != head.endpoint:
            raise PlanRefused(f"Run {head.id} was made on {head.endpoint}, and this is {session.cloud}.")
        yield session


@contextmanager
def writing_of(run: Run, cloud: str | None, tenant: str | None, log: Log) -> Iterator[Writing]:
    """Be ready to write where a run wrote."""
    with of_run(run, cloud, tenant, log) as session:
        [subscription] = session.subscriptions([run.header.subscription])
        with writing(session, subscription, going_on=run) as made:
            yield made


def resume_all(
    name: str | None, journal: Path | None, cloud: str | None, tenant: str | None, log: Log
) -> Exit:
    """Resume one run, or every unfinished one of this machine."""
    if name and journal:
        raise AzremedyError("A run and --journal are two ways to name one: give one of them.")
    runs = [named(name or "", journal)] if name or journal else left_here()
    if not runs:
        note("azremedy: no run of this machine is unfinished")
    codes = [resume_one(run, cloud, tenant, log) for run in runs]
    return worst([*codes, Exit.STEP_FAILED if not (name or journal) and still_lifted() else Exit.CLEAN])


def still_lifted() -> bool:
    """Whether a run that is kept here and on which nobody is at work, of whatever host, left a lock lifted."""
    return any(run.open_brackets for run in journals.unfinished())


def resume_one(run: Run, cloud: str | None, tenant: str | None, log: Log) -> Exit:
    """Resume a run unless it is at work or came to its end, perhaps a moment ago on the way to another one."""
    run = journals.read(run.path)
    if run.finished and not run.open_brackets:
        note(f"azremedy: run {run.header.id} came to its end, nothing is left to do")
        return Exit.CLEAN
    if run.alive:
        raise AzremedyError(f"Run {run.header.id} is at work (process {run.header.pid}): wait for its end.")
    with writing_of(run, cloud, tenant, log) as made:
        done, unlocked = resumed(run, made)
        stopped = of_signal(made.stop, unlocked)
        codes = [of_steps(done, unlocked)]
        verified: tuple[Verified, ...] = ()
        if stopped is None:
            verified, code = looked_again(made, journals.read(run.path), unlocked)
            codes.append(code)
    put(outcome.text(Ending(run.header.id, made.guid, done, unlocked, verified)))
    say_waves(run)
    still_open = bool(journals.read(run.path).open_brackets)
    codes += [of_verdicts(verified), Exit.STEP_FAILED if still_open else Exit.CLEAN]
    return stopped if stopped is not None else worst(codes)


def say_waves(run: Run) -> None:
    """Say on stderr with which wave a run ended before all were over, and what goes on with the next."""
    if run.wave and run.wave[0] < run.wave[1]:
        reached, waves = run.wave
        note(
            f"azremedy: run {run.header.id} ended with wave {reached} of {waves}: "
            "'azremedy fix --apply --plan' with its plan goes on with the next"
        )


def looked_again(
    made: Writing, run: Run, unlocked: Iterable[Unlocked] = ()
) -> tuple[tuple[Verified, ...], Exit]:
    """Read what a run was to cure again, and return what is left of it, or what it means that it cannot be read."""
    try:
        return second_look(made, run, unlocked), Exit.CLEAN
    except AzremedyError as error:
        complain(f"what run {run.header.id} was to cure could not be looked at again: {error}")
        return (), error.exit


def second_look(made: Writing, run: Run, unlocked: Iterable[Unlocked] = ()) -> tuple[Verified, ...]:
    """Read what a run was to cure again, and return what is left of it. Raises `AzremedyError`."""
    known = load()
    cures = [cure for group in run.groups for cure in group.cures if cure.playbook in known]
    if not cures:
        return ()
    asked = Asked(
        playbooks=tuple(sorted({cure.playbook for cure in cures})),
        vms=tuple(sorted({vm.text for cure in cures for vm in cure.vms})),
        deep=True,
    )
    estate, scan = scanned(made.session, made.subscription, asked, lambda _: None)
    applied = [Done(one.group, one.step, Outcome.APPLIED) for one in run.entries if one.state == "confirmed"]
    return verify_run(
        run.groups, known, estate, scan.diagnoses, scan.not_evaluated, done=applied, off=off(unlocked)
    )


def off(unlocked: Iterable[Unlocked]) -> frozenset[ArmId]:
    """Return the locks that were lifted and are not back."""
    return frozenset(one.lock for one in unlocked if not one.closed)
