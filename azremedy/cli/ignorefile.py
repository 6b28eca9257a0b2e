"""
Reading a file of suppressions, `azremedy-ignore.yaml`.

    suppressions:
      - playbook: restore-point-lock
        scope: /subscriptions/*/resourceGroups/legal
        reason: Points are kept by order until the audit is over (CHG-1201).
        owner: backup-team@example.org
        expires: 2026-12-31
"""

from __future__ import annotations

import re
from collections.abc import Collection
from datetime import date, datetime, timedelta
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final

import msgspec
import yaml

from azremedy.errors import AzremedyError
from azremedy.suppression import Suppression

SCOPE: Final = re.compile(r"/subscriptions/[^/]", re.ASCII)
LONGEST: Final = timedelta(days=366)


class Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One suppression as it stands in the file."""

    playbook: str
    scope: str
    reason: str
    expires: Any
    owner: str | None = None

    @property
    def until(self) -> date | None:
        """The last day on which it holds, None where it names no day."""
        if isinstance(self.expires, date) and not isinstance(self.expires, datetime):
            return self.expires
        try:
            return date.fromisoformat(self.expires) if isinstance(self.expires, str) else None
        except ValueError:
            return None


class File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The whole file."""

    suppressions: tuple[Entry, ...]


def read(path: Path, playbooks: Collection[str], today: date) -> tuple[Suppression, ...]:
    """
    Read a file of suppressions. Raises `AzremedyError` for what is none, naming its place in the file.

    `playbooks` are the ids that there are; `today` decides what lies more than a year ahead.
    """
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8-sig"))
        entries = msgspec.convert(content, File).suppressions
    except OSError as error:
        raise AzremedyError(f"Cannot read {path}: {error.strerror}.") from error
    except RecursionError as error:
        raise AzremedyError(f"{path} is no file of suppressions: it is nested too deep.") from error
    except msgspec.ValidationError as error:
        raise AzremedyError(
            f"{path} is no file of suppressions: {error} (docs/ci.md says what belongs in it)."
        ) from error
    except (yaml.YAMLError, ValueError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f" in line {mark.line + 1}" if mark else ""
        why = f": {error}" if type(error) is ValueError else ""
        raise AzremedyError(f"{path} is no YAML{where}{why}.") from error
    return tuple(_made(path, number, one, playbooks, today) for number, one in enumerate(entries, 1))


def _made(path: Path, number: int, entry: Entry, playbooks: Collection[str], today: date) -> Suppression:
    """Return what an entry says. Raises `AzremedyError` where it makes no sense."""
    until = entry.until
    if why := _wrong(entry, playbooks):
        raise AzremedyError(f"Suppression {number} of {path} {why}")
    if until is None:
        raise AzremedyError(
            f"Suppression {number} of {path} expires on {entry.expires!r}, which is no day such as 2026-12-31."
        )
    if until > today + LONGEST:
        raise AzremedyError(
            f"Suppression {number} of {path} expires on {until}, more than a year from now: let it end within a year."
        )
    return Suppression(entry.playbook, entry.scope, entry.reason.strip(), until, entry.owner, number)


def _wrong(entry: Entry, playbooks: Collection[str]) -> str | None:
    """Return what makes no sense in an entry, in words that go on after `Suppression 1 of FILE`."""
    if entry.playbook not in (*playbooks, "*"):
        near = get_close_matches(entry.playbook.lower(), playbooks, n=1)
        meant = f" Did you mean {near[0]!r}?" if near else ""
        return f"names the playbook {entry.playbook!r}, which is not known.{meant}"
    if not SCOPE.match(entry.scope):
        return (
            f"has the scope {entry.scope!r}, which is no ARM id: it begins with /subscriptions/ and an id or *, "
            "and * stands for any text."
        )
    return None if entry.reason.strip() else "gives no reason: say why the finding is accepted."
