"""An estate in a file, so that it can be judged again later, without Azure."""

from __future__ import annotations

import gzip
from functools import cache
from pathlib import Path
from threading import Lock
from typing import Any, Final

import msgspec

from azremedy.arm import ArmId
from azremedy.errors import AzremedyError
from azremedy.estate import Estate

VERSION = 1
MAKING: Final = Lock()


class SavedEstate(msgspec.Struct, frozen=True, rename="camel"):
    """The file: its version first, so that another version is refused by name."""

    schema_version: int
    estate: Estate


class Version(msgspec.Struct, frozen=True, rename="camel"):
    schema_version: int


def dump(estate: Estate) -> bytes:
    """Return the JSON of an estate. It holds names, ids and addresses, and no secret: none was ever read."""
    return msgspec.json.encode(SavedEstate(VERSION, estate), enc_hook=str, order="deterministic")


def pack(estate: Estate) -> bytes:
    """Return what `dump` makes, compressed."""
    return gzip.compress(dump(estate), compresslevel=1)


def unpack(packed: bytes, source: str) -> Estate:
    """Return the estate in the bytes that `pack` made, as `loaded` does."""
    return loaded(gzip.decompress(packed), source)


def load(path: Path) -> Estate:
    """
    Return the estate that `dump` wrote to a file.

    Raises `AzremedyError` when the file cannot be read, is no saved estate, or is one of another version.
    """
    try:
        text = path.read_bytes()
    except OSError as error:
        raise AzremedyError(f"Cannot read {path}: {error.strerror}.") from error
    return loaded(text, str(path))


def loaded(text: bytes, source: str) -> Estate:
    """Return the estate in the bytes that `dump` made; `source` is what messages call them. Raises `AzremedyError`."""
    try:
        version = msgspec.json.decode(text, type=Version).schema_version
        if version != VERSION:
            raise AzremedyError(
                f"{source} is a saved estate of version {version}; this azremedy reads version {VERSION}."
            )
        return decoder().decode(text).estate
    except msgspec.MsgspecError as error:
        raise AzremedyError(
            f"{source} is not an estate that `azremedy scan --save-estate` wrote: {error}."
        ) from error


def decoder() -> msgspec.json.Decoder[SavedEstate]:
    """Return the decoder of all threads: two that make one of the same dataclasses at a time end the process."""
    with MAKING:
        return made()


@cache
def made() -> msgspec.json.Decoder[SavedEstate]:
    return msgspec.json.Decoder(SavedEstate, dec_hook=arm_id)


def arm_id(type_: type, value: Any) -> ArmId:
    """Make the one type of an estate that JSON has no word for."""
    if type_ is not ArmId or not isinstance(value, str):
        raise NotImplementedError(type_)
    return ArmId(value)
