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

from collections.abc import Collection
from datetime import date, timedelta
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Final

import msgspec
import yaml

from azremedy.errors import AzremedyError
from azremedy.suppression import Suppression

LONGEST: Final = timedelta(days=366)


class Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One suppression as it stands in the file."""

    playbook: str
    scope: Annotated[str, msgspec.Meta(pattern=r"\A/subscriptions/[^/]")]
    reason: Annotated[str, msgspec.Meta(pattern=r"\S")]
    expires: date
    owner: str | None = None


class File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The whole file."""

    suppressions: tuple[Entry, ...]


def read(path: Path, playbooks: Collection[str], today: date) -> tuple[Suppression, ...]:
    """
    Read a file of suppressions. Raises `AzremedyError` for what is none, naming its place in the file.

    `playbooks` are the ids that there are; `today` decides what lies more than a year ahead.
    """
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
        entries = msgspec.convert(content, File).suppressions
    except OSError as error:
        raise AzremedyError(f"Cannot read {path}: {error.strerror}.") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        mark = getattr(error, "problem_mark", None)
        line = f" in line {mark.line + 1}" if mark else ""
        raise AzremedyError(f"{path} is no YAML{line}.") from error
    except msgspec.ValidationError as error:
        raise AzremedyError(
            f"{path} is no file of suppressions: {error} (see docs/ci.md for what belongs in it)."
        ) from error
    for number, entry in enumerate(entries, 1):
        if why := _wrong(entry, playbooks, today):
            raise AzremedyError(f"Suppression {number} of {path} {why}")
    return tuple(
        Suppression(one.playbook, one.scope, one.reason.strip(), one.expires, one.owner, number)
        for number, one in enumerate(entries, 1)
    )


def _wrong(entry: Entry, playbooks: Collection[str], today: date) -> str | None:
    """Return what makes no sense in an entry, in words that go on after `Suppression 1 of FILE`."""
    if entry.playbook not in (*playbooks, "*"):
        near = get_close_matches(entry.playbook.lower(), playbooks, n=1)
        meant = f" Did you mean {near[0]!r}?" if near else ""
        return f"names the playbook {entry.playbook!r}, which is not known.{meant}"
    if entry.expires > today + LONGEST:
        return f"expires on {entry.expires}, more than a year from now: let it end within a year."
    return None
