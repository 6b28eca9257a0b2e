"""
What a team has agreed to live with: suppressions, each with a reason and an end, and the baseline of what is known.

A file of suppressions is called `azremedy-ignore.yaml`:

    suppressions:
      - playbook: restore-point-lock
        scope: /subscriptions/*/resourceGroups/legal
        reason: Points are kept by order until the audit is over (CHG-1201).
        owner: backup-team@example.org
        expires: 2026-12-31
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import date, timedelta
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

from azremedy import __version__
from azremedy.arm import ArmId
from azremedy.baseline import Comparison, Known, compare
from azremedy.errors import AzremedyError
from azremedy.playbook import Severity
from azremedy.suppression import Suppression

if TYPE_CHECKING:
    from azremedy.scan import Scan

FILE: Final = "azremedy-ignore.yaml"
LONGEST: Final = timedelta(days=366)
VERSION: Final = 1


def suppressions(path: Path, playbooks: Collection[str], today: date) -> tuple[Suppression, ...]:
    """
    Read a file of suppressions. Raises `AzremedyError` for what is none, naming its place in the file.

    `playbooks` are the ids that there are; `today` decides what lies more than a year ahead.
    """
    import msgspec  # noqa: PLC0415 - most runs read no such file
    import yaml  # noqa: PLC0415 - as above

    class Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
        playbook: str
        scope: Annotated[str, msgspec.Meta(pattern=r"\A/subscriptions/[^/]")]
        reason: Annotated[str, msgspec.Meta(pattern=r"\S")]
        expires: date
        owner: str | None = None

    class Whole(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
        suppressions: tuple[Entry, ...]

    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
        entries = msgspec.convert(content, Whole).suppressions
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


def _wrong(entry: Any, playbooks: Collection[str], today: date) -> str | None:
    """Return what makes no sense in an entry, in words that go on after `Suppression 1 of FILE`."""
    if entry.playbook not in (*playbooks, "*"):
        near = get_close_matches(entry.playbook.lower(), playbooks, n=1)
        meant = f" Did you mean {near[0]!r}?" if near else ""
        return f"names the playbook {entry.playbook!r}, which is not known.{meant}"
    if entry.expires > today + LONGEST:
        return f"expires on {entry.expires}, more than a year from now: let it end within a year."
    return None


def idle(
    of: Iterable[Suppression], scans: Iterable[Scan], day: date
) -> tuple[list[Suppression], list[Suppression]]:
    """Return the suppressions that have ended, and those in force that covered nothing."""
    used = {one.by for scan in scans for one in scan.suppressed}
    known = list(of)
    ended = [one for one in known if not one.holds(day)]
    return ended, [one for one in known if one not in used and one not in ended]


def baseline_of(scans: Sequence[Scan]) -> bytes:
    """Return the file that keeps what was found; suppressed findings are not in it."""
    import msgspec  # noqa: PLC0415 - as above

    found = {
        one.fingerprint: {
            "playbook": one.playbook.id,
            "vm": one.finding.vm.text,
            "severity": str(one.finding.severity),
        }
        for scan in scans
        for one in scan.diagnoses
    }
    whole = {
        "schemaVersion": VERSION,
        "tool": {"name": "azremedy", "version": __version__},
        "findings": dict(sorted(found.items())),
    }
    return msgspec.json.format(msgspec.json.encode(whole), indent=2) + b"\n"


def baseline(path: Path) -> tuple[Known, ...]:
    """Read a baseline back. Raises `AzremedyError`."""
    import msgspec  # noqa: PLC0415 - as above

    try:
        whole = msgspec.json.decode(path.read_bytes())
        if (version := whole["schemaVersion"]) != VERSION:
            raise AzremedyError(
                f"{path} is a baseline of version {version}; this azremedy reads version {VERSION}."
            )
        return tuple(
            Known(fingerprint, one["playbook"], one["vm"], Severity[one["severity"].upper()])
            for fingerprint, one in whole["findings"].items()
        )
    except OSError as error:
        raise AzremedyError(f"Cannot read the baseline {path}: {error.strerror}.") from error
    except (msgspec.MsgspecError, UnicodeDecodeError, KeyError, TypeError, AttributeError) as error:
        raise AzremedyError(f"{path} is no baseline that `azremedy scan --write-baseline` wrote.") from error


def compared(scans: Sequence[Scan], known: Iterable[Known]) -> Comparison:
    """Compare what these scans found with what was known."""
    found = {one.fingerprint: one.finding.severity for scan in scans for one in scan.diagnoses}
    looked_for = {playbook for scan in scans for playbook in scan.playbooks}
    accepted = {one.diagnosis.fingerprint for scan in scans for one in scan.suppressed}
    open_ = {(one.playbook, one.vm.key) for scan in scans for one in scan.not_evaluated}
    whole = {scan.subscription.id: scan.selection for scan in scans if not scan.unread}

    def judged(one: Known) -> bool:
        vm = ArmId(one.vm)
        selection = whole.get(ArmId(f"/subscriptions/{vm.subscription}"))
        narrowed = selection is None or bool(selection.needs) or vm not in selection
        return not narrowed and one.playbook in looked_for and (one.playbook, vm.key) not in open_

    kept = (one for one in known if one.fingerprint not in accepted)
    return compare(found, kept, judged)
