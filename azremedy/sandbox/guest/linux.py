"""
Linux inside: a script is run by this machine's own `sh`, in a throw-away root that holds the guest's files.

Where the system admits namespaces to whoever asks, the root is all that the script sees of this machine, but for its
programs, which it cannot change (`wall.sh`): any script may run. Elsewhere (a container without that right, another
system) nothing holds a script in, so only the scripts that azremedy ships are run: they write each path as
`${SYSROOT:-}/…`, with SYSROOT the root, an empty environment, and a PATH of stand-ins and a few tools.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterable, Mapping
from contextlib import suppress
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Final

import msgspec

from azremedy.guest import shipped
from azremedy.sandbox.guest import disks
from azremedy.sandbox.guest.outcome import Outcome, Uncared
from azremedy.sandbox.guest.state import restart_of
from azremedy.sandbox.inside import FILE, UNIT, Guest, Service, Volume

PATH: Final = "/usr/bin:/bin:/usr/sbin:/sbin"
"""Where the programs of this machine lie."""

PATIENCE: Final = 10.0
"""Seconds of this machine's time after which a script is ended."""
LARGEST: Final = 1 << 20
"""Bytes of a file, of all files together and of an output that are kept."""

TOOLS: Final = (
    "cat",
    "comm",
    "cp",
    "cut",
    "find",
    "grep",
    "head",
    "ls",
    "mkdir",
    "mv",
    "readlink",
    "rm",
    "sed",
    "sha256sum",
    "sort",
    "stat",
    "tail",
    "timeout",
    "tr",
    "wc",
)
"""The programs of this machine that azremedy's own scripts may use where there is no wall."""

ALIASES: Final[Mapping[str, tuple[str, ...]]] = {
    "apt-get": ("dnf", "yum", "tdnf", "zypper"),
    "mkfs.ext4": ("mkfs.xfs",),
    "mount": ("umount",),
}
"""Other names of stand-ins, which go by the name that they are called by."""
MANAGERS: Final[Mapping[frozenset[str], frozenset[str]]] = {
    frozenset({"rhel", "centos", "ol", "almalinux", "rocky", "fedora"}): frozenset({"dnf", "yum"}),
    frozenset({"azurelinux", "mariner"}): frozenset({"tdnf"}),
    frozenset({"sles", "opensuse-leap", "opensuse-tumbleweed"}): frozenset({"zypper"}),
}
"""The package managers of distributions, by the id of each; of all others it is apt. Before version 8 there is no dnf."""
ALL_MANAGERS: Final = frozenset({"apt-get"}).union(*MANAGERS.values())
ACTIVE: Final = {"running": "active", "stopped": "inactive", "failed": "failed"}
ENABLED: Final = {"automatic": "enabled", "manual": "static", "disabled": "disabled"}


def run(
    guest: Guest, goal: str, lines: Iterable[str], *, wall: bool | None = None, patience: float = PATIENCE
) -> Outcome:
    """
    Run a script in a guest whose goal-state agent is of this version.

    `wall` says whether the script is held in; by default it is where that can be. `patience` are seconds of this machine's
    time. Raises `Uncared` for a script that cannot be run here.
    """
    script = tuple("\n".join(lines).splitlines())
    held = walled() if wall is None else wall
    if not held and not shipped(script):
        raise Uncared(
            "This machine admits no namespaces, so the sandbox runs no scripts but azremedy's own: nothing would hold another one in."
        )
    try:
        return in_a_root(guest, goal, script, held=held, patience=patience)
    except OSError as error:
        raise Uncared(f"The sandbox cannot run a script here: {error.strerror or error}.") from error


def in_a_root(guest: Guest, goal: str, script: tuple[str, ...], *, held: bool, patience: float) -> Outcome:
    """Run a script in a root that is thrown away afterwards, whatever the script made of it."""
    with tempfile.TemporaryDirectory(prefix="azremedy-guest-", ignore_cleanup_errors=True) as folder:
        root = Path(folder)
        laid(root, guest, goal, "\n".join(script) + "\n")
        command = wall_command(root) if held else [found("sh"), str(root / ".guest/script")]
        environment = {"PATH": PATH} if held else bare(root)
        out, err = ended(command, environment, root, patience)
        if later := text(root / ".guest/later"):
            lay(root / ".guest/over", "")
            lay(root / ".guest/script", later)
            ended(command, environment, root, patience)
        return left(root, guest, out, err)


@cache
def walled() -> bool:
    """Whether this machine lets a script be held in, which is tried once."""
    if not all(shutil.which(one, path=PATH) for one in ("unshare", "mount", "umount", "pivot_root")):
        return False
    with tempfile.TemporaryDirectory(prefix="azremedy-guest-", ignore_cleanup_errors=True) as folder:
        root = Path(folder)
        laid(root, Guest(), "", "( : > /.host/usr/azremedy ) 2>/dev/null || echo held\nls /.old\n")
        out, _ = ended(wall_command(root), {"PATH": PATH}, root)
        return out == "held\n"


def wall_command(root: Path) -> list[str]:
    new = (
        "--user",
        "--map-root-user",
        "--mount",
        "--net",
        "--ipc",
        "--uts",
        "--pid",
        "--fork",
        "--kill-child",
    )
    return [found("unshare"), *new, "--", found("sh"), str(root / ".guest/wall"), str(root)]


def found(program: str) -> str:
    """Return the path of a program. Raises `Uncared` where this machine has none."""
    path = shutil.which(program, path=PATH)
    if path is None:
        raise Uncared(f"This machine has no {program}, with which the sandbox runs scripts for Linux.")
    return path


def bare(root: Path) -> Mapping[str, str]:
    """Return the environment of a script that nothing holds in: it names nothing but the root."""
    tools = root / ".guest/tools"
    tools.mkdir()
    for name in ("sh", *TOOLS):
        if path := shutil.which(name, path=PATH):
            (tools / name).symlink_to(path)
    return {"PATH": f"{root}/.guest/bin:{tools}", "SYSROOT": str(root), "HOME": str(root), "LC_ALL": "C"}


def laid(root: Path, guest: Guest, goal: str, script: str) -> None:
    """Lay out a guest below a root: its files, and beside them what the stand-ins read."""
    home = root / ".guest"
    for folder in ("bin", "services", "packages", "available", "held"):
        (home / folder).mkdir(parents=True)
    for name, content in guest.files.items():
        lay(root / name.lstrip("/"), content or "")
    for name, service in guest.services.items():
        lay(home / "services" / name, unit(service or Service()))
        lay(home / "restarts" / name, restart_of(guest, name) or "")
    held = dict.fromkeys(guest.held, "")
    for folder, versions in (("packages", guest.packages), ("available", guest.available), ("held", held)):
        for name, version in versions.items():
            lay(home / folder / name, version or "")
    lay_disks(root, guest.volumes)
    own = files("azremedy.sandbox.guest")
    known = {
        "ports": "".join(f"{port}\n" for port in guest.wire_server),
        "selinux": f"{guest.selinux}\n" if guest.selinux else "",
        "goal": f"{goal}\n",
        "script": script,
        "wall": own.joinpath("wall.sh").read_text("utf-8"),
    }
    for name, content in known.items():
        lay(home / name, content)
    for standin in own.joinpath("standins").iterdir():
        for name in {standin.name, *ALIASES.get(standin.name, ())} - missing(guest):
            lay(home / "bin" / name, standin.read_text("utf-8"))


def missing(guest: Guest) -> frozenset[str]:
    """Return the package managers that a guest's distribution does not bring, by what it says that it is."""
    told = guest.files.get("/etc/os-release") or ""
    id_, version = (text_of(told, name) for name in ("ID", "VERSION_ID"))
    managers = next((own for of, own in MANAGERS.items() if id_ in of), frozenset({"apt-get"}))
    old = "dnf" in managers and version.partition(".")[0] in {"6", "7"}
    return ALL_MANAGERS - (managers - {"dnf"} if old else managers)


def text_of(release: str, name: str) -> str:
    """Return what a line of os-release says."""
    found = re.search(rf'^{name}="?([^"\n]*)', release, re.MULTILINE)
    return found[1] if found else ""


def lay_disks(root: Path, volumes: Iterable[Volume]) -> None:
    """Lay out the data disks that are there: each in /dev, with the links to it, and what `lsblk` shows of it."""
    for one in volumes:
        if one.size:
            shown_of = disks.columns(one)
            lay(root / shown_of["NAME"].lstrip("/"), "")
            for place in disks.links(one):
                link = root / place.lstrip("/")
                link.parent.mkdir(parents=True, exist_ok=True)
                link.symlink_to(os.path.relpath(root / shown_of["NAME"].lstrip("/"), link.parent))
            for column, shown in shown_of.items():
                lay(root / ".guest/disks" / str(one.lun) / column, f"{shown}\n" if shown else "")


def lay(place: Path, content: str) -> None:
    """Write a file; what lies among programs can be run."""
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(content, encoding="utf-8")
    if place.parent.name == "bin":
        place.chmod(0o755)


def unit(service: Service) -> str:
    return (
        f"LoadState=loaded\nActiveState={ACTIVE[service.state]}\nUnitFileState={ENABLED[service.start]}\n"
        f"Restart={service.restart}\n"
    )


def ended(
    command: list[str], environment: Mapping[str, str], root: Path, patience: float = PATIENCE
) -> tuple[str, str]:
    """Run a command to its end, or to the end of patience, and return what it wrote."""
    out, err = root / ".guest/stdout", root / ".guest/stderr"
    with out.open("wb") as written, err.open("wb") as told:
        process = subprocess.Popen(  # noqa: S603 - what runs is held in, or is azremedy's own (see above)
            command, cwd=root, env=environment, stdin=subprocess.DEVNULL, stdout=written, stderr=told,
            start_new_session=True,
        )  # fmt: skip
        try:
            process.wait(patience)
        except subprocess.TimeoutExpired:
            told.write(b"\nThe sandbox ended the script, which took too long.\n")
        finally:
            kill(process)
    return text(out), text(err)


def kill(process: subprocess.Popen[bytes]) -> None:
    """End what a script left running."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def text(file: Path) -> str:
    """Return what a file holds at its end; one that is no plain file holds nothing."""
    if file.is_symlink() or not file.is_file():
        return ""
    with file.open("rb") as opened:
        opened.seek(max(file.stat().st_size - LARGEST, 0))
        return opened.read(LARGEST).decode(errors="replace")


def left(root: Path, guest: Guest, out: str, err: str) -> Outcome:
    """Return what a script left behind below its root. Links are not followed, wherever they lead."""
    home = root / ".guest"
    after = msgspec.structs.replace(
        guest,
        files=held(root),
        services={name: service(guest, name, text(file)) for name, file in entries(home / "services")},
        packages={name: text(file).strip() for name, file in entries(home / "packages")},
        volumes=disks.left(guest.volumes, lambda lun, column: text(home / "disks" / str(lun) / column)),
    )
    cut, restarted = (home / "cut").exists(), (home / "restarted").exists()
    return Outcome(out, err, after, cut=cut, restarts=restarted)


def held(root: Path) -> dict[str, str]:
    """Return the files of a guest, as long as they are few and small."""
    kept: dict[str, str] = {}
    room = LARGEST
    for folder, folders, names in os.walk(root):
        folders[:] = [one for one in folders if Path(folder, one) not in apart(root)]
        for name in names:
            file = Path(folder, name)
            if file.is_symlink() or file.stat().st_size > room:
                continue
            content = text(file)
            room -= len(content.encode())
            path = f"/{file.relative_to(root)}"
            if path.isprintable() and re.match(FILE, path):
                kept[path] = content
    return kept


def apart(root: Path) -> set[Path]:
    return {
        root / name
        for name in (".guest", ".host", ".old", "proc", "dev", "bin", "sbin", "lib", "lib64", "tmp")
    }


def entries(folder: Path) -> Iterable[tuple[str, Path]]:
    plain = (file for file in sorted(folder.iterdir()) if file.is_file() and not file.is_symlink())
    return ((file.name, file) for file in plain if re.match(UNIT, file.name))


def service(guest: Guest, name: str, shown: str) -> Service:
    """Return a service as its file shows it."""
    told: dict[str, str] = {line.partition("=")[0]: line.partition("=")[2] for line in shown.splitlines()}
    before = guest.services.get(name) or Service()
    states, starts = (
        {value: key for key, value in ACTIVE.items()},
        {value: key for key, value in ENABLED.items()},
    )
    changed = {
        "state": states.get(told.get("ActiveState", ""), before.state),
        "start": starts.get(told.get("UnitFileState", ""), before.start),
        "restart": told.get("Restart", before.restart),
    }
    return msgspec.convert({**msgspec.to_builtins(before), **changed}, Service)
