"""`azremedy fix --apply`: ask, write, look again, say what became of it."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import click

from azremedy import planfile
from azremedy.apply import Result, Settings, carry_out, check
from azremedy.ci import in_ci
from azremedy.cli.afterwards import CURED, After, Approved
from azremedy.cli.earlier import named, runs_of
from azremedy.cli.fix import incomplete, log, plain, say_unfitting, table, there
from azremedy.cli.fix_flags import Flags
from azremedy.cli.looking import Look, look, one_subscription
from azremedy.cli.naming import lying
from azremedy.cli.options import seconds
from azremedy.cli.output import colored, complain, note, put, width
from azremedy.cli.progress import Show, progress
from azremedy.cli.writing import Writing, journal_of, of_signal, of_steps, of_verdicts, worst, writing
from azremedy.errors import AzremedyError, Exit
from azremedy.journal import Journal
from azremedy.plan import Bracket, Done, FixClass, Group, Irreversible, Ladder, Node, Outcome, steps
from azremedy.planfile import Place
from azremedy.report import outcome, render
from azremedy.report.outcome import Ending, waves_of
from azremedy.report.screen import vm_names
from azremedy.selection import Selection
from azremedy.session import connect

if TYPE_CHECKING:
    from azremedy.arm import ArmId
    from azremedy.plan import Choices


PROOF_HOLDS = timedelta(minutes=15)
"""For how long after the look the copy of a disk counts as just proven, by ARM's clock."""


def applied(flags: Flags) -> Exit:
    """Carry out a plan that was saved, or one that is made and confirmed now."""
    file = planfile.load(flags.plan) if flags.plan else None
    asked, choices = (file.asked, file.choices) if file else (flags.asked, flags.choices)
    of = flags.subscription or ((file.subscription,) if file else ())
    with ExitStack() as stack:
        show = stack.enter_context(progress(quiet=flags.quiet or flags.debug))
        deadline = seconds(flags.deadline)
        session = stack.enter_context(
            connect(flags.cloud, tenant=flags.tenant, deadline=deadline, log=log(flags), guests=asked.guest)
        )
        subscription = one_subscription(session, of)
        if file:
            planfile.check(file, Place(session.cloud, subscription), session.reader.now)
        made = stack.enter_context(writing(session, subscription))
        kept = named(flags.journal, file, made)
        seen = look(
            session, subscription, asked, choices, show, now=flags.now, waves=file.waves if file else None
        )
        there(asked, choices, seen)
        if file is None:
            say_unfitting(seen, asked, choices)
        earlier = runs_of(file, kept) if file else ()
        done = tuple(group for run in earlier for group in run.over)
        groups, refused = planfile.approved(file, seen.plan.groups, done) if file else (seen.plan.groups, ())
        waves = max([*(file.waves.values() if file else ()), *(one.wave or 0 for one in groups)], default=0)
        approved = Approved(
            asked, choices, seen, groups, refused, file.sha256 if file else None, earlier, waves, kept
        )
        return carried_out(flags, made, approved, show)


def carried_out(flags: Flags, made: Writing, approved: Approved, show: Show) -> Exit:
    """Confirm, write, look again, and report."""
    seen, groups = approved.seen, approved.groups
    created = made.session.reader.now
    shown_to_people(flags, replace(seen, plan=replace(seen.plan, groups=groups)), approved.choices)
    place = Place(made.session.cloud, made.subscription)
    document = plain(seen, place, approved.asked, approved.choices, created, where=lying(flags))
    run, result, settings = "none", Result(), settings_of(flags, approved.choices)
    after = After(made, approved, settings, show, prove=flags.prove, now=flags.now, quiet=flags.quiet)
    against = after.standing()
    if groups and against is None:
        refuse_too_much(flags, groups)
        confirm(flags, groups)
        check(made.writer, groups, settings.max_unlocked)
        refuse_old_proof(made.writer.now - created, groups)
    against = against or after.catch_up()
    stopped: Exit | None = None
    if against is not None:
        complain(against)
        after.against, result = against, Result(tuple(not_begun(groups, against)))
        after.rest(result)
    elif groups:
        run, result, stopped = written(flags, made, approved, after, document["sha256"])
    gone = {one.finding for one in after.verified if one.verdict in CURED} if stopped is None else set()
    ending = Ending(
        run=run,
        subscription=made.guid,
        done=result.done if stopped is not None else (*result.done, *after.done),
        unlocked=result.unlocked,
        refused=approved.refused,
        by_hand=tuple(one for one in seen.plan.by_hand if one.finding not in gone),
        verified=after.verified,
        proofs=after.proofs,
        waves=tuple(waves_of(groups, result.done, approved.waves)),
    )
    report(flags, ending)
    if stopped is not None:
        complain(f"told to stop: what is left to find out, `azremedy resume {run}` does")
        return stopped
    return worst([ended(ending), after.code, incomplete(flags, seen)])


def written(
    flags: Flags, made: Writing, approved: Approved, after: After, plan: str
) -> tuple[str, Result, Exit | None]:
    """
    Carry groups out and look at what came of them; return the run, the result, and its exit code where it was told to stop.

    `plan` is the hash of a plan that stands in no file.
    """
    if approved.kept:
        begun, opened = approved.kept.header, Journal.append(approved.kept.path)
    else:
        begun, opened = journal_of(made, approved.plan or plan, after.settings, flags.journal)
    with opened as journal:
        after.journal = journal
        if flags.prove:
            journal.to_prove()
        if not flags.quiet:
            note(f"azremedy: run {begun.id}, journal {journal.path}")
        result = carry_out(
            approved.groups,
            made.writer,
            journal,
            after.settings,
            made.clock,
            note,
            stop=made.stop,
            against=after.between,
        )
        stopped = of_signal(made.stop, result.unlocked)
        if stopped is None:
            after.rest(result)
    return begun.id, result, stopped


def not_begun(groups: Iterable[Group], reason: str) -> Iterator[Done]:
    """Yield the steps of groups as skipped for a reason."""
    return (Done(group.id, step, Outcome.SKIPPED, reason) for group in groups for step in steps(*group.nodes))


def settings_of(flags: Flags, choices: Choices) -> Settings:
    return Settings(
        max_unlocked=choices.max_unlocked,
        settle=flags.settle,
        stop_after=flags.stop_after or (1 if choices.waves else None),
        parallel=flags.parallel,
        now=flags.now,
    )


def shown_to_people(flags: Flags, seen: Look, choices: Choices) -> None:
    """Show the plan before anything is asked: on stdout where that is a table, else on stderr to who is asked."""
    if flags.output == "table":
        colors = colored(flags.color)
        put(table(seen, seen.scan.finished, choices, lying(flags), color=colors), color=colors)
    elif asking(flags):
        for line in table(seen, seen.scan.finished, choices, lying(flags), color=False).splitlines():
            note(line)


def asking(flags: Flags) -> bool:
    """Whether a person at a terminal is asked."""
    return sys.stdin is not None and sys.stdin.isatty() and not flags.yes


def refuse_old_proof(age: timedelta, groups: Iterable[Group]) -> None:
    """Raise `AzremedyError` where disks would be detached by what their VMs told too long ago."""
    leaving = any(
        "dataDisksToDetach" in (step.request.body or {}) for group in groups for step in steps(*group.nodes)
    )
    if leaving and age > PROOF_HOLDS:
        minutes = int(PROOF_HOLDS.total_seconds()) // 60
        raise AzremedyError(
            f"Nothing was sent: the disk was checked more than {minutes} minutes ago: start again."
        )


def refuse_too_much(flags: Flags, groups: Sequence[Group]) -> None:
    """Raise `AzremedyError` for a plan that is larger than allowed, or that must not run without a journal kept."""
    writes = sum(1 for group in groups for _ in steps(*group.nodes))
    if flags.max_changes is not None and writes > flags.max_changes:
        raise AzremedyError(
            f"Nothing was sent: the plan has {writes} writes, and --max-changes is {flags.max_changes}."
        )
    if in_ci(os.environ) and flags.journal is None and any(lifts(group.nodes) for group in groups):
        raise AzremedyError(
            "Nothing was sent: the plan lifts a lock, and this machine (CI is set) may be gone before it is back. "
            "Give --journal PATH, and keep that file."
        )


def lifts(nodes: Iterable[Node]) -> bool:
    return any(
        isinstance(node, Bracket) or (isinstance(node, Ladder) and lifts(node.rungs)) for node in nodes
    )


def confirm(flags: Flags, groups: Sequence[Group]) -> None:
    """Have a person agree. Raises `click.Abort` where it is declined, `AzremedyError` where nobody can be asked."""
    terminal = sys.stdin is not None and sys.stdin.isatty()
    if not terminal and not flags.yes:
        raise AzremedyError("Nothing was sent: there is no terminal to ask at; --yes says that it is meant.")
    if not flags.yes:
        click.confirm(f"Carry out {counted(groups)}?", abort=True, err=True)
    for vm, name in vm_names(destroyed(groups)).items():
        if is_named(vm, (*flags.confirm, *flags.delete_collection)):
            continue
        if not terminal:
            raise AzremedyError(
                f"Nothing was sent: something of {name} would be destroyed, for which --yes is not enough: "
                f"name it with --confirm {name}."
            )
        what = "is lost for good" if lost(groups, vm) else "is taken away from it"
        typed = click.prompt(
            f"Something of {name} {what}. Type its name", default="", show_default=False, err=True
        )
        if typed != vm.name:
            raise click.Abort


def counted(groups: Iterable[Group]) -> str:
    """Return the number of writes by class, in words."""
    classes = [step.fix_class for group in groups for step in steps(*group.nodes)]
    return ", ".join(f"{classes.count(one)} {one}" for one in FixClass if one in classes) + " writes"


def destroyed(groups: Iterable[Group]) -> tuple[ArmId, ...]:
    """Return the VMs of cures that destroy something."""
    return tuple(
        dict.fromkeys(
            vm
            for group in groups
            for cure in group.cures
            if any(step.fix_class is FixClass.DESTRUCTIVE for step in steps(*cure.nodes))
            for vm in cure.vms
        )
    )


def lost(groups: Iterable[Group], vm: ArmId) -> bool:
    """Whether something of a VM is destroyed and cannot be had back."""
    cures = (cure for group in groups for cure in group.cures if vm in cure.vms)
    return any(
        step.fix_class is FixClass.DESTRUCTIVE and isinstance(step.undo, Irreversible)
        for cure in cures
        for step in steps(*cure.nodes)
    )


def is_named(vm: ArmId, names: Iterable[str]) -> bool:
    return any(vm in Selection.of(vms=[name]) for name in names)


def report(flags: Flags, ending: Ending) -> None:
    """Write how it ended to standard output."""
    if flags.output == "table":
        colors = colored(flags.color)
        put(outcome.text(ending, width=width(), color=colors), color=colors)
    else:
        put(render(flags.output, outcome.document(ending)))


def ended(ending: Ending) -> Exit:
    """Return the exit code: what is left is 1, and weighs less than what went wrong or is not known."""
    codes = [of_steps(ending.done, ending.unlocked), of_verdicts(ending.verified)]
    if ending.by_hand:
        codes.append(Exit.FINDINGS)
    if not all(one.proved for one in ending.proofs):
        codes.append(Exit.STEP_FAILED)
    if ending.refused:
        codes.append(Exit.REFUSED)
    return worst(codes)
