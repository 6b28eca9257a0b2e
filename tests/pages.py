"""Documents to make a page of: real scans and plans, and ones as large or as hostile as a test wants them."""

from __future__ import annotations

import json
from copy import deepcopy
from typing import TYPE_CHECKING, Any

from building import (
    DESTRUCTIVE,
    NOW,
    SERVICE_GROUP,
    collection,
    copies,
    estate,
    failed_item,
    failed_job,
    lock,
    nic,
    points,
    subnet,
    vm,
    vm_id,
)
from commands import azremedy

from azremedy import planfile
from azremedy.planfile import Asked, Place
from azremedy.planning import Plan, plan
from azremedy.playbook import load
from azremedy.report.document import document
from azremedy.report.html.findings import SEVERITIES
from azremedy.scan import evaluate

if TYPE_CHECKING:
    from pathlib import Path

    from azremedy.estate import Estate

Document = dict[str, Any]


def full(*names: str, notes: str = "do not touch") -> Estate:
    """An estate whose VMs of these names are full, their points under one lock, and have failed for it."""
    held = {name: collection(name) for name in names}
    taken = {name: points(18, held[name], f"guid-of-{name}") for name in names}
    return estate(
        subnet(),
        *(vm(name) for name in names),
        *(nic(f"{name}-nic", vm=vm_id(name)) for name in names),
        *(failed_item(name) for name in names),
        *(failed_job("UserErrorRpCollectionLimitReached", name) for name in names),
        *held.values(),
        *taken.values(),
        *(copies(taken[name], name=name) for name in names),
        lock(SERVICE_GROUP, notes=notes),
    )


def scanned(*read: Estate) -> Document:
    """What a scan of these estates says."""
    return document([evaluate(one, list(load().values())) for one in read])


def cures(read: Estate) -> Plan:
    """What is planned for an estate, with everything admitted."""
    return plan(read, evaluate(read, list(load().values())).diagnoses, DESTRUCTIVE)


def planned(read: Estate) -> Document:
    """The document of a scan, with the plan for it."""
    made = planfile.document(
        cures(read),
        place=Place("sandbox", read.subscription),
        asked=Asked(),
        choices=DESTRUCTIVE,
        created=NOW,
    )
    return {**scanned(read), "plan": made}


def demo(folder: Path) -> Document:
    """The document of a scan of the sandbox's demo, with the plan that `azremedy fix` has for it."""
    where = {"XDG_STATE_HOME": str(folder), "LOCALAPPDATA": str(folder), "HOME": str(folder)}
    at = ("--cloud", "sandbox", "--subscription", "demo", "-o", "json")
    scan = azremedy("scan", *at, **where)
    fix = azremedy("fix", *at, "--allow", "guarded", "--allow", "destructive", **where)
    assert (scan.code, fix.code) == (0, 0), scan.err + fix.err
    return {**json.loads(scan.out), "plan": json.loads(fix.out)}


def multiplied(whole: Document, number: int) -> Document:
    """A document of so many findings, each like one of this document's at a VM of its own, worst first."""
    kinds = [json.dumps(finding) for finding in whole["findings"]]
    findings = [
        {
            **json.loads(
                kinds[turn % len(kinds)].replace("/virtualMachines/", f"/virtualMachines/vm{turn:04}-")
            ),
            "fingerprint": f"{turn:032x}",
        }
        for turn in range(number)
    ]
    findings.sort(key=lambda one: SEVERITIES.index(one["severity"]))
    return {**whole, "findings": findings, "plan": None}


def renamed(whole: Document, name: str) -> Document:
    """The same document, with one more name, note, message, code and reason from Azure wherever there can be one."""
    made = deepcopy(whole)
    sub = made["subscriptions"][0]
    sub["name"] = name
    scope = f"/subscriptions/{sub['id']}/resourceGroups/{name.replace('/', '')}/providers/x/y/{name}z"
    for finding in made["findings"]:
        finding.update(
            vm=scope,
            resource=f"{scope}/locks/{name}z",
            message=name,
            errorCode=name,
            errorText=name,
            job=f"/{name}z",
            remedy=name,
            evidence={"notes": name, "a list": [name, {name: name}], "daysLeft": 1, "points": 1, "limit": 2},
        )
        finding["fix"]["reason"] = f"{name}!"
    made["findings"].append(
        {
            **made["findings"][0],
            "fingerprint": "f" * 32,
            "suppressed": {"reason": name, "owner": name, "expires": "2027-01-01"},
        }
    )
    made["unread"] = [{"scope": scope, "what": name, "status": 403, "code": name, "reason": name}]
    made["notEvaluated"] = [{"playbook": "disk-size", "vm": scope, "because": name}]
    made["unexplained"] = [
        {"vm": scope, "because": name, "job": name, "errorCode": None, "errorNumber": 7, "errorText": name}
    ]
    return made
