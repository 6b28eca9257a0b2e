"""How much a Linux agent logs: changed where somebody names the VM, to look into what is wrong, and back again."""

from __future__ import annotations

from collections.abc import Iterator

from azremedy.arm import ArmId
from azremedy.estate import Estate
from azremedy.guest import VERBOSITIES, verbose_log
from azremedy.plan import ByHand, Choices, Cure, Expect, FixClass, Step, View

from ._cures import shows
from ._inside import of_linux, run
from ._keeping import back

KEY = "Logs.Verbose"
ID = "agent-service"


def requested(estate: Estate, choices: Choices) -> Iterator[Cure | ByHand]:
    """Yield what is done at the VMs that are named, where the agent does not log so already and azremedy can put it back."""
    for _, vm, guest in of_linux(estate):
        asked = [on for name, on in choices.verbose_agent_log if name in {vm.id.key, vm.id.name.lower()}]
        now = guest.configured(KEY)
        on = (now or "n").lower() == "y"
        if not asked or asked[0] == on or now not in VERBOSITIES or guest.config is None:
            continue
        if FixClass.GUARDED in choices.allow:
            yield Cure(ID, (vm.id,), (), (logging(vm.id, now, "y" if asked[0] else "n"),))
        else:
            reason = "to have the agent log otherwise needs --allow guarded"
            yield ByHand(ID, vm.id, "", reason, FixClass.GUARDED)


def logging(vm: ArmId, now: str | None, then: str) -> Step:
    much = "more" if then == "y" else "no more than usual"
    return run(
        vm,
        verbose_log(now, then),
        f"have the agent of {vm.name} log {much} ({KEY}={then}), and restart it, once the script is over",
        before=holds(vm, now),
        after=(back(vm), holds(vm, then)),
        undo=verbose_log(then, now).on(vm),
    )


def holds(vm: ArmId, value: str | None) -> Expect:
    """Expect the key to hold this value, or that there is none (None)."""
    return shows(vm, f"config.[key={KEY}].value", value, View.LINUX_GUEST)
