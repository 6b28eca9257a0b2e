"""The logs of one VM, as it told them from inside. For programs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from azremedy import __version__, symptoms
from azremedy.arm import ArmId
from azremedy.estate import Estate
from azremedy.guest.logs import COLLECT, Logged
from azremedy.report.document import gap, moment
from azremedy.resources import LogFile, LogTold, Unread

SCHEMA_VERSION = 1


@dataclass(frozen=True, slots=True)
class Logs:
    """One VM, and its logs in the order in which they were read."""

    estate: Estate
    vm: ArmId
    as_of: datetime
    logs: tuple[Logged, ...]

    @property
    def os(self) -> str | None:
        model = self.estate.vm.get(self.vm)
        return model.os if model else None

    @property
    def collect(self) -> Sequence[str]:
        """The commands for whole logs, to be typed in the VM."""
        return COLLECT.get((self.os or "").lower(), ())

    @property
    def unread(self) -> tuple[Unread, ...]:
        """What could not be read, of Azure and of the VM."""
        return (*self.estate.unread, *(one.told for one in self.logs if isinstance(one.told, Unread)))


def document(of: Logs) -> dict[str, Any]:
    """Return the logs as `schemas/logs.json` describes them."""
    return {
        "schemaVersion": SCHEMA_VERSION,
        "tool": {"name": "azremedy", "version": __version__},
        "asOf": moment(of.as_of),
        "subscription": {"id": of.estate.subscription.id.name, "name": of.estate.subscription.name},
        "vm": {
            "id": of.vm.text,
            "name": of.vm.name,
            "os": of.os,
            "power": of.estate.power.get(of.vm),
        },
        "logs": [logged(one) for one in of.logs],
        "collect": list(of.collect),
        "unread": [gap(one) for one in of.unread],
    }


def logged(one: Logged) -> dict[str, Any]:
    told = one.told if isinstance(one.told, LogTold) else None
    return {
        "name": one.log.name,
        "title": one.log.title,
        "place": one.log.place,
        "namesOnly": one.log.names_only,
        "files": [file(each) for each in told.files] if told else [],
        "lines": [{"text": line, "errorCode": known(line)} for line in told.lines] if told else [],
        "notRead": None if isinstance(one.told, LogTold) else one.told.reason,
    }


def file(one: LogFile) -> dict[str, Any]:
    return {
        "path": one.path,
        "size": one.size,
        "changedAt": moment(one.changed) if one.changed else None,
    }


def known(line: str) -> str | None:
    """Return the documented code that a line speaks of."""
    symptom = symptoms.in_text(line)
    return symptom.code if symptom else None
