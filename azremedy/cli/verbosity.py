"""How much the agents of VMs that a user names shall log, and what stands in the way of it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import click

from azremedy.errors import AzremedyError

if TYPE_CHECKING:
    from azremedy.arm import ArmId
    from azremedy.estate import Estate
    from azremedy.plan import Choices

FLAG = "--verbose-agent-log"
KEY = "Logs.Verbose"


def verbosity(written: str) -> tuple[str, bool]:
    """Return the VM, by name or id in lower case, and what `VM=on` or `VM=off` says of it."""
    parts = re.fullmatch(r"([^=]+)=(on|off)", written.strip(), re.IGNORECASE)
    if not parts:
        raise click.BadParameter(f"{written!r} is not of the form VM=on or VM=off, such as web1=on.")
    return parts[1].lower().rstrip("/"), parts[2].lower() == "on"


def refuse_contrary(named: Sequence[tuple[str, bool]]) -> None:
    """Raise `AzremedyError` for a VM that is named for both; a name may mean the VM that an id names."""
    for vm, on in named:
        for other, other_on in named:
            alike = vm == other or ("/" in vm) != ("/" in other)
            if on != other_on and alike and vm.rpartition("/")[2] == other.rpartition("/")[2]:
                raise AzremedyError(f"{FLAG} names {vm} for on and for off: choose one.")


def refuse_windows(choices: Choices, estate: Estate) -> None:
    """Raise `AzremedyError` for a VM with Windows, whose agent has no such setting that is documented."""
    for name, _ in sorted(choices.verbose_agent_log):
        if any(one.windows for one in estate.vms if names(name, one.id)):
            raise AzremedyError(
                f"{FLAG} is for Linux: no document names a setting by which the agent of Windows logs more, and {name} "
                f"has Windows. 'azremedy logs --vm {name.rpartition('/')[2]}' shows what it logs."
            )


def unchanged(choices: Choices, estate: Estate) -> Iterator[str]:
    """Yield a sentence for each VM that is named, and whose agent is left as it is."""
    from azremedy.guest import VERBOSITIES  # noqa: PLC0415 - the scripts are loaded where VMs are asked

    for name, on in sorted(choices.verbose_agent_log):
        told = next((one.linux for one in estate.guests if one.linux and names(name, one.vm)), None)
        if told is None:
            yield f"{FLAG} {name}: the VM did not tell what its agent logs, so nothing is done for it"
        elif told.config is None:
            yield f"{FLAG} {name}: there is no /etc/waagent.conf, so nothing is done for it"
        elif ((value := told.configured(KEY)) or "n").lower() == "y" and on:
            yield f"{FLAG} {name}: it logs more already"
        elif (value or "n").lower() != "y" and not on:
            yield f"{FLAG} {name}: it logs no more than usual already"
        elif value not in VERBOSITIES:
            yield f"{FLAG} {name}: {KEY} holds what azremedy could not put back, so nothing is done for it: set it by hand"


def names(name: str, vm: ArmId) -> bool:
    return name in {vm.key, vm.name.lower()}
