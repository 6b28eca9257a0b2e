"""
Pseudonyms for what names an estate, so that a scan can be shown to people who must not know whose it is.

A pseudonym is a kind and a hash, such as `vm-3f9a2c71d0`: the same for the same name, without case, in every run. The
subscription's id is the key of the hash, and is itself shown as a hash only: who does not know it cannot try names.

In ids every name is replaced, and in texts every name that the estate holds, as a whole word; what stands in quotes and is
known to nobody; and every id, GUID, address, host and e-mail address. The words of azremedy and the fingerprints of
findings stay: a fingerprint holds the subscription's id, so it tells nothing, and a baseline goes on to fit. A word that is
also somebody's name (a group `disk`) is replaced wherever a text from Azure or about the estate holds it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields, is_dataclass, replace
from enum import Enum
from hashlib import blake2b
from ipaddress import ip_network
from secrets import token_hex
from typing import Any, TypeVar, cast

from azremedy.arm import ArmId
from azremedy.causes import Cause
from azremedy.estate import Estate
from azremedy.limits import AGENT_LINUX, AGENT_WINDOWS
from azremedy.plan import Expect
from azremedy.playbook import Playbook
from azremedy.resources import (
    Adapter,
    AttachedDisk,
    ExtensionView,
    Job,
    Lock,
    Policy,
    PolicyAssignment,
    Route,
    Rule,
    Subscription,
)
from azremedy.suppression import Suppression
from azremedy.symptoms import Symptom

T = TypeVar("T")

KINDS = {
    "subscriptions": "subscription",
    "resourcegroups": "group",
    "managementgroups": "management-group",
    "virtualmachines": "vm",
    "virtualmachinescalesets": "scale-set",
    "disks": "disk",
    "extensions": "extension",
    "networkinterfaces": "nic",
    "networksecuritygroups": "nsg",
    "securityrules": "rule",
    "virtualnetworks": "network",
    "subnets": "subnet",
    "routetables": "table",
    "routes": "route",
    "locks": "lock",
    "restorepointcollections": "collection",
    "restorepoints": "point",
    "vaults": "vault",
    "protectioncontainers": "container",
    "protecteditems": "item",
    "backuppolicies": "policy",
    "backupjobs": "job",
}
"""What a resource is called, by the segment of its id that says its type; anything else is a `name`."""

AZURES_OWN = frozenset(
    {("backupfabrics", "azure"), ("extensions", "vmsnapshot"), ("extensions", "vmsnapshotlinux")}
)
"""Names that Azure gives, the same everywhere."""

CONTAINER = frozenset({"iaasvmcontainer", "iaasvmcontainerv2", "vm"})
"""The words before group and VM in the name of a container or item: `IaasVMContainer;iaasvmcontainerv2;rg;sql1`."""

NAMED: Mapping[tuple[type, str], str] = {
    (Subscription, "name"): "subscription",
    (Subscription, "tenant"): "tenant",
    (Lock, "owners"): "owner",
    (AttachedDisk, "name"): "disk",
    (Adapter, "name"): "adapter",
    (ExtensionView, "name"): "extension",
    (Rule, "name"): "rule",
    (Route, "name"): "route",
    (Job, "friendly_name"): "vm",
    (Policy, "group_prefix"): "group",
    (Policy, "group_suffix"): "group",
    (PolicyAssignment, "title"): "rule",
    (Suppression, "owner"): "owner",
}
"""Members that hold a name and nothing else."""

OURS = frozenset({"playbook", "playbooks", "fingerprint"})
"""Members that hold words of azremedy."""

VERSIONS = frozenset({"version", "agent_version", "os_version", "minimum"})
"""Members that hold a version, which may look like an address."""

EVERYWHERE = frozenset({"0.0.0.0/0", "::/0", "168.63.129.16", "168.63.129.16/32"})
"""Addresses that are the same in every estate: everything, and the host of a VM."""

WORD = r"[^\W_]"
TOKEN = re.compile(
    rf"""
    (?P<quoted>(?<!{WORD})(?P<quote>['"])(?P<inner>[^'"\s]{{1,260}})(?P=quote)(?!{WORD}))
    | (?P<id>(?<!\w)/(?:subscriptions|providers)/[^\s'"<>|?&\#]+)
    | (?P<mail>[^\s@'"<>(),;:=/]{{1,64}}@[^\s@'"<>(),;:=/]{{1,190}}\.[a-z]{{2,}})
    | (?P<guid>(?<!{WORD})[0-9a-f]{{8}}(?:-[0-9a-f]{{4}}){{3}}-[0-9a-f]{{12}}(?!{WORD}))
    | (?P<address>(?<![\w.])\d{{1,3}}(?:\.\d{{1,3}}){{3}}(?:/\d{{1,2}})?(?!\w|\.\w))
    | (?P<address6>(?<![\w:.])(?=[0-9a-f]*:)[0-9a-f:]{{2,39}}(?:/\d{{1,3}})?(?![\w:]))
    | (?P<host>(?<![\w.-])(?:[\w-]{{1,63}}\.){{1,16}}(?:net|com|org|io|cn|us|local|localdomain|internal|lan|corp)(?!\w|\.\w))
    | (?P<phrase>(?-i:(?<!{WORD})(?:Azure\ (?:Backup|Storage)|[Bb]ackup\ extension)(?!{WORD})))
    | (?P<word>{WORD}+)
    """,
    re.IGNORECASE | re.VERBOSE,
)
"""What is looked at in a text, one after the other; what lies between, and a phrase of ours, is left as it is."""

TYPES = re.compile(rf"microsoft\.|providers$|(?:{'|'.join(KINDS)})$", re.IGNORECASE)
"""Segments of ids that say a type."""

RUN = re.compile(f"{WORD}+")
RIGHT = re.compile(r"microsoft\.[\w.]+(?:/[\w*]+)*/(?:read|write|delete|action|\*)", re.IGNORECASE)
PUBLIC = re.compile(
    r"(?:(?:management|portal)\.azure|login\.microsoftonline|(?:[\w-]+\.)*microsoft)\.com", re.IGNORECASE
)
"""Hosts that are everybody's."""


class Mask:
    """
    What is known of an estate's names, and what stands in their place.

    `own` is the key for names that no subscription's id stands before; without one they differ from run to run.
    `words` are kept although they stand in quotes.
    """

    def __init__(self, own: str = "", words: Iterable[str] = ()) -> None:
        self.own = own or token_hex(16)
        self.known: dict[str, str] = {}
        self.kept = {word.lower() for word in (*words, AGENT_LINUX, AGENT_WINDOWS)}
        self.longest: dict[str, int] = {}

    @classmethod
    def of(cls, estate: Estate, words: Iterable[str] = ()) -> Mask:
        """Return the mask that knows every name in an estate."""
        made = cls(estate.subscription.id.subscription or estate.subscription.id.key, words)
        made.learn(estate)
        return made

    def take(self, other: Mask) -> None:
        """Know what another mask knows."""
        self.kept |= other.kept
        for name, pseudonym in other.known.items():
            self.remember(name, pseudonym)

    def learn(self, value: Any) -> None:
        """Take in the names in a value: an id, a record, or many of them."""
        if isinstance(value, ArmId):
            for type_, name, key in names(value.text):
                if type_ and (type_, name.lower()) not in AZURES_OWN:
                    self.learn_name(KINDS.get(type_, "name"), name, key or self.own)
        elif isinstance(value, Mapping):
            self.learn(value.values())
        elif is_dataclass(value):
            for field in fields(value):
                self.learn_member(value, field.name, getattr(value, field.name))
        elif isinstance(value, Iterable) and not isinstance(value, str | bytes):
            for one in value:
                self.learn(one)

    def learn_member(self, owner: object, member: str, value: Any) -> None:
        kind = NAMED.get((type(owner), member))
        if kind is None:
            if member in VERSIONS and isinstance(value, str):
                self.kept.add(value.lower())
            self.learn(value)
            return
        for name in (value,) if isinstance(value, str) else value or ():
            if given_by_azure(owner, member, name):
                self.kept.add(name.lower())
            else:
                self.learn_name(kind, name, self.own)

    def learn_name(self, kind: str, name: str, key: str) -> None:
        """Take in one name, and the parts of one that is put together."""
        for of, part in parts(kind, name):
            if of and worded(part) not in self.known:
                self.remember(part, pseudonym(of, part, key))

    def remember(self, name: str, pseudonym: str) -> None:
        word = worded(name)
        if runs := RUN.findall(word):
            self.known[word] = pseudonym
            self.longest[runs[0]] = max(len(runs), self.longest.get(runs[0], 0))

    def masked(self, value: T) -> T:
        """Return a copy in which pseudonyms stand for names: of a scan, a finding, an id, a text, or many of them."""
        return cast("T", self.any_masked(value))

    def any_masked(self, value: Any) -> Any:
        match value:
            case ArmId():
                return ArmId(self.path(value.text))
            case str() if not isinstance(value, Enum):
                return self.text(value)
            case Mapping():
                return {
                    self.masked(key) if isinstance(key, tuple) else key: self.masked(one)
                    for key, one in value.items()
                }
            case tuple() | list() | frozenset():
                return type(value)(self.masked(one) for one in value)
            case _ if is_dataclass(value) and not isinstance(value, type | Playbook | Symptom | Cause):
                return replace(value, **{one.name: self.member(value, one.name) for one in fields(value)})
        return value

    def member(self, owner: object, name: str) -> Any:
        """Return a member of a record with pseudonyms."""
        value = getattr(owner, name)
        kind = NAMED.get((type(owner), name))
        if value is None or name in OURS or (kind and given_by_azure(owner, name, value)):
            return value
        if name == "notes" or (
            name == "value" and isinstance(owner, Expect) and owner.path.endswith("notes")
        ):
            return pseudonym("notes", str(value), self.own)
        if name in VERSIONS and isinstance(value, str):
            return value
        if kind and isinstance(value, str):
            return self.name(kind, value, self.own)
        if kind:
            return tuple(self.name(kind, one, self.own) for one in value)
        return self.masked(value)

    def path(self, text: str) -> str:
        """Return the text of an id with pseudonyms for its names; its types stay."""
        made: list[str] = []
        for type_, part, key in names(text):
            if not type_:
                made.append(part if TYPES.match(part) else self.words(part))
            elif (type_, part.lower()) in AZURES_OWN:
                made.append(part)
            else:
                made.append(self.name(KINDS.get(type_, "name"), part, key or self.own))
        return "/".join(made)

    def name(self, kind: str, name: str, key: str) -> str:
        """Return the pseudonym of a name, or of each part of one that is put together."""
        return ";".join(pseudonym(of, part, key) if of else part for of, part in parts(kind, name))

    def text(self, text: str) -> str:
        """Return a text in which pseudonyms stand for what names the estate."""
        made: list[str] = []
        at = 0
        while found := TOKEN.search(text, at):
            start = found.start()
            end, said = self.replaced(text, found)
            made += [text[at:start], said]
            at = end
        return "".join((*made, text[at:]))

    def words(self, text: str) -> str:
        """Return a segment of an id in which known names are replaced, and nothing else."""
        whole = self.known.get(worded(text))
        return text if whole is None else whole

    def replaced(self, text: str, found: re.Match[str]) -> tuple[int, str]:
        """Return where what was found ends, and what stands in its place."""
        start, end, word = found.start(), found.end(), found["word"]
        if (found["address"] or found["address6"]) and not is_address(found.group()):
            run = RUN.match(text, start)
            end = run.end() if run else start + 1
            word = text[start:end]
        known_end = self.known_from(text, start)
        if known_end > start and (known_end >= end or word):
            return known_end, self.known[text[start:known_end].lower()]
        if word:
            return end, word
        if found["id"]:
            id_ = found["id"].rstrip(".,:;)]")
            return start + len(id_), self.path(id_)
        return end, self.unknown(found)

    def unknown(self, found: re.Match[str]) -> str:
        """Return what stands in place of what no name of the estate is."""
        said = found.group()
        if found["phrase"] or said.lower() in self.kept or (found["host"] and PUBLIC.fullmatch(said)):
            return said
        if found["quoted"]:
            return f"{found['quote']}{self.quoted(found['inner'])}{found['quote']}"
        if found["address"] or found["address6"]:
            return self.address(said)
        kind = next(kind for kind in ("mail", "host", "guid") if found[kind])
        return pseudonym(kind, said, self.own)

    def known_from(self, text: str, start: int) -> int:
        """Return where the longest known name ends that begins here; `start` where none does."""
        first = RUN.match(text, start)
        most = self.longest.get(first.group().lower(), 0) if first else 0
        ends = [run.end() for _, run in zip(range(most), RUN.finditer(text, start), strict=False)]
        return next((end for end in reversed(ends) if text[start:end].lower() in self.known), start)

    def quoted(self, inner: str) -> str:
        """Return what stands in place of a word in quotes: of one that nobody knows, a pseudonym as well."""
        if (known := self.known.get(worded(inner))) is not None:
            return known
        if inner.lower() in self.kept or inner.startswith("-") or RIGHT.fullmatch(inner):
            return inner
        found = TOKEN.fullmatch(inner)
        if found and not found["word"]:
            return self.text(inner)
        return pseudonym("name", inner, self.own)

    def address(self, text: str) -> str:
        """Return the pseudonym of an address or range, its length kept."""
        alone, slash, length = text.partition("/")
        return text if text in EVERYWHERE else pseudonym("address", alone, self.own) + slash + length


def is_address(text: str) -> bool:
    """Whether a text is an address or range, and no word that only looks like one: `dc1:` is all hexadecimal."""
    try:
        ip_network(text, strict=False)
    except ValueError:
        return False
    return True


def pseudonym(kind: str, name: str, key: str) -> str:
    """Return what stands for a name: its kind and ten hexadecimal digits."""
    digest = blake2b(name.lower().encode("utf-8", "surrogatepass"), key=key.encode()[:64], digest_size=5)
    return f"{kind}-{digest.hexdigest()}"


def worded(name: str) -> str:
    """Return a name as it is compared: without case, from its first letter or digit to its last."""
    runs = list(RUN.finditer(name))
    return name[runs[0].start() : runs[-1].end()].lower() if runs else ""


def parts(kind: str, name: str) -> Iterator[tuple[str | None, str]]:
    """Yield the parts of a name with their kinds, None for a word of Azure's: those of a container, else the name."""
    *head, group, vm = name.split(";") if name.count(";") > 1 else (name, "", "")
    if not vm:
        yield kind, name
        return
    yield from ((None if word.lower() in CONTAINER else "name", word) for word in head)
    yield from (("group", group), ("vm", vm))


def names(id_: str) -> Iterator[tuple[str, str, str]]:
    """
    Yield the segments of an id: each name with its type in lower case and the subscription's id, lower-cased.

    The type is empty for a segment that is no name: one that says a type or a namespace, or nothing.
    """
    key, type_, place = ArmId(id_).subscription or "", "", "type"
    for segment in id_.split("/"):
        if not segment:
            yield "", segment, key
        elif place == "namespace":
            place = "type"
            yield "", segment, key
        elif place == "name":
            place = "type"
            yield type_, segment, key
        elif segment.lower() == "providers":
            place = "namespace"
            yield "", segment, key
        else:
            type_, place = segment.lower(), "name"
            yield "", segment, key


def given_by_azure(owner: object, member: str, name: Any) -> bool:
    """Whether a name is the same in every estate: of a default rule, or of Backup's extension."""
    if isinstance(owner, ExtensionView):
        return ("extensions", str(name).lower()) in AZURES_OWN
    return isinstance(owner, Rule) and owner.default and member == "name"
