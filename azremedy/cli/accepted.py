"""What a team has agreed to live with: suppressions, each with a reason and an end, and the baseline of what is known."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Final

from azremedy import __version__
from azremedy.arm import ArmId
from azremedy.baseline import Comparison, Known, compare
from azremedy.errors import AzremedyError
from azremedy.playbook import Severity
from azremedy.suppression import Suppression

if TYPE_CHECKING:
    from azremedy.scan import Scan

FILE: Final = "azremedy-ignore.yaml"
VERSION: Final = 1


def of_file(named: Path | None, playbooks: Collection[str], today: date) -> tuple[Suppression, ...]:
    """Read the suppressions of the file that is named, else of the nearest one from here upward, if there is one."""
    path = named or upward(FILE)
    if path is None:
        return ()
    from azremedy.cli.ignorefile import read  # noqa: PLC0415 - most runs read no such file

    return read(path, playbooks, today)


def upward(name: str) -> Path | None:
    """Return the nearest file of this name, from the working directory up to the root of its repository."""
    here = Path.cwd()
    for folder in (here, *here.parents):
        if (folder / name).is_file():
            return folder / name
        if (folder / ".git").exists():
            return None
    return None


def complaints(of: Iterable[Suppression], scans: Sequence[Scan]) -> Iterator[str]:
    """Yield a sentence for each suppression that has ended, and for each in force that covers nothing that was found."""
    if not scans:
        return
    day = max(scan.finished for scan in scans).date()
    used = {one.by for scan in scans for one in scan.suppressed}
    for one in of:
        said = f"suppression {one.number} ({one.playbook} on {one.scope})"
        if not one.holds(day):
            yield f"{said} ended on {one.expires}: what it covered counts again"
        elif one not in used:
            yield f"{said} covers nothing that was found: take it out, or look at its scope"


def baseline_of(scans: Sequence[Scan]) -> bytes:
    """Return the file that keeps what was found; suppressed findings are not in it."""
    import msgspec  # noqa: PLC0415 - only a baseline is decoded here

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
    import msgspec  # noqa: PLC0415 - only a baseline is decoded here

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
    selected = {vm for scan in scans if scan.selection.needs for vm in scan.protected_vms}

    def judged(one: Known) -> bool:
        vm = ArmId(one.vm)
        selection = whole.get(ArmId(f"/subscriptions/{vm.subscription}"))
        narrowed = selection is None or vm not in selection or (bool(selection.needs) and vm not in selected)
        return not narrowed and one.playbook in looked_for and (one.playbook, vm.key) not in open_

    kept = (one for one in known if one.fingerprint not in accepted)
    return compare(found, kept, judged)
