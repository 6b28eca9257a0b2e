"""
The writes that may ever leave: method, type and action, each with what may be its way back.

A journal or a plan is a file that somebody may have altered. Whatever it says, a writer sends nothing that is not of one
of these shapes. They are those of the playbooks' steps (a test holds them to the cards), and none is ever the DELETE of
a protected item, or a write to a vault, a policy, a role or a VM's whole model. A lock is placed only
where none stands.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from azremedy.apply.keep import COLLECTION, ITEM, LOCK, RULE
from azremedy.arm import ArmId, Request
from azremedy.errors import PlanRefused
from azremedy.guest import ACTION as RUN_COMMAND
from azremedy.guest import known
from azremedy.plan import Irreversible, Restore, Step

VM: Final = "microsoft.compute/virtualmachines"
DISK: Final = "microsoft.compute/disks"
JOB: Final = "microsoft.recoveryservices/vaults/backupjobs"


@dataclass(frozen=True, slots=True)
class Shape:
    """What is alike in the same write to other resources; the type in lower case, the action as ARM spells it."""

    method: str
    type: str
    action: str = ""


def of(request: Request) -> Shape:
    """Return the shape of a write."""
    return Shape(request.method, request.id.type, request.action)


def posts(*actions: str) -> Mapping[Shape, Shape | None]:
    """Return the POSTs to a VM that nothing takes back."""
    return {Shape("POST", VM, action): None for action in actions}


SHAPES: Final[Mapping[Shape, Shape | None]] = {
    Shape("DELETE", LOCK): Shape("PUT", LOCK),
    Shape("PUT", LOCK): Shape("DELETE", LOCK),
    Shape("DELETE", COLLECTION): None,
    Shape("DELETE", f"{COLLECTION}/restorepoints"): None,
    Shape("DELETE", f"{VM}/extensions"): None,
    Shape("PUT", RULE): Shape("DELETE", RULE),
    Shape("PUT", DISK): None,
    Shape("PUT", ITEM): Shape("PUT", ITEM),
    Shape("PATCH", VM): Shape("PATCH", VM),
    **posts("reapply", "restart", "redeploy", "deallocate"),
    Shape("POST", VM, "start"): Shape("POST", VM, "powerOff"),
    Shape("POST", VM, "attachDetachDataDisks"): Shape("POST", VM, "attachDetachDataDisks"),
    Shape("POST", VM, RUN_COMMAND): Shape("POST", VM, RUN_COMMAND),
    Shape("POST", ITEM, "backup"): None,
    Shape("POST", JOB, "cancel"): None,
}
"""The writes of steps, each with that of its way back; None for one that cannot be taken back."""

MAY_LEAVE: Final = frozenset(SHAPES) | frozenset(back for back in SHAPES.values() if back)

PATCHES: Final = tuple(
    {"properties": {"osProfile": {"allowExtensionOperations": allowed}}} for allowed in (True, False)
)
"""All that a PATCH of a VM may say."""


class Entry(Protocol):
    """What a journal says of a step (see `azremedy.journal.Entry`)."""

    @property
    def step(self) -> Step: ...
    @property
    def opens(self) -> str | None: ...


class Run(Protocol):
    """What a journal says of a run (see `azremedy.journal.Run`)."""

    @property
    def path(self) -> Path: ...
    @property
    def subscription(self) -> str: ...
    @property
    def entries(self) -> Sequence[Entry]: ...


def refusal(request: Request) -> str | None:
    """Return why a write may never leave, None where it may."""
    what = f"{request.method} {request.address}"
    if not plain(request.id):
        return f"{what} is not the address of a resource."
    if of(request) not in MAY_LEAVE:
        return f"{what} is nothing that a playbook writes."
    if request.method == "PATCH" and request.body not in PATCHES:
        return f"{what} would change more of the VM than a playbook does."
    if request.action == RUN_COMMAND and not shipped(request):
        return f"{what} would run a script that azremedy does not ship."
    return None


def refuse_altered(run: Run) -> None:
    """Raise `PlanRefused` for a journal with a write, or a way back, that no run can have made."""
    for entry in run.entries:
        if why := strange(entry, run.subscription):
            raise PlanRefused(f"Nothing was sent: the journal {run.path} was altered: {why}")


def strange(entry: Entry, subscription: str) -> str | None:
    """Return what of an entry no run can have made."""
    step = entry.step
    if (step.request.id.subscription or "") != subscription.lower():
        return f"{step.request.address} is not in the subscription of the run."
    if why := refusal(step.request):
        return why
    if entry.opens and of(step.request) != Shape("DELETE", LOCK):
        return f"{step.request.method} {step.request.address} lifts no lock."
    match step.undo:
        case Irreversible():
            return None
        case Restore():
            there = of(step.request) == Shape("DELETE", LOCK)
            return None if there else f"{step.request.address} is not put back as it was."
        case Request() as undo:
            same = undo.id == step.request.id and of(undo) == SHAPES.get(of(step.request))
            return refusal(undo) if same else f"{undo.method} {undo.address} is not its way back."


def plain(id_: ArmId) -> bool:
    """Whether an id is nothing but a resource's in a subscription, whoever reads it as an address."""
    segments = id_.key.split("/")
    return segments[:2] == ["", "subscriptions"] and not {"", ".", ".."} & set(segments[1:])


def shipped(request: Request) -> bool:
    """Whether a Run Command says nothing but to run a script that azremedy ships."""
    body = request.body if isinstance(request.body, Mapping) else {}
    command, script = body.get("commandId"), body.get("script")
    if body.keys() != {"commandId", "script"} or not isinstance(command, str) or not isinstance(script, list):
        return False
    return all(isinstance(line, str) for line in script) and known(command, tuple(script))
