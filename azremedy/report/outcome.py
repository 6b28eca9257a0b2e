"""What became of a run: each write, each finding looked at again, each scope that was unlocked."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from rich.console import RenderableType
from rich.text import Text

from azremedy import __version__
from azremedy.arm import ArmId
from azremedy.plan import ByHand, Done, Group, Outcome, Unlocked
from azremedy.planfile import Refused
from azremedy.planfile.data import by_hand_data
from azremedy.report.plain import plain
from azremedy.report.plan import by_hand
from azremedy.report.screen import count, vm_names
from azremedy.report.table import WIDTH, drawn, listed, whole
from azremedy.verify import Verdict, Verified

SCHEMA_VERSION = 1
FINE = frozenset({Outcome.APPLIED, Outcome.NOT_NEEDED})
COLORS = {
    Verdict.FIXED: "green",
    Verdict.RELIEVED: "yellow",
    Verdict.STILL_THERE: "red",
    Verdict.UNDECIDABLE: "bold yellow",
}

PROVED = {True: "proved", False: "not proved"}


@dataclass(frozen=True, slots=True)
class Proof:
    """A backup that was to prove a cure: `proved` once it completed; `error` is the job's where it failed."""

    vm: ArmId
    proved: bool
    job: ArmId | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Wave:
    """A wave of a run, `of` so many in its plan; `well` is whether all steps came out so, `reason` why it did not begin."""

    number: int
    of: int
    vms: tuple[ArmId, ...]
    begun: bool
    well: bool = True
    reason: str | None = None


def waves_of(groups: Iterable[Group], done: Sequence[Done], of: int) -> Iterator[Wave]:
    """Yield the waves of these groups, which are some of a plan `of` so many waves: one of which every step was skipped did not begin."""
    found: dict[int, list[Group]] = {}
    for group in groups:
        if group.wave is not None:
            found.setdefault(group.wave, []).append(group)
    for number, members in sorted(found.items()):
        ids = {group.id for group in members}
        vms = dict.fromkeys(vm for group in members for vm in group.vms)
        said = [one for one in done if one.group in ids]
        begun = any(one.outcome is not Outcome.SKIPPED for one in said)
        well = all(one.outcome in FINE for one in said)
        yield Wave(number, of, tuple(vms), begun, well, said[0].reason if said and not begun else None)


@dataclass(frozen=True, slots=True)
class Ending:
    """How a run ended."""

    run: str
    subscription: str
    done: tuple[Done, ...] = ()
    unlocked: tuple[Unlocked, ...] = ()
    verified: tuple[Verified, ...] = ()
    refused: tuple[Refused, ...] = ()
    by_hand: tuple[ByHand, ...] = ()
    proofs: tuple[Proof, ...] = ()
    waves: tuple[Wave, ...] = ()


def document(ending: Ending) -> dict[str, Any]:
    """Return how a run ended as `schemas/run.json` describes it."""
    return {
        "schemaVersion": SCHEMA_VERSION,
        "tool": {"name": "azremedy", "version": __version__},
        "run": ending.run,
        "subscription": ending.subscription,
        "steps": [step(one) for one in ending.done],
        "unlocked": [
            {
                "lock": one.lock.text,
                "scope": one.lock.scope.text,
                "seconds": one.seconds,
                "closed": one.closed,
                "others": one.others,
                "kept": one.kept,
            }
            for one in ending.unlocked
        ],
        "verified": [
            {
                "playbook": one.playbook,
                "vm": one.vm.text,
                "finding": one.finding,
                "verdict": one.verdict.value,
                "reason": one.reason,
            }
            for one in ending.verified
        ],
        "refused": [
            {"group": one.group, "summary": one.summary, "reason": one.reason} for one in ending.refused
        ],
        "byHand": [by_hand_data(one) for one in ending.by_hand],
        "proofs": [
            {"vm": one.vm.text, "proved": one.proved, "job": one.job and one.job.text, "error": one.error}
            for one in ending.proofs
        ],
        "waves": [
            {"wave": one.number, "vms": [vm.text for vm in one.vms], "begun": one.begun, "reason": one.reason}
            for one in ending.waves
        ],
    }  # fmt: skip


def step(one: Done) -> dict[str, Any]:
    request = one.step.request
    return {
        "group": one.group,
        "summary": one.step.summary,
        "method": request.method,
        "resource": request.id.text,
        "action": request.action,
        "outcome": one.outcome.value,
        "reason": one.reason,
        "code": one.code,
    }


def text(ending: Ending, *, width: int = WIDTH, color: bool = False) -> str:
    """Return how a run ended, for a person."""
    return drawn(of(ending), width=width, color=color)


def of(ending: Ending) -> Iterator[RenderableType]:
    yield Text(f"Run {plain(ending.run)}", "bold")
    yield from (write(one) for one in ending.done)
    yield from (unlocked(one, ending.run) for one in ending.unlocked)
    if ending.refused:
        lines = [plain(f"{one.group} ({one.summary}): {one.reason}") for one in ending.refused]
        yield listed(Text("Approved and not carried out:", "bold red"), lines)
    if ending.by_hand:
        yield listed(Text("By hand:", "bold"), by_hand(ending.by_hand))
    yield from verified(ending)
    yield from (proof(one) for one in ending.proofs)
    yield from map(wave, ending.waves)
    yield summary(ending)


def write(one: Done) -> Text:
    said = plain(f"  {one.step.summary}" + (f": {one.reason}" if one.reason else ""))
    return Text.assemble((str(one.outcome), "green" if one.outcome in FINE else "red"), said)


def unlocked(one: Unlocked, run: str) -> Text:
    lock = plain(f"lock '{one.lock.name}' of {one.lock.scope.name}")
    if one.kept:
        return Text(f"{lock}: lifted, and stays off as asked with --keep-unlocked", "bold yellow")
    if one.closed:
        return Text(f"{lock}: lifted for {one.seconds:.0f} s")
    if one.others:
        return Text(f"{lock} is NOT BACK: another lock of its name stands there, and is left", "bold red")
    said = f"{lock} is NOT BACK after {one.seconds:.0f} s: run `azremedy resume {plain(run)}`"
    return whole(said, "bold red")


def verified(ending: Ending) -> Iterator[Text]:
    names = vm_names(one.vm for one in ending.verified)
    for one in ending.verified:
        said = plain(f"  {names[one.vm]}: {one.playbook}" + (f": {one.reason}" if one.reason else ""))
        yield Text.assemble((str(one.verdict), COLORS[one.verdict]), said)


def proof(one: Proof) -> Text:
    said = plain(f"  {one.vm.name}: " + (one.error or "a backup has completed since"))
    return Text.assemble((PROVED[one.proved], "green" if one.proved else "red"), said)


def wave(one: Wave) -> Text:
    said = plain(f"wave {one.number} of {one.of} ({count(len(one.vms), 'VM')})")
    if one.begun:
        return Text(f"{said}: over") if one.well else Text(f"{said}: over, and not all went well", "bold red")
    return Text(f"{said}: not begun" + plain(f": {one.reason}" if one.reason else ""), "bold red")


def summary(ending: Ending) -> Text:
    said = [one.verdict for one in ending.verified]
    counts = [f"{said.count(verdict)} {verdict}" for verdict in Verdict if verdict in said]
    applied = sum(one.outcome is Outcome.APPLIED for one in ending.done)
    proved = [one.proved for one in ending.proofs]
    proofs = [f"{proved.count(one)} {word}" for one, word in PROVED.items() if one in proved]
    parts = [count(applied, "write"), *counts, *proofs]
    return Text(", ".join(parts), "bold")
