"""Scans as one plain document, the one that `schemas/scan.json` describes: what every format is made of."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import fields, is_dataclass
from datetime import UTC, date, datetime, timedelta
from enum import Enum
from typing import Any

from azremedy import __version__
from azremedy.baseline import Comparison, Known, Since
from azremedy.plan import FixClass
from azremedy.playbook import NotEvaluated, Severity
from azremedy.resources import Unread
from azremedy.scan import Diagnosis, Scan, Unexplained, aged
from azremedy.suppression import Suppression

SCHEMA_VERSION = 1


def document(
    scans: Sequence[Scan], failed: Iterable[Unread] = (), compared: Comparison | None = None
) -> dict[str, Any]:
    """
    Return the document of these scans; `failed` are the subscriptions that could not be read at all.

    Suppressed findings stand among the findings, each with its suppression; the summary does not count them.
    """
    now = datetime.now(UTC)
    every = [
        *((one, None, age(scan, one)) for scan in scans for one in scan.diagnoses),
        *((one.diagnosis, one.by, age(scan, one.diagnosis)) for scan in scans for one in scan.suppressed),
    ]
    every.sort(key=lambda each: -each[0].finding.severity)
    since = compared.since if compared else {}
    return {
        "schemaVersion": SCHEMA_VERSION,
        "tool": {"name": "azremedy", "version": __version__},
        "startedAt": moment(min((scan.started for scan in scans), default=now)),
        "finishedAt": moment(max((scan.finished for scan in scans), default=now)),
        "subscriptions": [subscription(scan) for scan in scans],
        "findings": [found(one, by, since.get(one.fingerprint), old) for one, by, old in every],
        "unread": [gap(one) for one in (*failed, *(one for scan in scans for one in scan.unread))],
        "notEvaluated": [undecided(one) for scan in scans for one in scan.not_evaluated],
        "unexplained": [unknown(one) for scan in scans for one in scan.unexplained],
        "summary": {
            str(severity): sum(scan.counts()[severity] for scan in scans)
            for severity in sorted(Severity, reverse=True)
        },
        "baseline": compared and baseline(compared),
    }


def baseline(compared: Comparison) -> dict[str, Any]:
    """Return what a baseline holds and this scan did not find."""
    return {
        "gone": [known(one) for one in compared.gone],
        "unseen": [known(one) for one in compared.unseen],
    }


def known(one: Known) -> dict[str, Any]:
    return {
        "fingerprint": one.fingerprint,
        "playbook": one.playbook,
        "vm": one.vm,
        "severity": str(one.severity),
    }


def subscription(scan: Scan) -> dict[str, Any]:
    return {
        "id": scan.subscription.id.subscription or scan.subscription.id.text,
        "name": scan.subscription.name,
        "calls": sum(scan.calls.values()),
        "callsByKind": {str(read): number for read, number in scan.calls.items()},
        "vms": scan.vms,
        "protected": scan.protected,
        "closeLook": scan.close_look,
        "listsOnly": scan.protected - scan.close_look,
        "playbooks": list(scan.playbooks),
        "protectedVms": [vm.text for vm in scan.protected_vms],
        "fromGraph": sorted(map(str, scan.from_graph)),
    }


def found(
    diagnosis: Diagnosis,
    suppressed: Suppression | None = None,
    since: Since | None = None,
    old: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    finding, playbook = diagnosis.finding, diagnosis.playbook
    symptom = finding.failure.symptom if finding.failure else None
    job = finding.failure.job if finding.failure else None
    error = finding.failure.error if finding.failure else None
    by_hand = bool(finding.manual) or playbook.plan is None or playbook.fix_class is FixClass.MANUAL
    return {
        "fingerprint": diagnosis.fingerprint,
        "playbook": playbook.id,
        "title": playbook.title,
        "causes": list(playbook.causes),
        "severity": str(finding.severity),
        "vm": finding.vm.text,
        "resource": finding.resource.text,
        "message": finding.message,
        "evidence": data(finding.evidence),
        "errorCode": symptom.code if symptom else None,
        "errorNumber": error.code if error else None,
        "errorText": error.text if error else None,
        "job": job.id.text if job else None,
        "remedy": playbook.remedy,
        "fix": {
            "class": (FixClass.MANUAL if by_hand else playbook.fix_class).value,
            "available": not by_hand,
            "reason": finding.manual or (playbook.remedy if by_hand else None),
        },
        "suppressed": suppressed and suppression(suppressed),
        "since": since and since.value,
        "dataAge": old,
        "due": finding.due and finding.due.isoformat(),
    }


def age(scan: Scan, one: Diagnosis) -> dict[str, Any] | None:
    """Return how old the data may be that Azure Resource Graph told for a finding: it names no bound (ARG25)."""
    if not (reads := aged(scan, one)):
        return None
    return {
        "source": "resource graph",
        "of": sorted(map(str, reads)),
        "askedAt": moment(scan.graph_at) if scan.graph_at else None,
        "mostlyWithinSeconds": 60,
    }


def suppression(one: Suppression) -> dict[str, Any]:
    return {"reason": one.reason, "owner": one.owner, "expires": one.expires.isoformat()}


def gap(unread: Unread) -> dict[str, Any]:
    return {
        "scope": unread.scope.text,
        "what": str(unread.read),
        "status": unread.status,
        "code": unread.code,
        "reason": unread.reason,
    }


def undecided(one: NotEvaluated) -> dict[str, Any]:
    return {"playbook": one.playbook, "vm": one.vm.text, "because": one.because}


def unknown(one: Unexplained) -> dict[str, Any]:
    failure = one.failure
    error = failure.error if failure else None
    return {
        "vm": one.vm.text,
        "because": one.because,
        "job": failure.job.id.text if failure else None,
        "errorCode": failure.symptom.code if failure and failure.symptom else None,
        "errorNumber": error.code if error else None,
        "errorText": error.text if error else None,
    }


ROW = (
    "severity",
    "playbook",
    "causes",
    "vm",
    "resource",
    "message",
    "errorCode",
    "errorNumber",
    "errorText",
    "job",
    "fixClass",
    "remedy",
    "fingerprint",
)
"""The columns of formats that have no depth."""


def rows(document: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return each finding of a document, but for what is suppressed, as one flat row of `ROW`."""
    return [row(finding) for finding in document["findings"] if not finding["suppressed"]]


def row(finding: Mapping[str, Any]) -> dict[str, Any]:
    flat = {**finding, "causes": " ".join(finding["causes"]), "fixClass": finding["fix"]["class"]}
    return {name: "" if flat[name] is None else flat[name] for name in ROW}


def data(value: Any) -> Any:
    """
    Return evidence as plain data.

    Dataclasses become objects with camelCase members, ids their text, times ISO 8601 in UTC with `Z`, durations
    seconds, enums their values and sets sorted lists.
    """
    if is_dataclass(value) and not isinstance(value, type):
        return {camel(field.name): data(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): data(member) for key, member in value.items()}
    if isinstance(value, AbstractSet):
        return sorted((data(member) for member in value), key=str)
    if isinstance(value, Iterable) and not isinstance(value, str):
        return [data(member) for member in value]
    return scalar(value)


def scalar(value: Any) -> Any:
    """Return what has no members as plain data."""
    match value:
        case Enum():
            return value.value if isinstance(value.value, str) else str(value)
        case datetime():
            return moment(value)
        case timedelta():
            return value.total_seconds()
        case date():
            return value.isoformat()
        case None | bool() | int() | float() | str():
            return value
        case _:
            return str(value)


def moment(time: datetime) -> str:
    """Return a time as files hold it: `2026-11-22T07:00:00Z`."""
    return time.astimezone(UTC).isoformat().replace("+00:00", "Z")


def camel(name: str) -> str:
    return re.sub("_([a-z0-9])", lambda part: part[1].upper(), name)
