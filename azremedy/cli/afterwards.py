"""After a wave of `fix --apply`, or all of it: look again, prove, and say what speaks against the next wave."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from azremedy.apply import Result, Settings, not_back
from azremedy.cli.looking import Look, scanned
from azremedy.cli.output import note
from azremedy.cli.progress import Show
from azremedy.cli.proving import proved, since_done
from azremedy.cli.writing import WRONG, Writing
from azremedy.errors import AzremedyError, Exit, WriteError
from azremedy.plan import Done, Group, Unlocked
from azremedy.planfile import Asked, Refused
from azremedy.report.outcome import Proof
from azremedy.report.screen import count
from azremedy.verify import Verdict, Verified, verify

if TYPE_CHECKING:
    from azremedy.arm import ArmId
    from azremedy.journal import Run
    from azremedy.plan import Choices

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
    over: tuple[Group, ...] = ()
    """Its groups that earlier runs carried out."""
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
        if not (self.against or self.quiet):
            note(f"azremedy: wave {wave} of {last(self.approved.groups)} is over, the next one begins")
        return self.against

    def prove_earlier(self) -> None:
        """
        Prove the wave with which earlier runs of the plan ended, where that is asked for: the run may have ended before it was.

        Raises `WriteError` where it is not proved; then nothing more is sent.
        """
        ended_with = last(self.approved.over)
        vms = [
            vm
            for group in self.approved.over
            if group.wave == ended_with
            for cure in group.cures
            for vm in cure.vms
        ]
        if not (self.prove and vms):
            return
        proving = proved(self.made, list(dict.fromkeys(vms)), self.settings, since={})
        self.done += proving.done
        self.proofs += proving.proofs
        if failed := next((one for one in proving.proofs if not one.proved), None):
            raise WriteError(
                f"No further wave began: wave {ended_with} is not proved, the backup of {failed.vm.name} did not complete.",
                executed=False,
            )

    def rest(self, result: Result) -> None:
        """Look again at what no wave was followed by a look at, and prove it unless the run was stopped before."""
        self.look([one for one in self.approved.groups if one.id not in self.looked], result)

    def look(self, groups: Sequence[Group], result: Result) -> None:
        """Look at the VMs of these groups again, and back up what was cured of them where that is asked for."""
        if not groups:
            return
        verified = looked_again(self.made, self.approved, groups, result, self.show, now=self.now)
        self.verified += verified
        self.looked |= {group.id for group in groups}
        if self.prove and not self.against and (vms := cured(verified)):
            proving = proved(self.made, vms, self.settings, since_done(groups, result.done))
            self.done += proving.done
            self.proofs += proving.proofs

    def enough(self, groups: Sequence[Group], result: Result) -> str | None:
        """Return what speaks against going on after a wave: a proof that failed, a lock that is not back, or too much that went wrong."""
        wave, vms = groups[0].wave, {vm for group in groups for cure in group.cures for vm in cure.vms}
        failed = next((one for one in self.proofs if one.vm in vms and not one.proved), None)
        if failed:
            return f"Wave {wave} is not proved: the backup of {failed.vm.name} did not complete."
        self.wrong += len(set(gone_wrong(groups, result, self.verified)))
        if off := not_back(groups, result):
            return off
        limit = self.settings.stop_after
        if limit is None or self.wrong < limit:
            return None
        said = f"{count(self.wrong, 'group')} went wrong or did not help by the end of wave {wave}"
        return f"{said}, and the run stops after {limit}."


def last(groups: Iterable[Group]) -> int:
    """Return the number of the last wave."""
    return max((group.wave or 0 for group in groups), default=0)


def gone_wrong(groups: Sequence[Group], result: Result, verified: Iterable[Verified]) -> Iterator[str]:
    """Yield the groups of which a step went wrong, or whose findings are not gone though nothing is left to people."""
    ids = {group.id for group in groups}
    yield from (done.group for done in result.done if done.outcome in WRONG and done.group in ids)
    there = {one.finding for one in verified if one.verdict not in CURED}
    for group in groups:
        if any(not cure.afterwards and not there.isdisjoint(cure.findings) for cure in group.cures):
            yield group.id


def looked_again(
    made: Writing, approved: Approved, groups: Sequence[Group], result: Result, show: Show, *, now: bool
) -> tuple[Verified, ...]:
    """Read the cured VMs again, closely, and return what is left of their findings."""
    vms = {vm for group in groups for cure in group.cures for vm in cure.vms}
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


def off(unlocked: Iterable[Unlocked]) -> frozenset[ArmId]:
    """Return the locks that were lifted and are not back."""
    return frozenset(one.lock for one in unlocked if not one.closed)


def cured(verified: Iterable[Verified]) -> tuple[ArmId, ...]:
    """Return the VMs of which nothing is left to cure."""
    said = list(verified)
    wrong = {one.vm for one in said if one.verdict not in CURED}
    return tuple(dict.fromkeys(one.vm for one in said if one.vm not in wrong))
