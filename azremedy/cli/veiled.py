"""`--mask` where no estate is read: a document that was saved, the runs of this machine, a check-up."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from azremedy.arm import ArmId
from azremedy.masking import AZURES_OWN, OURS, PUBLIC, VERSIONS, Mask, pseudonym
from azremedy.playbook import load

if TYPE_CHECKING:
    from azremedy.journal import Run
    from azremedy.report.doctor import Line

KEPT: Final = frozenset(
    {
        *OURS, *VERSIONS, "tool", "causes", "title", "remedy", "severity", "class", "errorCode", "code", "status", "what",
        "findings", "method", "test", "view", "path", "action", "permissions", "sha256",
    }
)  # fmt: skip
"""Members of documents whose texts are words of azremedy or of Azure."""

BARE: Final = {
    "lock": "lock",
    "rule": "rule",
    "route": "route",
    "disk": "disk",
    "group": "group",
    "titles": "rule",
    "extensions": "extension",
    "owner": "owner",
    "vm": "vm",
    "vms": "vm",
    "groups": "group",
    "deleteCollection": "vm",
    "resumeProtection": "vm",
}
"""Members that hold names alone, or ids, and what each is called."""

ADDRESSES: Final = ("address", "endpoint", "authority", "name")
"""Members of a check-up's details that hold an address with a host in it."""

ALONE: Final = {"who": "who", "path": "path", "folder": "path", "default": "subscription"}
"""Members of a check-up's details that hold a name, a file or a folder, and what each is called."""


def document(whole: Mapping[str, Any]) -> dict[str, Any]:
    """Return the document of a scan with the pseudonyms that the scan itself would have shown."""
    shown: dict[str, Any] = Document(whole).masked(whole)
    return shown


class Document:
    """A document of a scan, and the pseudonyms for each of its subscriptions."""

    def __init__(self, whole: Mapping[str, Any]) -> None:
        words, ids = load(), list(paths(whole))
        self.masks: dict[str, Mask] = {}
        for one in whole["subscriptions"]:
            guid = one["id"].lower()
            made = self.masks[guid] = Mask(guid, words)
            made.learn(ids)
            made.learn_name("subscription", guid, guid)
            made.learn_name("subscription", one["name"], guid)
        self.rest = next(iter(self.masks.values()), None) or Mask(words=words)
        self.rest.learn(ids)
        self.learn(whole, self.rest)

    def learn(self, value: Any, mask: Mask) -> None:
        """Take in the names that stand alone."""
        if isinstance(value, Mapping):
            inner = self.of(value, mask)
            for member, held in value.items():
                if member in VERSIONS:
                    inner.kept.update(one.lower() for one in texts(held))
                for name in texts(held) if member in BARE else ():
                    if ("extensions", name.lower()) not in AZURES_OWN and not name.startswith("/"):
                        inner.learn_name(BARE[member], name, inner.own)
                self.learn(held, inner)
        elif isinstance(value, list):
            for one in value:
                self.learn(one, mask)

    def of(self, part: Mapping[str, Any], mask: Mask) -> Mask:
        """Return the pseudonyms of the subscription that a part of the document is about."""
        about = next((part[name] for name in ("vm", "scope") if isinstance(part.get(name), str)), "")
        return self.masks.get(ArmId(about).subscription or "", mask)

    def masked(self, value: Any, mask: Mask | None = None, member: str = "") -> Any:
        """Return a part of the document with pseudonyms; `member` is what holds it."""
        mask = mask or self.rest
        if isinstance(value, Mapping):
            inner = self.of(value, mask)
            shown = {name: self.masked(held, inner, name) for name, held in value.items()}
            if str(value.get("path", "")).endswith("notes"):
                shown["value"] = noted(value.get("value"), inner)
            return shown
        if isinstance(value, list):
            return [self.masked(one, mask, member) for one in value]
        if not isinstance(value, str) or member in KEPT:
            return value
        return noted(value, mask) if member == "notes" else mask.text(value)


def noted(value: Any, mask: Mask) -> Any:
    return pseudonym("notes", value, mask.own) if isinstance(value, str) else value


def paths(value: Any) -> Iterator[ArmId]:
    """Yield every id in plain data."""
    if isinstance(value, str):
        if value.lower().startswith(("/subscriptions/", "/providers/")):
            yield ArmId(value)
    elif isinstance(value, Mapping):
        for one in value.values():
            yield from paths(one)
    elif isinstance(value, list):
        for one in value:
            yield from paths(one)


def texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        yield from (one for one in value if isinstance(one, str))


def run(data: Any, of: Run) -> Any:
    """Return what is shown of a run with pseudonyms."""
    mask = of_run(of)
    shown = mask.masked(data)
    return {**shown, "who": pseudonym("who", of.header.who, mask.own)} if isinstance(shown, dict) else shown


def of_run(run: Run) -> Mask:
    """Return the pseudonyms for what a run wrote to."""
    head = run.header
    made = Mask(head.subscription.lower(), load())
    made.learn_name("subscription", head.subscription, made.own)
    made.learn([*run.groups, *(one.step for one in run.entries)])
    made.learn(paths([one.body for one in run.entries]))
    return made


def lines(of: Iterable[Line]) -> list[Line]:
    """Return a check-up with pseudonyms for subscriptions, people, addresses, hosts and folders."""
    told = list(of)
    mask = Mask(next((str(one.details["tenant"]) for one in told if one.details.get("tenant")), ""), load())
    mask.learn_name("user", Path.home().name, mask.own)
    for one in told:
        learn_line(mask, one.details)
    return [
        replace(one, **{name: mask.masked(getattr(one, name)) for name in ("told", "remedy", "details")})
        for one in told
    ]


def learn_line(mask: Mask, details: Mapping[str, Any]) -> None:
    """Take in what a line of a check-up names."""
    for one in details.get("seen", ()):
        guid = one["id"].lower()
        mask.learn_name("subscription", guid, guid)
        mask.learn_name("subscription", one["name"], guid)
    for member, kind in ALONE.items():
        if name := details.get(member):
            mask.learn_name(kind, str(name), mask.own)
    for member in ADDRESSES:
        host = urlsplit(str(details.get(member) or "")).hostname
        if host and not PUBLIC.fullmatch(host):
            mask.learn_name("host", host, mask.own)
