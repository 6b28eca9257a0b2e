"""What is wrong with one VM, for a person at a terminal: the failure, its causes in order, then what to do."""

from __future__ import annotations

import shlex
from collections.abc import Iterator

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from azremedy.estate import Failure, last_completed
from azremedy.plan import steps
from azremedy.report import checklist
from azremedy.report.diagnosis import Case, asking, besides, by_person, undecided_besides, where
from azremedy.report.plain import plain
from azremedy.report.plan import COLORS as CLASSES
from azremedy.report.screen import age, local, place, severity, unread
from azremedy.report.table import WIDTH, drawn, listed, whole
from azremedy.resources import Read
from azremedy.verdicts import Judged, Verdict

COLORS = {Verdict.CAUSE: "bold red", Verdict.NOT: "green", Verdict.UNKNOWN: "yellow"}


def text(case: Case, *, width: int = WIDTH, color: bool = False) -> str:
    """
    Return a case as it is read: failure, causes, cure, and what a person does to copy disks.

    Of the last no line is broken, as there are commands among them.
    """
    shown = drawn(of(case), width=width, color=color)
    return shown + checklist.text(case.subject.estate, case.plan, where(case))


def of(case: Case) -> Iterator[RenderableType]:
    yield Text(head(case), "bold")
    yield from failure(case)
    yield from causes(case)
    yield from also(case)
    yield from cure(case)
    yield from people(case)
    if words := asking(case):
        yield Text()
        yield whole(f"ask inside the VM as well:  {plain(shlex.join(words))}")
    if gaps := undecided_besides(case):
        lines = [plain(f"{one.playbook}: {one.because}") for one in gaps]
        yield Text()
        yield listed(Text("Not evaluated:", "yellow"), lines)
    if case.subject.estate.unread:
        yield Text()
        yield unread(case.subject.estate.unread)


def head(case: Case) -> str:
    """Return which VM it is, what it runs, and what backs it up."""
    subject = case.subject
    model = subject.estate.vm.get(subject.vm)
    gone = None if subject.estate.not_read(Read.VMS, subject.vm) else "the VM is gone"
    known = [model.os if model else gone, subject.estate.power.get(subject.vm)]
    if subject.item:
        known.append(f"vault {subject.item.vault.name}: {subject.item.protection_state or 'state unknown'}")
    told = ", ".join(plain(one) for one in known if one)
    return f"{place(subject.vm)} ({told}), as of {local(case.as_of)}"


def failure(case: Case) -> Iterator[RenderableType]:
    """Yield the failed backup, what Azure says of it and what that means."""
    one = case.failure
    if one is None:
        days = f"{case.subject.estate.lookback.total_seconds() / 86_400:g} days"
        yield Text(
            f"No backup of it failed within the last {days} and after its last completed one.", "green"
        )
        if completed := last_completed(case.subject.item) if case.subject.item else None:
            yield Text(f"Its last completed one began {age(case.as_of - completed)}.")
        if case.complaint:
            yield Text(plain(f"But {case.complaint}."), "yellow")
        return
    when = age(case.as_of - one.job.started) if one.job.started else "at an unknown time"
    yield Text(
        f"Backup failed {when}: {one.symptom.code if one.symptom else 'an error that is not documented'}",
        "red",
    )
    if case.since:
        yield Text("A backup was completed since.", "green")
    yield from (Padding(Text(line), (0, 0, 0, 2)) for line in said(one))


def said(one: Failure) -> Iterator[str]:
    """Yield the error as Azure worded it, and what it means."""
    if error := one.error:
        words = ": ".join(dict.fromkeys(part for part in (error.title, error.text) if part))
        yield plain(
            f"Azure says: {words or 'nothing'}" + (f" ({error.code})" if error.code is not None else "")
        )
    if one.job.dynamic_text:
        yield plain(f"and: {one.job.dynamic_text}")
    if one.symptom:
        yield one.symptom.means


def causes(case: Case) -> Iterator[RenderableType]:
    """Yield each cause with its verdict, and under it what that rests on."""
    if not case.judged:
        return
    grid = Table.grid(padding=(0, 1, 0, 0))
    grid.add_column(justify="right", no_wrap=True)
    grid.add_column(no_wrap=True)
    for number, one in enumerate(case.judged, 1):
        told = judged(one, aside=case.failure is not None and not one.listed)
        grid.add_row(f"{number}.", Text(one.cause.id, "bold"), told)
    yield Text()
    yield Text("Causes, in the documented order:" if case.failure else "Causes found:", "bold")
    yield grid


def judged(one: Judged, *, aside: bool) -> Group:
    """Return a verdict in lines; `aside` is a cause that the documents do not name for the failure."""
    title = Text.assemble((str(one.verdict), COLORS[one.verdict]), f": {one.cause.title}")
    if aside:
        title.append(" (no document names it for this error)", "dim")
    evidence = (Text(plain(line), "dim") for line in one.evidence)
    tells = (Text(plain(f"would tell: {line}")) for line in one.tells)
    return Group(title, *evidence, *tells)


def also(case: Case) -> Iterator[RenderableType]:
    """Yield the findings that are none of the causes above."""
    rest = besides(case)
    if not rest:
        return
    grid = Table.grid(padding=(0, 2, 0, 0))
    for one in rest:
        grid.add_row(severity(one.finding.severity), Text(one.playbook.id), Text(plain(one.finding.message)))
    yield Text()
    yield Group(Text("Also found:", "bold"), Padding(grid, (0, 0, 0, 2)))


def cure(case: Case) -> Iterator[RenderableType]:
    """Yield what `fix` would write, and what to type."""
    planned = [one for group in case.plan.groups for one in steps(*group.nodes)]
    if not planned:
        return
    cures = [one for group in case.plan.groups for one in group.cures]
    yield Text()
    yield Text("The cure that azremedy would write:", "bold")
    for step in planned:
        line = Text.assemble((str(step.fix_class), CLASSES[step.fix_class]), f"  {plain(step.summary)}")
        yield Padding(line, (0, 0, 0, 2))
    left = (f"relieved only: {one.relief}" for one in cures if one.relief)
    then = (f"then, by hand: {one}" for cure in cures for one in cure.afterwards)
    yield from (Padding(Text(plain(one), "yellow"), (0, 0, 0, 2)) for one in (*left, *then))
    command = plain(shlex.join(case.fix))
    yield whole(f"  see every write:  {command}")
    yield whole(f"  carry it out:     {command} --apply")
    yield whole(f"  and back it up:   {command} --apply --prove")


def people(case: Case) -> Iterator[RenderableType]:
    """Yield what is left to a person, and a command for each decision that azremedy carries out."""
    lines = [plain(line) for line in by_person(case)]
    if not lines:
        return
    yield Text()
    yield listed(Text("Only a person can do or decide:", "bold"), lines)
    yield from (whole(f"  once decided:  {plain(shlex.join(words))}") for words in case.decisions)
