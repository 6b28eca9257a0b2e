"""What Azure Policy says of what may be made in a subscription."""

from __future__ import annotations

from dataclasses import dataclass

from azremedy.arm import ArmId


@dataclass(frozen=True, slots=True)
class PolicyAssignment:
    """
    An assignment of an Azure Policy, by its own id; `title` is what people call it.

    `effect` is the one in force, such as `deny`, in lower case; None where it is not known, as that of an initiative.
    `on_tags` and `on_groups` say whether its rule speaks of tags and of resource groups.
    """

    id: ArmId
    definition: ArmId
    title: str | None = None
    enforced: bool = True
    effect: str | None = None
    on_tags: bool = False
    on_groups: bool = False
