"""The findings of a scan as rows of a table, each with what it unfolds to."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from azremedy.apply.shell import word as quoted
from azremedy.arm import ArmId
from azremedy.report.html.dryrun import group_of

SEVERITIES = ("blocking", "corroborated", "suspected", "info")
"""From worst to mildest, as `schemas/scan.json` has them."""


@dataclass(frozen=True, slots=True)
class Row:
    """
    One finding.

    `of` is the finding as the document has it, `subscription` the name of its subscription. Where a plan cures it,
    `group` is the id of the group that does; where a plan leaves it to a person, `by_hand` says why; where no plan
    tells of it, `command` is the command line that shows the dry run, if there can be one.
    """

    of: Mapping[str, Any]
    vm: ArmId
    subscription: str
    group: str | None = None
    by_hand: str | None = None
    command: str | None = None

    @property
    def place(self) -> str:
        """The resource group of the VM."""
        return self.vm.group.name if self.vm.group else ""

    @property
    def cure(self) -> str:
        """The class of the cure, in one word for the table."""
        class_: str = self.of["fix"]["class"]
        return "by hand" if class_ == "manual" else class_

    @property
    def reason(self) -> str | None:
        """Why azremedy cannot cure it, where that is more than the remedy says."""
        reason: str | None = self.of["fix"]["reason"]
        return None if reason == self.of.get("remedy") else reason


def rows(document: Mapping[str, Any]) -> Iterator[Row]:
    """Yield every finding of a document, in its order; `plan` of the document, where it is there, says what cures it."""
    plan = document.get("plan") or {"groups": [], "byHand": []}
    names = {one["id"].lower(): one["name"] for one in document["subscriptions"]}
    groups, left = group_of(plan), {one["finding"]: one["reason"] for one in plan["byHand"]}
    for finding in document["findings"]:
        vm, name = ArmId(finding["vm"]), finding["fingerprint"]
        yield Row(
            of=finding,
            vm=vm,
            subscription=names.get(vm.subscription or "", vm.subscription or ""),
            group=groups.get(name),
            by_hand=left.get(name),
            command=None if name in groups or name in left else dry_run(finding, vm),
        )


def dry_run(finding: Mapping[str, Any], vm: ArmId) -> str | None:
    """
    Return the command line that shows what would cure a finding, or None where nothing would.

    `azremedy fix` plans nothing for `info`, and less than `corroborated` only when asked to.
    """
    if not finding["fix"]["available"] or finding["severity"] == "info":
        return None
    return " ".join(map(quoted, ("azremedy", "fix", *arguments(finding, vm))))


def arguments(finding: Mapping[str, Any], vm: ArmId) -> Iterator[str]:
    yield "--dry-run"
    if vm.subscription:
        yield from ("--subscription", vm.subscription)
    if vm.group:
        yield from ("--resource-group", vm.group.name)
    yield from ("--vm", vm.name, "--playbook", finding["playbook"])
    if (needed := finding["fix"]["class"]) != "safe":
        yield from ("--allow", needed)
    if finding["severity"] == "suspected":
        yield from ("--severity", "suspected")


def active(of: Iterable[Row]) -> list[Row]:
    """Return the findings that no suppression covers."""
    return [row for row in of if not row.of["suppressed"]]
