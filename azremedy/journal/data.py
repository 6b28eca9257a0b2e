"""Plans as JSON from which the same plans can be made again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import cache
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

from azremedy.arm import ArmId, Json


def plain(value: Any) -> Json:  # noqa: PLR0911 - one line a kind
    """Return plan data as JSON values from which `loaded` makes the same data: ids keep their spelling."""
    match value:
        case ArmId():
            return value.text
        case timedelta():
            return value.total_seconds()
        case datetime():
            return value.astimezone(UTC).isoformat()
        case StrEnum():
            return value.value
        case Mapping():
            return {str(name): plain(one) for name, one in value.items()}
        case list() | tuple() | set() | frozenset():
            return [plain(one) for one in value]
        case _ if is_dataclass(value):
            members = {one.name: plain(getattr(value, one.name)) for one in fields(value)}
            return {"kind": type(value).__name__, **members}
        case _:
            return value


def loaded(type_: Any, data: Json) -> Any:  # noqa: PLR0911 - one line a kind
    """Make a value of this type of what `plain` made of one. Raises `ValueError`, `KeyError` or `TypeError`."""
    origin, arguments = get_origin(type_), get_args(type_)
    if type_ is Any or origin is Mapping:
        return data
    if origin in {Union, UnionType}:
        if data is None and NoneType in arguments:
            return None
        chosen = [
            one for one in arguments if one is not NoneType and getattr(one, "__name__", "") == _kind(data)
        ]
        return loaded((chosen or [one for one in arguments if one is not NoneType])[0], data)
    if origin is tuple:
        return tuple(loaded(arguments[0], one) for one in data)
    if type_ is timedelta:
        return timedelta(seconds=data)
    if type_ is datetime:
        return datetime.fromisoformat(data)
    if isinstance(type_, type) and is_dataclass(type_):
        if _kind(data) != type_.__name__:
            raise ValueError(f"{_kind(data)} is no {type_.__name__}")
        return type_(
            **{name: loaded(hint, data[name]) for name, hint in _hints(type_).items() if name in data}
        )
    if type_ is ArmId or issubclass(type_, StrEnum):
        return type_(data)
    return data


@cache
def _hints(type_: Any) -> Mapping[str, Any]:
    hints = get_type_hints(type_)
    return {one.name: hints[one.name] for one in fields(type_)}


def _kind(data: Json) -> str:
    return data.get("kind", "") if isinstance(data, dict) else ""
