"""What several formats take out of a scan's document."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

from azremedy.arm import ArmId

Document: TypeAlias = Mapping[str, Any]
"""A scan as `schemas/scan.json` describes it."""

SEVERITIES = ("blocking", "corroborated", "suspected", "info")
"""Worst first."""


def active(document: Document) -> list[Mapping[str, Any]]:
    """Return the findings that no suppression covers, worst first."""
    found = [finding for finding in document["findings"] if not finding["suppressed"]]
    return sorted(found, key=lambda finding: SEVERITIES.index(finding["severity"]))


def counts(findings: Iterable[Mapping[str, Any]]) -> dict[str, int]:
    """Return the number of findings of each severity, worst first, zeros included."""
    found = [finding["severity"] for finding in findings]
    return {severity: found.count(severity) for severity in SEVERITIES}


def place(id_: str) -> str:
    """Return what a VM is called where there are many: its group and its name."""
    vm = ArmId(id_)
    return f"{vm.group.name}/{vm.name}" if vm.group else vm.text


def subscription_of(id_: str) -> str:
    """Return the GUID of the subscription that an id lies in, lower-cased; else the id itself."""
    return ArmId(id_).subscription or id_.lower()


def failure(said: Mapping[str, Any]) -> str:
    """Return the name of the failed backup's error, or its number and text; empty without one."""
    if said["errorCode"]:
        return str(said["errorCode"])
    return " ".join(str(part) for part in (said["errorNumber"], said["errorText"]) if part is not None)


def unread(gap: Mapping[str, Any]) -> str:
    """Return what was not read, and why, in one sentence without its point."""
    answer = " ".join(str(part) for part in (gap["status"], gap["code"]) if part is not None)
    return f"{gap['what']} of {gap['scope']} not read: {gap['reason']}" + (f" ({answer})" if answer else "")


def from_graph(kinds: Iterable[str]) -> str:
    """Return how old the data of these kinds may be that Azure Resource Graph told."""
    return (
        f"Azure Resource Graph told of {', '.join(sorted(kinds))}: that is mostly less than a minute older than this scan, "
        "at times more; cures never rest on it."
    )


def aged(document: Document) -> str:
    """Return how old what stands in a document may be; empty where ARM told all of it."""
    kinds = {kind for one in document["subscriptions"] for kind in one.get("fromGraph", ())}
    return from_graph(kinds) if kinds else ""


def shortened(text: str, longest: int) -> str:
    """Return a text of at most so many characters; what is left out is marked by `…`."""
    return text if len(text) <= longest else text[: longest - 1] + "…"
