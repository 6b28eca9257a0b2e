"""A plan as plain data, and what of it was approved."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from azremedy.arm import Request
from azremedy.plan import (
    Bracket,
    ByHand,
    Expect,
    Group,
    Irreversible,
    Ladder,
    Node,
    Restore,
    Step,
    Undo,
    fix_class,
    steps,
)


def binding(group: Mapping[str, Any]) -> dict[str, Any]:
    """Return what of a group's data was approved."""
    return {
        "playbooks": group["playbooks"],
        "vms": [vm.lower() for vm in group["vms"]],
        "steps": [binding_node(node) for node in group["steps"]],
    }


def binding_node(node: Mapping[str, Any]) -> dict[str, Any]:
    if "open" in node:
        body = [binding_node(one) for one in node["body"]]
        return {"open": binding_node(node["open"]), "body": body, "keepOpen": node["keepOpen"]}
    if "rungs" in node:
        return {"rungs": [binding_node(one) for one in node["rungs"]]}
    undo = {name: value for name, value in node["undo"].items() if name != "reason"}
    return {
        "method": node["method"],
        "resource": node["resource"].lower(),
        "action": node["action"],
        "body": node["body"],
        "class": node["class"],
        "undo": {**undo, "resource": undo["resource"].lower()} if "resource" in undo else undo,
        "before": [{**one, "target": one["target"].lower()} for one in node["before"]],
        "loses": node["loses"],
        "triggersBackup": (node["triggersBackup"] or "").lower(),
        "changesVm": (node["changesVm"] or "").lower(),
    }


def group_data(group: Group) -> dict[str, Any]:
    """Return a group as plain data: what it is for, and its steps."""
    cures = group.cures
    return {
        "id": group.id,
        "summary": "; ".join(dict.fromkeys(step.summary for step in steps(*group.nodes))),
        "playbooks": sorted({cure.playbook for cure in cures}),
        "vms": [vm.text for vm in sorted({vm for cure in cures for vm in cure.vms})],
        "findings": sorted({finding for cure in cures for finding in cure.findings}),
        "class": fix_class(*group.nodes).value,
        "wave": group.wave,
        "relief": [cure.relief for cure in cures if cure.relief],
        "afterwards": [said for cure in cures for said in cure.afterwards],
        "guards": [
            {"resource": one.resource.text, "before": one.before, "after": one.after}
            for cure in cures
            for one in cure.guards
        ],
        "steps": [node_data(node) for node in group.nodes],
    }


def node_data(node: Node) -> dict[str, Any]:
    """Return a step as `{summary, method, …}`, a bracket as `{open, body, close, …}`, a ladder as `{rungs, …}`."""
    match node:
        case Bracket():
            close = undo_data(node.open.undo, node.open.request)
            return {
                "open": node_data(node.open),
                "body": [node_data(one) for one in node.body],
                "close": None if node.keep_open else close,
                "keepOpen": node.keep_open,
                "until": [expect_data(one) for one in node.until],
            }
        case Ladder():
            return {
                "rungs": [node_data(one) for one in node.rungs],
                "until": [expect_data(one) for one in node.until],
                "within": node.within.total_seconds(),
            }
        case Step():
            return step_data(node)


def step_data(step: Step) -> dict[str, Any]:
    return {
        "summary": step.summary,
        **request_data(step.request),
        "before": [expect_data(one) for one in step.before],
        "after": [expect_data(one) for one in step.after],
        "undo": undo_data(step.undo, step.request),
        "class": step.fix_class.value,
        "permissions": sorted(step.permissions),
        "within": step.within.total_seconds(),
        "loses": list(step.loses),
        "changesVm": step.changes_vm.text if step.changes_vm else None,
        "triggersBackup": step.triggers_backup.text if step.triggers_backup else None,
    }


def request_data(request: Request) -> dict[str, Any]:
    return {
        "method": request.method,
        "resource": request.id.text,
        "action": request.action,
        "body": request.body,
    }


def undo_data(undo: Undo, request: Request) -> dict[str, Any]:
    match undo:
        case Restore():
            return {"kind": "restore", "method": "PUT", "resource": request.id.text}
        case Irreversible():
            return {"kind": "irreversible", "reason": undo.reason}
        case Request():
            return {"kind": "request", **request_data(undo)}


def expect_data(expect: Expect) -> dict[str, Any]:
    return {
        "target": expect.target.text,
        "view": expect.view.value,
        "path": expect.path,
        "test": expect.test.value,
        "value": expect.value,
    }


def by_hand_data(one: ByHand) -> dict[str, Any]:
    return {
        "playbook": one.playbook,
        "vm": one.vm.text,
        "finding": one.finding,
        "reason": one.reason,
        "allow": one.allow.value if one.allow else None,
    }
