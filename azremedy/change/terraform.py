"""
What `terraform show -json` says of a plan, as entries.

Only the attributes that a verdict looks at are kept. What the plan marks as sensitive is left behind before anything
else is done with it, and what it knows only after apply stands there as hidden. An id that is known only after apply
is followed, through the expressions of the configuration, to the resource of the same module that it will be of.

Source: Terraform's JSON output format, version 1.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from azremedy.arm import ArmId, Json
from azremedy.change import arm
from azremedy.change.azurerm import KINDS, OUT_OF_SIGHT
from azremedy.change.data import (
    SENSITIVE,
    UNKNOWN,
    Change,
    Entry,
    Gap,
    Hidden,
    Reference,
    Values,
    strange,
)
from azremedy.change.places import NAMES, PATHS
from azremedy.collect.values import arm_id, record, records, text, texts

AZAPI = {"azapi_resource": True, "azapi_update_resource": False}
"""Whether to destroy one of azapi's types destroys anything in Azure: an update is only forgotten."""

ACTIONS: Mapping[tuple[str, ...], str] = {
    ("create",): "create",
    ("update",): "update",
    ("delete",): "delete",
    ("delete", "create"): "replace",
    ("create", "delete"): "replace",
}
SILENT = frozenset({("no-op",), ("read",), ("forget",)})
"""What changes nothing in Azure."""
MODES = frozenset({"data", "ephemeral", "list"})
"""What is no resource of Azure's that the plan manages."""
MODULE = re.compile(r'module\.([^.\[]+)(?:\[(?:"(?:[^"\\]|\\.)*"|\d+)\])?')
REFERENCE = re.compile(r'([a-z][a-z0-9_]*)\.([A-Za-z_][\w-]*)(?:\[(?:"([^"]*)"|(\d+))\])?\.id')


def entries(plan: Json) -> Change:
    """Return the change that a plan makes."""
    changes = [one for one in records(plan.get("resource_changes")) if text(one.get("mode")) not in MODES]
    configuration = dict(configured(record(record(plan.get("configuration")).get("root_module")), ()))
    made, gaps = [], [*incomplete(plan), *strange(plan.get("resource_changes"), "resource_changes")]
    for one in changes:
        told = entry(one, Surroundings(plan, changes, configuration))
        if isinstance(told, Gap):
            gaps.append(told)
        elif told:
            made.append(told)
    return Change("terraform", tuple(made), tuple(gaps))


def incomplete(plan: Json) -> Iterator[Gap]:
    if plan.get("errored") is True:
        yield Gap(None, "the plan", "it ended in an error, so that it does not hold the whole change")
    elif plan.get("complete") is False or plan.get("deferred_changes"):
        yield Gap(None, "the plan", "it defers a part of the change to a later one")


class Surroundings:
    """What stands around one resource of a plan: the others, and how the configuration words them."""

    def __init__(
        self,
        plan: Json,
        changes: list[dict[str, Json]],
        configuration: Mapping[tuple[tuple[str, ...], str], dict[str, Json]],
    ) -> None:
        self.plan = plan
        self.changes = changes
        self.configuration = configuration

    def expression(self, change: dict[str, Json], attribute: str) -> dict[str, Json]:
        return record(record(self.worded(change).get("expressions")).get(attribute))

    def worded(self, change: dict[str, Json]) -> dict[str, Json]:
        path = tuple(MODULE.findall(text(change.get("module_address")) or ""))
        return self.configuration.get((path, f"{change.get('type')}.{change.get('name')}"), {})

    def referred(self, change: dict[str, Json], attribute: str) -> Reference | None:
        """Return the one resource of the plan whose id an attribute will be, if that can be told."""
        named: set[str] = set()
        for reference in texts(self.expression(change, attribute).get("references")):
            if match := REFERENCE.fullmatch(reference):
                named.update(self.instances(change, match))
        return Reference(named.pop()) if len(named) == 1 else None

    def instances(self, change: dict[str, Json], match: re.Match[str]) -> Iterator[str]:
        """Yield the addresses that a reference means: the instance it names, that of the same key, or all."""
        type_, name, key, number = match.groups()
        module = change.get("module_address")
        found = [
            one
            for one in self.changes
            if (one.get("type"), one.get("name"), one.get("module_address")) == (type_, name, module)
        ]
        index: Any = (
            key if key is not None else int(number) if number and len(number) < 10 else change.get("index")
        )
        same = [one for one in found if one.get("index") == index]
        yield from (address for one in same or found if (address := text(one.get("address"))))

    def subscription(self, change: dict[str, Json]) -> str | None:
        """Return the subscription that the resource's provider is configured for, where the plan tells."""
        key = text(self.worded(change).get("provider_config_key")) or ""
        providers = record(record(self.plan.get("configuration")).get("provider_config"))
        stated = record(record(record(providers.get(key)).get("expressions")).get("subscription_id"))
        if constant := text(stated.get("constant_value")):
            return constant
        for reference in texts(stated.get("references")):
            _, is_variable, name = reference.partition("var.")
            if is_variable:
                return text(record(record(self.plan.get("variables")).get(name)).get("value"))
        return None


def configured(
    module: dict[str, Json], path: tuple[str, ...]
) -> Iterator[tuple[tuple[tuple[str, ...], str], dict[str, Json]]]:
    """Yield every resource of a configuration by the names of its modules and its own address in them."""
    for one in records(module.get("resources")):
        yield (path, f"{one.get('type')}.{one.get('name')}"), one
    for name, call in record(module.get("module_calls")).items():
        yield from configured(record(record(call).get("module")), (*path, name))


def entry(change: dict[str, Json], around: Surroundings) -> Entry | Gap | None:
    """Return what one element of `resource_changes` does, None where it does nothing that a verdict looks at."""
    type_, address = (
        text(change.get("type")) or "",
        text(change.get("address")) or "a resource without an address",
    )
    told = record(change.get("change"))
    actions = tuple(texts(told.get("actions")))
    looked_at = type_ in KINDS or type_ in OUT_OF_SIGHT or type_ in AZAPI
    if actions in SILENT or (type_ and not looked_at and type_ not in PATHS):
        return None
    if not type_:
        return Gap(None, address, "the plan does not say of what type it is")
    if (action := ACTIONS.get(actions)) is None:
        called = f"the action {' and '.join(actions)!r} is not known here" if actions else "it has no action"
        return Gap(speaker(type_), address, f"{called}, so what becomes of it cannot be told")
    before = masked(told.get("before"), None, told.get("before_sensitive"))
    after = masked(told.get("after"), told.get("after_unknown"), told.get("after_sensitive"))
    if action == "delete":
        after = None
    if type_ in AZAPI:
        return azapi(address, type_, action, before, after)
    made = Entry(
        address,
        type_,
        action,
        pruned(type_, before),
        pruned(type_, after),
        id=arm_id(record(before).get("id")),
        subscription=around.subscription(change),
    )
    ids = KINDS[type_].ids if type_ in KINDS else ()
    return followed(made, change, ids, around)


def speaker(type_: str) -> str | None:
    """Return the playbook that speaks of a type, None where it depends on more than the type."""
    kind = KINDS.get(type_) or OUT_OF_SIGHT.get(type_)
    return kind.playbook if kind else None


def masked(value: Json, unknown: Json, sensitive: Json) -> Any:
    """Return a value without what is sensitive, and with what is not known yet marked as such."""
    if sensitive is True:
        return SENSITIVE
    if unknown is True:
        return UNKNOWN
    if isinstance(value, dict):
        unknowns, secrets = record(unknown), record(sensitive)
        names = dict.fromkeys((*value, *unknowns))
        return {name: masked(value.get(name), unknowns.get(name), secrets.get(name)) for name in names}
    if isinstance(value, list):
        return [masked(one, at(unknown, place), at(sensitive, place)) for place, one in enumerate(value)]
    return UNKNOWN if says_true(unknown) else value


def says_true(marks: Json) -> bool:
    """Whether any part of a value that is not there yet is known only after apply."""
    parts = marks.values() if isinstance(marks, dict) else marks if isinstance(marks, list) else ()
    return marks is True or any(says_true(part) for part in parts)


def at(marks: Json, place: int) -> Json:
    return marks[place] if isinstance(marks, list) and place < len(marks) else None


def pruned(type_: str, values: Any) -> Values | None:
    """Return the attributes that a verdict looks at; a resource that is sensitive as a whole has none."""
    if values is None:
        return None
    kind, unseen = KINDS.get(type_), OUT_OF_SIGHT.get(type_)
    looked_at = (*kind.attributes, *kind.ids) if kind else unseen.attributes if unseen else ()
    names = ("id", *NAMES, *looked_at)
    if isinstance(values, Hidden):
        return dict.fromkeys(names, values)
    return {name: values[name] for name in names if name in record(values)}


def followed(made: Entry, change: dict[str, Json], ids: tuple[str, ...], around: Surroundings) -> Entry:
    """Return the entry with every id that is known only after apply followed to where it will come from."""
    if made.after is None:
        return made
    found = {
        name: reference
        for name in ids
        if made.after.get(name) == UNKNOWN and (reference := around.referred(change, name))
    }
    return replace(made, after={**made.after, **found})


def azapi(address: str, type_: str, action: str, before: Any, after: Any) -> Entry | Gap | None:
    """Return a resource of the azapi provider, whose body is ARM's own."""
    sides = [record(side) for side in (after, before)]
    spelled = next((told for side in sides if (told := text(side.get("type")))), "")
    arm_type = spelled.partition("@")[0].lower()
    playbook = arm.SPOKEN_OF.get(arm_type)
    if playbook is None or (after is None and not AZAPI[type_]):
        return None
    id_ = next((found for side in sides if (found := azapi_id(side, spelled.partition("@")[0]))), None)
    if id_ is None:
        return Gap(playbook, address, "where it is is known only after apply")
    bodies = [body(side) for side in sides if side]
    if any(isinstance(one, Hidden) for one in bodies):
        return Gap(playbook, address, "its body is known only after apply, or sensitive", id_)
    if type_ == "azapi_update_resource":
        action = "update"
    held = [arm.kept(arm_type, {"location": side.get("location"), **record(body(side))}) for side in sides]
    return Entry(address, arm_type, action, held[1] if before else None, held[0] if after else None, id_)


def azapi_id(values: dict[str, Any], type_: str) -> ArmId | None:
    if known := arm_id(values.get("resource_id")) or arm_id(values.get("id")):
        return known
    parent, name = arm_id(values.get("parent_id")), text(values.get("name"))
    if parent is None or name is None:
        return None
    if type_.lower() == arm.GROUP:
        return ArmId(f"{parent}/resourceGroups/{name}")
    if parent.type and type_.lower().startswith(f"{parent.type}/"):
        return ArmId(f"{parent}/{type_.rpartition('/')[2]}/{name}")
    return ArmId(f"{parent}/providers/{type_}/{name}")


def body(values: dict[str, Any]) -> Any:
    """Return a body; the provider's first version writes it as JSON in a text."""
    written = values.get("body")
    if not isinstance(written, str):
        return written
    try:
        # Walked once, so that what is nested too deep is refused while it is read, not when it is judged.
        return masked(json.loads(written), None, None)
    except ValueError:
        return UNKNOWN
