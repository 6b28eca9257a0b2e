"""After a wave of `fix --apply`, or all of it: look again, prove, and say what speaks against the next wave."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from azremedy.apply import Result, Settings, not_back
from azremedy.cli.looking import Look, scanned
from azremedy.cli.output import note
from azremedy.cli.progress import Show
from azremedy.cli.proving import Since, proved, since_done, since_run
from azremedy.cli.resuming import off, second_look
from azremedy.cli.writing import WRONG, Writing
from azremedy.errors import AzremedyError, Exit
from azremedy.journal import Journal, Run
from azremedy.plan import Done, Group
from azremedy.planfile import Asked, Refused
from azremedy.report.outcome import Proof
from azremedy.report.screen import count
from azremedy.verify import Verdict, Verified, verify

if TYPE_CHECKING:
    from azremedy.arm import ArmId
    from azremedy.plan import Choices

MEND = "Mend that by hand, and make a new plan."

CURED = frozenset({Verdict.FIXED, Verdict.RELIEVED})


@dataclass(frozen=True, slots=True)
class Approved:
    """What is to be carried out: the plan it is part of, its groups, and those that were refused."""

    asked: Asked
    choices: Choices
    seen: Look
    groups: tuple[Group, ...]
    refused: tuple[Refused, ...] = ()
    plan: str | None = None
    """The hash of the plan's file, where there is one."""
    earlier: tuple[Run, ...] = ()
    """The runs that carried out a part of it before, oldest first."""
    waves: int = 0
    """How many waves it has."""
    kept: Run | None = None
    """The earlier run in whose journal this one goes on."""


@dataclass(slots=True)
class After:
    """
    What is known of a run's waves once they are over.

    `prove` backs up what was cured, `now` asks inside VMs although their backup is due. `against` is why a wave did not
    begin, `code` what it means for the exit code where that could not be found out.
    """

    made: Writing
    approved: Approved
    settings: Settings
    show: Show
    prove: bool
    now: bool
    quiet: bool
    verified: tuple[Verified, ...] = ()
    proofs: tuple[Proof, ...] = ()
    done: tuple[Done, ...] = ()
    wrong: int = 0
    against: str | None = None
    code: Exit = Exit.CLEAN
    looked: frozenset[str] = frozenset()
    """The groups whose VMs were looked at again."""
    journal: Journal | None = None
    """Where what waves came to is noted."""

    def between(self, groups: Sequence[Group], result: Result) -> str | None:
        """Look at a wave again, and return what speaks against the next one (see `azremedy.apply.carry_out`)."""
        wave = groups[0].wave
        try:
            self.look(groups, result)
        except AzremedyError as error:
            self.code = error.exit
            self.against = f"What wave {wave} was to cure could not be looked at again: {error}"
            return self.against
        self.against = self.enough(groups, result)
        self.noted(wave, self.journal)
        self.against = self.against or self.refused(wave)
        if not (self.against or self.quiet):
            note(f"azremedy: wave {wave} of {self.approved.waves} is over, the next one begins")
        return self.against

    def standing(self) -> str | None:
        """Return what keeps all that is left from beginning: what earlier runs noted, or a part of a wave that is refused."""
        for run in self.approved.earlier:
            self.wrong = max([self.wrong, *(came.wrong for came in run.waves.values())])
            if against := next((came.against for came in run.waves.values() if came.against), None):
                self.code = Exit.STEP_FAILED
                return f"No further wave of this plan begins after run {run.header.id}. {against} {MEND}"
        return self.refused(min((one.wave or 0 for one in self.approved.groups), default=0) - 1)

    def refused(self, wave: int | None) -> str | None:
        """Return what speaks against all after a wave, where a part of it, or of one before it, is refused."""
        of = min((one.wave for one in self.approved.refused if one.wave), default=None)
        if of is None or wave is None or wave < of:
            return None
        return f"A part of wave {of} is refused, and no later one begins. {MEND}"

    def catch_up(self) -> str | None:
        """
        Look at what earlier runs carried out and did not look at again, and prove what is still to be proved.

        Returns what speaks against going on, and notes in their journals what their waves came to.
        """
        for run in self.approved.earlier:
            for wave in sorted({one.wave for one in run.over if one.wave}):
                groups = tuple(one for one in run.over if one.wave == wave)
                if self.against is None:
                    self.made_up_for(replace(run, groups=groups), wave)
        return self.against

    def made_up_for(self, run: Run, wave: int) -> None:
        """Look at a wave of an earlier run where that is missing, and prove it where it is to be proved and is not."""
        came = run.waves.get(wave)
        vms = tuple(dict.fromkeys(vm for one in run.groups for vm in one.vms))
        missing = self.prove and wave == self.ended_with and not (came and came.proved)
        prove = missing or (came is None and run.prove)
        if came is None:
            try:
                verified = second_look(self.made, run)
            except AzremedyError as error:
                self.code = error.exit
                self.against = f"No further wave began: what wave {wave} was to cure could not be looked at again: {error}"
                return
            self.verified += verified
            self.wrong += len(unhelped(run.groups, verified))
            vms = cured(verified)
        if prove and vms:
            self.prove_now(vms, since_run(run))
        if came is None or prove:
            self.against = self.unproved(wave, vms) or self.too_much(wave)
            self.code = Exit.STEP_FAILED if self.against else self.code
            with Journal.append(run.path) as journal:
                self.noted(wave, journal, proved=prove)
            self.against = self.against and f"No further wave began. {self.against} {MEND}"

    @property
    def ended_with(self) -> int:
        """The last wave of which earlier runs carried out anything."""
        return max((one.wave or 0 for run in self.approved.earlier for one in run.over), default=0)

    def noted(self, wave: int | None, journal: Journal | None, *, proved: bool | None = None) -> None:
        """Note what a wave came to; of one in which the run was told to stop that is not known."""
        if wave is not None and journal and not self.made.stop.told:
            journal.wave(
                wave,
                self.made.clock.now(),
                wrong=self.wrong,
                proved=self.prove if proved is None else proved,
                against=self.against,
            )

    def rest(self, result: Result) -> None:
        """Look again at what no wave was followed by a look at, and prove it unless the run was stopped before."""
        left = [one for one in self.approved.groups if one.id not in self.looked]
        self.look(left, result)
        if left and left[0].wave and not self.against:
            self.against = self.enough(left, result)
            self.noted(left[0].wave, self.journal)

    def look(self, groups: Sequence[Group], result: Result) -> None:
        """Look at the VMs of these groups again, and back up what was cured of them where that is asked for."""
        if not groups:
            return
        verified = looked_again(self.made, self.approved, groups, result, self.show, now=self.now)
        self.verified += verified
        self.looked |= {group.id for group in groups}
        if self.prove and not self.against and (vms := cured(verified)):
            self.prove_now(vms, since_done(groups, result.done))

    def prove_now(self, vms: Sequence[ArmId], since: Since) -> None:
        """Back VMs up that were cured then, and keep what came of it."""
        proving = proved(self.made, vms, self.settings, since)
        self.done += proving.done
        self.proofs += proving.proofs

    def enough(self, groups: Sequence[Group], result: Result) -> str | None:
        """Return what speaks against going on after a wave: a proof that failed, a lock that is not back, or too much that went wrong."""
        wave, vms = groups[0].wave, {vm for group in groups for vm in group.vms}
        self.wrong += len(set(gone_wrong(groups, result, self.verified)))
        return self.unproved(wave, vms) or not_back(groups, result) or self.too_much(wave)

    def unproved(self, wave: int | None, vms: Container[ArmId]) -> str | None:
        """Return which of the VMs of a wave was not proved."""
        failed = next((one for one in self.proofs if one.vm in vms and not one.proved), None)
        if failed is None:
            return None
        return f"Wave {wave} is not proved: the backup of {failed.vm.name} did not complete."

    def too_much(self, wave: int | None) -> str | None:
        """Return that more went wrong by the end of a wave than the run was to go on after."""
        limit = self.settings.stop_after
        if limit is None or self.wrong < limit:
            return None
        said = f"{count(self.wrong, 'group')} went wrong or did not help by the end of wave {wave}"
        return f"{said}, and the run stops after {limit}."


def gone_wrong(groups: Sequence[Group], result: Result, verified: Iterable[Verified]) -> Iterator[str]:
    """Yield the groups of which a step went wrong, or whose findings are not gone though nothing is left to people."""
    ids = {group.id for group in groups}
    yield from (done.group for done in result.done if done.outcome in WRONG and done.group in ids)
    there = {one.finding for one in verified if one.verdict not in CURED}
    for group in groups:
        if any(not cure.afterwards and not there.isdisjoint(cure.findings) for cure in group.cures):
            yield group.id


def unhelped(groups: Iterable[Group], verified: Iterable[Verified]) -> tuple[str, ...]:
    """Return the groups of an earlier run which did not help their VMs, though nothing is left to people."""
    there = {(one.playbook, one.vm) for one in verified if one.verdict not in CURED}
    return tuple(
        group.id
        for group in groups
        if any((cure.playbook, vm) in there for cure in group.cures if not cure.afterwards for vm in cure.vms)
    )


def looked_again(
    made: Writing, approved: Approved, groups: Sequence[Group], result: Result, show: Show, *, now: bool
) -> tuple[Verified, ...]:
    """Read the cured VMs again, closely, and return what is left of their findings."""
    vms = {vm for group in groups for vm in group.vms}
    asked = replace(approved.asked, vms=tuple(sorted(vm.text for vm in vms)), groups=(), deep=True)
    estate, scan = scanned(made.session, made.subscription, asked, show, now=now)
    before = approved.seen.scan.diagnoses
    beside = (one.finding for one in approved.seen.plan.by_hand if one.vm in vms)
    return verify(
        groups,
        before,
        estate,
        scan.diagnoses,
        scan.not_evaluated,
        done=result.done,
        beside=beside,
        off=off(result.unlocked),
    )


def cured(verified: Iterable[Verified]) -> tuple[ArmId, ...]:
    """Return the VMs of which nothing is left to cure."""
    said = list(verified)
    wrong = {one.vm for one in said if one.verdict not in CURED}
    return tuple(dict.fromkeys(one.vm for one in said if one.vm not in wrong))
