"""
An estate in a few words: what stands in an estate's YAML, and how it is read.

Every member below is a key of the file; what has a default may be left out. `estates/demo.yaml` uses nearly all of
them. Things are named by name: a VM's vault, its NSG, a lock's target. Where two resources share a name (two VMs of
one name in two groups), `group/name` tells them apart. Ages are hours, sizes GiB.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from difflib import get_close_matches
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar, get_args

import msgspec
import yaml

from azremedy.errors import AzremedyError
from azremedy.sandbox.failures import FAILURES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from importlib.resources.abc import Traversable

    from azremedy.arm import Json

Name = Annotated[str, msgspec.Meta(min_length=1, max_length=90, pattern=r"\A[^/?#%\\]+\Z")]
Hours = Annotated[float, msgspec.Meta(ge=0)]
Size = Annotated[int, msgspec.Meta(ge=1, le=1_048_576)]

S = TypeVar("S", bound=msgspec.Struct)


class Part(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A mapping in an estate's description. A key that none of these names is an error."""


class Subscription(Part, frozen=True):
    name: Name = "demo"
    id: Annotated[str, msgspec.Meta(pattern=r"\A[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\Z")] = (
        "5a6db0c5-0000-4000-8000-000000000001"
    )


class Identity(Part, frozen=True):
    """Who may sign in besides the owner. `cannot_read` names resources or groups that answer 403."""

    name: Name
    client_id: str
    secret: str
    role: Literal["Owner", "Contributor", "Reader"] = "Reader"
    cannot_read: tuple[str, ...] = ()


class Policy(Part, frozen=True):
    """`group_prefix` and `group_suffix` name the group of the restore points: prefix, number, suffix."""

    name: Name
    type: Literal["V1", "V2"] = "V1"
    consistency: Literal["application", "crash"] = "application"
    schedule: Literal["daily", "weekly", "every 4h", "every 6h", "every 8h", "every 12h"] = "daily"
    instant_days: Annotated[int, msgspec.Meta(ge=1, le=30)] = 2
    group_prefix: str | None = None
    group_suffix: str | None = None


class Vault(Part, frozen=True):
    name: Name
    group: Name = "backup"
    policies: tuple[Policy, ...] = ()


class Rule(Part, frozen=True):
    """A security rule. `to` and `source` are prefixes or service tags."""

    name: Name
    access: Literal["Allow", "Deny"]
    priority: Annotated[int, msgspec.Meta(ge=100, le=4096)]
    direction: Literal["Outbound", "Inbound"] = "Outbound"
    to: tuple[str, ...] | str = "*"
    source: tuple[str, ...] | str = "*"
    ports: tuple[str, ...] | str = "*"
    protocol: Literal["*", "Tcp", "Udp", "Icmp"] = "*"


class Nsg(Part, frozen=True):
    name: Name
    group: Name = "network"
    rules: tuple[Rule, ...] = ()


class Route(Part, frozen=True):
    name: Name
    next_hop: Literal["VirtualAppliance", "VirtualNetworkGateway", "VnetLocal", "Internet", "None"]
    prefix: str = "0.0.0.0/0"
    address: str | None = None


class RouteTable(Part, frozen=True):
    name: Name
    group: Name = "network"
    routes: tuple[Route, ...] = ()


class Subnet(Part, frozen=True):
    name: Name
    prefix: str = "10.0.0.0/24"
    nsg: str | None = None
    route_table: str | None = None
    service_endpoints: tuple[str, ...] = ()
    default_outbound: bool | None = None


class Vnet(Part, frozen=True):
    name: Name
    subnets: tuple[Subnet, ...]
    group: Name = "network"
    prefix: str = "10.0.0.0/16"


class Lock(Part, frozen=True):
    """`scope` is `subscription`, the name of a group, or of a resource."""

    name: Name
    scope: str
    level: Literal["CanNotDelete", "ReadOnly"] = "CanNotDelete"
    notes: str | None = None
    owners: tuple[str, ...] = ()


class Disk(Part, frozen=True):
    """A data disk. `unmanaged` disks are blobs and have no resource of their own."""

    lun: Annotated[int, msgspec.Meta(ge=0, le=63)]
    size: Size = 128
    sku: str = "Premium_LRS"
    write_accelerator: bool = False
    unmanaged: bool = False
    encrypted_in_guest: bool = False
    max_shares: Annotated[int, msgspec.Meta(ge=1, le=10)] = 1


class Nic(Part, frozen=True):
    """`subnet` is `vnet/subnet`, or a subnet's name where one VNet alone has it."""

    subnet: str | None = None
    nsg: str | None = None
    public_ip: bool = False


class Agent(Part, frozen=True):
    """`stale` still says Ready, hours ago; `absent` never reported. Without a version it is a current one."""

    state: Literal["ready", "not-ready", "stale", "absent"] = "ready"
    version: str | None = None


class Extension(Part, frozen=True):
    """An extension that ARM lists, other than Backup's."""

    name: Name
    publisher: str
    type: str
    version: str = "1.0"
    state: Literal["Succeeded", "Failed", "Updating", "Deleting"] = "Succeeded"
    message: str = ""


class Points(Part, frozen=True):
    """
    Restore points of a VM, the newest `newest` hours old and `every` hours apart.

    Azure Backup's lie in `group` (default: the group that the policy names, or the service's own); `legacy` is the
    collection of 2018 in the VM's group. `collection` is a collection of the customer's own.
    """

    count: Annotated[int, msgspec.Meta(ge=0, le=600)]
    every: Hours = 24
    newest: Hours = 8
    group: Name | None = None
    legacy: bool = False
    collection: Name | None = None


class Failed(Part, frozen=True):
    """A failed backup. `code` is the symbolic name of the documents; what is served is its number and text."""

    code: str
    hours_ago: Hours = 8
    language: Literal["en", "es"] = "en"


class Backup(Part, frozen=True):
    """A VM's protection. `completed` is the age of the last completed backup in hours, null for none."""

    vault: str
    policy: str
    state: Literal[
        "Protected",
        "IRPending",
        "ProtectionError",
        "ProtectionStopped",
        "ProtectionPaused",
        "BackupsSuspended",
    ] = "Protected"
    excluded_luns: tuple[int, ...] = ()
    soft_deleted: bool = False
    completed: Hours | None = 8
    failed: Failed | None = None


class Vm(Part, frozen=True):
    """`snapshot` is the state of Backup's own extension, which a VM on managed disks hides from ARM's lists."""

    name: Name
    group: Name
    os: Literal["Windows", "Linux"] = "Windows"
    size: str = "Standard_D2s_v5"
    power: Literal["running", "stopped", "deallocated", "starting", "stopping", "deallocating"] = "running"
    provisioning: Literal["Succeeded", "Failed", "Updating", "Creating", "Deleting"] = "Succeeded"
    os_disk: Size = 127
    unmanaged: bool = False
    disks: tuple[Disk, ...] = ()
    nic: Nic = Nic()
    agent: Agent | Literal["ready", "not-ready", "stale", "absent"] = "ready"
    snapshot: Literal["ready", "failed", "stuck", "absent"] = "ready"
    extensions: tuple[Extension, ...] = ()
    extension_operations: bool = True
    points: tuple[Points, ...] | Points | None = None
    backup: Backup | None = None


class Estate(Part, frozen=True):
    """A whole estate. `planted` are the pairs of VM and playbook id that a scan should find in it."""

    subscription: Subscription = Subscription()
    location: Annotated[str, msgspec.Meta(pattern=r"\A[a-z0-9]+\Z")] = "westeurope"
    region: Annotated[str, msgspec.Meta(pattern=r"\A[A-Za-z0-9]+\Z")] = "WestEurope"
    identities: tuple[Identity, ...] = ()
    vaults: tuple[Vault, ...] = ()
    nsgs: tuple[Nsg, ...] = ()
    route_tables: tuple[RouteTable, ...] = ()
    vnets: tuple[Vnet, ...] = ()
    locks: tuple[Lock, ...] = ()
    vms: tuple[Vm, ...] = ()
    planted: tuple[tuple[str, str], ...] = ()


LISTS: Mapping[str, tuple[str, type[Part]]] = {
    "identities": ("identity", Identity),
    "vaults": ("vault", Vault),
    "nsgs": ("NSG", Nsg),
    "route_tables": ("route table", RouteTable),
    "vnets": ("VNet", Vnet),
    "locks": ("lock", Lock),
    "vms": ("VM", Vm),
}
"""The sections that are lists, with the word for one element in an error."""


def named(estate: str | Path | Mapping[str, Any]) -> tuple[str, Mapping[str, Any]]:
    """
    Return an estate's name for people, and what stands in it, not yet checked.

    `estate` is the name of a shipped estate (`demo`), a YAML file, or a description in memory.
    """
    if isinstance(estate, Mapping):
        return "the estate", estate
    file = Path(estate)
    source = shipped(str(estate)) if is_shipped(str(estate)) else file
    try:
        text = source.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise AzremedyError(f"The estate '{estate}' cannot be read: {reason}.") from error
    return f"estate {file.name}", parse(text, file.name)


def shipped(name: str) -> Traversable:
    return files("azremedy.sandbox").joinpath("estates", f"{name}.yaml")


def is_shipped(name: str) -> bool:
    """Whether an estate of this name comes with azremedy."""
    return bool(re.fullmatch(r"[a-z-]+", name)) and shipped(name).is_file()


def parse(text: str, name: str) -> Mapping[str, Any]:
    """Return the mapping that a YAML text holds."""
    try:
        content = yaml.safe_load(text)
    except yaml.YAMLError as error:
        place = getattr(error, "problem_mark", None)
        line = f", line {place.line + 1}" if place else ""
        problem = getattr(error, "problem", None) or "it cannot be parsed"
        raise AzremedyError(f"The estate {name} is not YAML{line}: {problem}.") from error
    if not isinstance(content, Mapping):
        raise AzremedyError(f"The estate {name} must be a mapping with keys such as 'vaults' and 'vms'.")
    return content


def checked(content: Mapping[str, Any], where: str) -> Estate:
    """Return a description that makes sense. Anything wrong in it is an `AzremedyError` of one sentence."""
    for key in content:
        if key not in Estate.__struct_fields__:
            raise AzremedyError(
                f"In {where}, '{key}' is no section{guess(str(key), Estate.__struct_fields__)}."
            )
    for section, (word, struct) in LISTS.items():
        elements = content.get(section) or ()
        if not isinstance(elements, list | tuple):
            raise AzremedyError(f"In {where}, '{section}' must be a list.")
        for number, element in enumerate(elements, 1):
            name = element.get("name") if isinstance(element, Mapping) else None
            convert(element, struct, f"In {where}, {word} " + (f"'{name}'" if name else f"number {number}"))
    whole = convert(
        {key: value for key, value in content.items() if value is not None}, Estate, f"In {where}"
    )
    check(whole, where)
    return whole


def convert(value: Json, struct: type[S], where: str) -> S:
    try:
        return msgspec.convert(value, struct)
    except msgspec.ValidationError as error:
        raise AzremedyError(f"{where}: {sentence(str(error))}.") from None


def sentence(problem: str) -> str:
    """Return what msgspec says of a value in the words of an estate, with the nearest right one."""
    text, _, path = problem.partition(" - at `$")
    place = path.rstrip("`").replace("[...]", "").strip(".")
    inside = f" in '{place}'" if place else ""
    if found := re.fullmatch(r"Object contains unknown field `(.*)`", text):
        return f"'{found[1]}'{inside} is no key{guess(found[1], set(field_names()))}"
    if found := re.fullmatch(r"Invalid enum value '(.*)'", text):
        return f"'{place}' cannot be '{found[1]}'{guess(found[1], set(literals()))}"
    if found := re.fullmatch(r"Object missing required field `(.*)`", text):
        return f"'{found[1]}'{inside} is missing"
    return f"{text[:1].lower()}{text[1:]}{inside}"


def guess(word: str, right: Iterable[str]) -> str:
    """Return the right word that a wrong one looks like, as a question for the end of a sentence."""
    near = get_close_matches(word, list(right), 1, 0.6)
    return f" (did you mean '{near[0]}'?)" if near else ""


def field_names() -> Iterator[str]:
    for struct in Part.__subclasses__():
        yield from struct.__struct_fields__


def literals() -> Iterator[str]:
    for struct in Part.__subclasses__():
        for field in msgspec.structs.fields(struct):
            for part in (field.type, *get_args(field.type)):
                yield from (one for one in get_args(part) if isinstance(one, str))


def check(estate: Estate, where: str) -> None:
    """Refuse what is well formed but makes no sense: codes that nobody documents, names used twice."""
    seen: set[tuple[str, str]] = set()
    for vm in estate.vms:
        place = vm.group.lower(), vm.name.lower()
        if place in seen:
            raise AzremedyError(f"In {where}, VM '{vm.name}' stands twice in group '{vm.group}'.")
        seen.add(place)
        failed = vm.backup.failed if vm.backup else None
        if failed and failed.code not in FAILURES:
            raise AzremedyError(
                f"In {where}, VM '{vm.name}': '{failed.code}' is no known code{guess(failed.code, FAILURES)}."
            )
