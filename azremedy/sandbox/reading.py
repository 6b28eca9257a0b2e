"""How the description of an estate is read, and what is wrong with one, in a sentence."""

from __future__ import annotations

import re
from collections.abc import Mapping
from difflib import get_close_matches
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, get_args

import msgspec
import yaml

from azremedy.errors import AzremedyError
from azremedy.sandbox.description import (
    AdminRule,
    Estate,
    Fault,
    Identity,
    Lock,
    Nsg,
    RouteTable,
    Vault,
    Vm,
    Vnet,
)
from azremedy.sandbox.failures import FAILURES
from azremedy.sandbox.parts import KeyVault, Part, PolicyAssignment

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from importlib.resources.abc import Traversable

    from azremedy.arm import Json

S = TypeVar("S", bound=msgspec.Struct)

LISTS: Mapping[str, tuple[str, type[Part]]] = {
    "identities": ("identity", Identity),
    "vaults": ("vault", Vault),
    "key_vaults": ("key vault", KeyVault),
    "policy_assignments": ("policy assignment", PolicyAssignment),
    "nsgs": ("NSG", Nsg),
    "route_tables": ("route table", RouteTable),
    "vnets": ("VNet", Vnet),
    "admin_rules": ("admin rule", AdminRule),
    "locks": ("lock", Lock),
    "vms": ("VM", Vm),
    "faults": ("fault", Fault),
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
    for fault in estate.faults:
        try:
            re.compile(fault.match)
        except re.error as error:
            raise AzremedyError(
                f"In {where}, fault '{fault.match}': 'match' is no pattern: {error}."
            ) from error
