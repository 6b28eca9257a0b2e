"""Documents of scans in a few words, as the reports get them; each is what the schema describes."""

from __future__ import annotations

from hashlib import md5
from typing import Any

from building import SUBSCRIPTION
from jsonschema import Draft202012Validator

from azremedy.report.schema import schema

OTHER = "/subscriptions/00000000-0000-4000-8000-000000000002"
VALIDATOR = Draft202012Validator(schema("scan"))

HOSTILE = {
    "html": "<script>alert(1)</script><img src=x onerror=y> &lt; <!-- -->",
    "the end of CDATA": "a]]>b<![CDATA[c",
    "markdown": "**b** _i_ ~~s~~ # h `c` ``d`` $x$ [l](http://e.x) ![i](http://e.x) | cell \\| \\",
    "addresses": "http://evil.example www.evil.example me@evil.example @somebody #12 GH-1 org/repo#1 :smile:",
    "a hash of a commit": "0123456789abcdef0123456789abcdef01234567 deadbeef",
    "a percent code": "%0A::error::x%0D%25%AZP25",
    "workflow commands": "::error::x ::set-env name=A::b\n::stop-commands::t\r::add-mask::p",
    "logging commands": "##vso[task.setvariable variable=a]b ##[error]x ###[group]y ##VSO[task.complete]z",
    "an end of a property": "a]b;c=d,e:f",
    "text that runs backwards": "a\u202egnp.exe\u2066x\u2069",
    "half a character": "\ud800 \udfff",
    "no character of XML": "\x00\x08\x0b\x1b[31m\x7f\x85\ufffe\uffff",
    "placeholders": "{0} {{1}} {",
    "line breaks": "a\nb\r\nc\u2028d\u2029e",
    "blanks": "   ",
    "nothing": "",
    "ten kilobytes": "x|`<@" * 2048,
    "beyond the first plane": "\U0001f4a9 \U000e0041 中文",
}


def vm_of(name: str = "sql1", subscription: str = SUBSCRIPTION) -> str:
    return f"{subscription}/resourceGroups/prod/providers/Microsoft.Compute/virtualMachines/{name}"


AGREED = {"reason": "agreed", "owner": None, "expires": "2027-01-31"}
"""A suppression."""


def finding(name: str = "sql1", severity: str = "corroborated", **changes: Any) -> dict[str, Any]:
    """A finding on a VM, about the VM itself."""
    vm = changes.pop("vm", vm_of(name))
    made = {
        "playbook": "restore-point-lock",
        "title": "A lock keeps old restore points from being pruned",
        "causes": ["C6"],
        "severity": severity,
        "vm": vm,
        "resource": vm,
        "message": "CanNotDelete lock 'keep' keeps Azure Backup from pruning",
        "evidence": None,
        "errorCode": None,
        "errorNumber": None,
        "errorText": None,
        "job": None,
        "remedy": "Lift the lock.",
        "fix": {"class": "guarded", "available": True, "reason": None},
        "suppressed": None,
        **changes,
    }
    named = f"{made['playbook']} {made['vm']} {made['resource']}".encode(errors="surrogatepass")
    return {"fingerprint": md5(named, usedforsecurity=False).hexdigest(), **made}


def subscription(id_: str = SUBSCRIPTION, name: str = "test", **changes: Any) -> dict[str, Any]:
    vms = changes.get("protectedVms", [])
    counted = {"calls": 1, "vms": len(vms), "protected": len(vms), "closeLook": 0, "listsOnly": len(vms)}
    looked = {"playbooks": ["restore-point-lock"], "protectedVms": vms}
    return {"id": id_.rpartition("/")[2], "name": name, **counted, **looked, **changes}


def unread(scope: str = SUBSCRIPTION, **changes: Any) -> dict[str, Any]:
    answer = {"status": 403, "code": "AuthorizationFailed", "reason": "ARM refused"}
    return {"scope": scope, "what": "locks", **answer, **changes}


def not_evaluated(name: str = "sql1", **changes: Any) -> dict[str, Any]:
    return {"playbook": "disk-size", "vm": vm_of(name), "because": "disks not read", **changes}


def unexplained(name: str = "sql1", **changes: Any) -> dict[str, Any]:
    error = {"job": None, "errorCode": None, "errorNumber": 399999, "errorText": "no idea"}
    return {"vm": vm_of(name), "because": "its last backup failed", **error, **changes}


def document(*findings: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """A scan of one subscription with these findings, in this order."""
    made = {
        "schemaVersion": 1,
        "tool": {"name": "azremedy", "version": "0.1.0"},
        "startedAt": "2026-11-22T07:00:00Z",
        "finishedAt": "2026-11-22T07:00:02.500000Z",
        "subscriptions": [subscription()],
        "findings": list(findings),
        "unread": [],
        "notEvaluated": [],
        "unexplained": [],
        "summary": {
            severity: sum(one["severity"] == severity for one in findings)
            for severity in ("blocking", "corroborated", "suspected", "info")
        },
        **changes,
    }
    if len(findings) < 100:
        VALIDATOR.validate(made)
    return made


def hostile(text: str) -> dict[str, Any]:
    """A scan in which every text that comes from Azure is this one."""
    vm = vm_of(text)
    bad = finding(
        vm=vm,
        resource=f"{vm}/extensions/{text}",
        message=f"lock '{text}' of {text}",
        errorNumber=1,
        errorText=text,
        title=text,
        remedy=text,
        causes=[text],
        job=f"/{text}",
        fix={"class": "manual", "available": False, "reason": text},
    )
    hidden = {"reason": text, "owner": text, "expires": "2027-01-01"}
    return document(
        bad,
        {**bad, "suppressed": hidden, "severity": "info", "playbook": "disk-size"},
        subscriptions=[subscription(name=text, protectedVms=[vm, vm_of("well")])],
        unread=[unread(vm, what=text, code=text, reason=text)],
        notEvaluated=[not_evaluated(text, because=text)],
        unexplained=[unexplained(text, because=text, errorCode=text, errorText=text)],
    )
