"""Windows inside: the statements of azremedy's scripts, carried out over the guest's state, and nothing else."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from fnmatch import fnmatchcase
from typing import Any, Final

import msgspec

from azremedy.guest import changing, components, copied, powershell
from azremedy.guest.powershell import Statement
from azremedy.sandbox.guest import disks, logs
from azremedy.sandbox.guest.outcome import Outcome, Uncared
from azremedy.sandbox.inside import Guest, Service

STATES: Final = {"running": "Running", "stopped": "Stopped", "failed": "Stopped"}
STARTS: Final = {"automatic": "Auto", "manual": "Manual", "disabled": "Disabled"}
OURS: Final = ("S-1-1-0", "S-1-5-32-544")
SERVICES_KEY: Final = r"HKLM:\SYSTEM\CurrentControlSet\Services"
EXPORTED: Final = "20260101000000"
"""The time in the names of exported keys."""
VIRTUAL: Final = ("loopback", "vethernet", "npcap")


class Running:
    """A script while it runs: the guest as it is by now, what was read, and what was written."""

    def __init__(self, guest: Guest) -> None:
        self.guest = guest
        self.found: dict[str, Any] = {}
        self.out: list[str] = []
        self.files: list[tuple[str, str]] = []
        """The files of a log that were listed, newest first, with what they hold."""
        self.lines: list[str] = []
        self.roots: list[str] = []
        self.later: list[Statement] = []
        self.kept = False
        """Whether a key of the registry was exported."""
        self.apart = False
        """Whether what runs is a task, and no longer the script."""
        self.restarts = False
        self.agent = ""
        """What becomes of the agent: it `restarts`, or is `cut` off from the script."""

    def value(self, key: str, name: str) -> Any:
        """Return a value of the registry, None where there is none."""
        return next(
            (value for found, value in self.values(key).items() if found.lower() == name.lower()), None
        )

    def values(self, key: str) -> Mapping[str, Any]:
        return next(
            (held or {} for found, held in self.guest.registry.items() if found.lower() == key.lower()), {}
        )

    def there(self, key: str) -> bool:
        """Whether a key of the registry, or one below it, is there."""
        return any(f"{found}\\".lower().startswith(f"{key}\\".lower()) for found in self.guest.registry)

    def below(self, key: str, like: str) -> Iterable[tuple[str, str]]:
        """Yield the keys right below a key whose names are like a pattern, and these names."""
        for found in self.guest.registry:
            parent, _, name = found.rpartition("\\")
            if parent.lower() == key.lower() and fnmatchcase(name.lower(), like.lower()):
                yield found, name

    def services(self, like: str) -> Iterable[tuple[str, Service]]:
        for name, service in self.guest.services.items():
            if service is not None and fnmatchcase(name.lower(), like.lower()):
                yield name, service

    def services_are(self, like: str, **members: str) -> None:
        """Change the state or the start of services."""
        changed = {name: msgspec.structs.replace(held, **members) for name, held in self.services(like)}
        self.guest = msgspec.structs.replace(self.guest, services={**self.guest.services, **changed})

    def put(self, key: str, values: Mapping[str, Any]) -> None:
        spelled = next((found for found in self.guest.registry if found.lower() == key.lower()), key)
        registry = {**self.guest.registry, spelled: dict(values)}
        self.guest = msgspec.structs.replace(self.guest, registry=registry)


def run(guest: Guest, lines: Iterable[str]) -> Outcome:
    """Carry out a script. Raises `Uncared` for one that is not made of azremedy's statements."""
    try:
        script = powershell.statements("\n".join(lines).splitlines())
    except ValueError as error:
        raise Uncared(
            "The sandbox has no Windows: its guests carry out the statements of azremedy's own scripts, "
            f"and this script is none ({error})."
        ) from error
    running = Running(guest)
    try:
        for one in script:
            CARE[type(one)](running, one)
    except LookupError as error:
        return Outcome("\n".join(running.out), f"{error.args[0]}", running.guest)
    return Outcome(
        "\n".join(running.out),
        "",
        running.guest,
        cut=running.agent == "cut",
        restarts=running.agent == "restarts",
        reboots=running.restarts,
    )


def read_key(running: Running, one: changing.ReadKey) -> None:
    if found := sorted(name for _, name in running.below(one.key, one.like)):
        running.found["settings"][one.label] = found[0]


def export_key(running: Running, one: changing.ExportKey) -> None:
    if running.there(one.key):
        text = "\n".join(("Windows Registry Editor Version 5.00", *exported(running, one.key), ""))
        files = {**running.guest.files, f"{on_disk(one.file)}{EXPORTED}.reg": text}
        running.guest = msgspec.structs.replace(running.guest, files=files)
        running.kept = True


def need_export(running: Running, _: Any) -> None:
    if not running.kept:
        raise LookupError("The agent has no key to export.")


def exported(running: Running, key: str) -> Iterable[str]:
    """Yield what `reg export` writes of a key, and of all below it."""
    for found, values in running.guest.registry.items():
        if f"{found}\\".lower().startswith(f"{key}\\".lower()):
            yield ""
            yield f"[{found.replace('HKLM:', 'HKEY_LOCAL_MACHINE', 1)}]"
            for name, value in (values or {}).items():
                text = str(value).replace("\\", r"\\").replace('"', r"\"")
                yield f'"{name}"=dword:{value:08x}' if isinstance(value, int) else f'"{name}"="{text}"'


def on_disk(path: str) -> str:
    """Return how the sandbox names a file of the system drive."""
    return path.removeprefix("C:").replace("\\", "/")


def queue(running: Running, one: changing.Queue) -> None:
    running.later.append(powershell.read(one.line))


def run_later(running: Running, _: Any) -> None:
    """Do what was queued: time enough passes before anybody looks again."""
    running.apart = True
    for each in running.later:
        CARE[type(each)](running, each)
    running.apart = False


def forget_task(_: Running, __: Any) -> None:
    """Leave all as it is: what a task did is what is kept of it."""


def halt(running: Running, one: changing.Halt) -> None:
    """Stop a service; where the machine restarts, that brings it back."""
    if not running.restarts:
        running.services_are(one.service, state="stopped")


def rename_folder(running: Running, one: changing.RenameFolder) -> None:
    folder = f"{on_disk(one.folder)}/"
    files = {
        name.replace(folder, f"{folder[:-1]}_old/", 1) if name.startswith(folder) else name: content
        for name, content in running.guest.files.items()
    }
    running.guest = msgspec.structs.replace(running.guest, files=files)


def remove_keys(running: Running, one: changing.RemoveKeys) -> None:
    gone = tuple(f"{key}\\" for key, _ in running.below(one.key, one.like))
    registry = {
        key: values for key, values in running.guest.registry.items() if not f"{key}\\".startswith(gone)
    }
    running.guest = msgspec.structs.replace(running.guest, registry=registry)


def restart_machine(running: Running, _: Any) -> None:
    running.restarts = True


def begin(running: Running, _: Any) -> None:
    running.found = {
        "azremedy": 1, "os": "windows", "services": {}, "accounts": {}, "settings": {}, "marks": [], "adapters": [],
        "writers": 0, "unstable": [], "crypto": {}, "machinekeys": [], "ports": {},
    }  # fmt: skip


def read_services(running: Running, one: powershell.ReadServices) -> None:
    for name, service in list(running.services(one.pattern))[:8]:
        running.found["services"][name] = [STATES[service.state], STARTS[service.start]]


def read_account(running: Running, one: powershell.ReadAccount) -> None:
    for _, service in running.services(one.service):
        running.found["accounts"][one.service] = service.account


def read_value(running: Running, one: powershell.ReadValue) -> None:
    if (value := running.value(one.key, one.name)) is not None:
        running.found["settings"][one.label] = str(value)


def mark_key(running: Running, one: powershell.MarkKey) -> None:
    if running.there(one.key):
        running.found["marks"].append(one.label)


def mark_value(running: Running, one: powershell.MarkValue) -> None:
    if running.value(one.key, one.name) is not None:
        running.found["marks"].append(one.label)


def read_adapters(running: Running, _: Any) -> None:
    connected = (
        one for one in running.guest.adapters or () if not any(word in one.name.lower() for word in VIRTUAL)
    )
    for one in list(connected)[:8]:
        running.found["adapters"].append([one.name, "Enabled" if one.dhcp else "Disabled", one.addresses])


def try_port(running: Running, one: powershell.TryPort) -> None:
    running.found["ports"][str(one.port)] = one.port in running.guest.wire_server


def read_writers(running: Running, _: Any) -> None:
    running.found["writers"] = len(running.guest.writers)
    bad = [[name, state] for name, state in running.guest.writers.items() if state != 1]
    running.found["unstable"] = bad[:12]


def read_crypto(running: Running, _: Any) -> None:
    for key, values in running.guest.registry.items():
        above, _, name = key.rpartition("\\")
        if above.lower() == components.CRYPTO_KEY.lower() and name.lower().startswith("v"):
            running.found["crypto"][name] = str((values or {}).get("SchUseStrongCrypto", ""))


def read_machine_keys(running: Running, _: Any) -> None:
    held = (running.guest.machine_keys or {}).items()
    running.found["machinekeys"] = [[sid, rights] for sid, rights in held if sid in OURS]


def emit(running: Running, _: Any) -> None:
    running.out.append(json.dumps(running.found, separators=(",", ":"), ensure_ascii=False))


def set_text(running: Running, one: changing.SetText) -> None:
    kept = {
        name: value for name, value in running.values(one.key).items() if name.lower() != one.name.lower()
    }
    running.put(one.key, {**kept, one.name: one.text})


def remove_value(running: Running, one: changing.RemoveValue) -> None:
    if running.there(one.key):
        values = running.values(one.key).items()
        running.put(one.key, {name: value for name, value in values if name.lower() != one.name.lower()})


def set_start(running: Running, one: changing.SetStart) -> None:
    if not dict(running.services(one.service)):
        raise LookupError(f"Set-Service : Service '{one.service}' was not found on computer '.'.")
    if one.mode.lower() not in STARTS:
        raise LookupError(f"Set-Service : Cannot bind parameter 'StartupType': '{one.mode}' is none.")
    running.services_are(one.service, start=one.mode.lower())


def start_service(running: Running, one: changing.StartService | changing.RestartService) -> None:
    found = [service for _, service in running.services(one.service)]
    if not found or found[0].start == "disabled":
        raise LookupError(f"Start-Service : Service '{one.service}' cannot be started.")
    running.services_are(one.service, state="running")


def restart_service(running: Running, one: changing.RestartService) -> None:
    """Restart a service, after which the writers that it brings are stable."""
    start_service(running, one)
    writers = {
        name: 1 if components.WRITERS.get(name) == one.service else state
        for name, state in running.guest.writers.items()
    }
    running.guest = msgspec.structs.replace(running.guest, writers=writers)


def set_number(running: Running, one: changing.SetNumber) -> None:
    if not running.there(one.key):
        raise LookupError(f"New-ItemProperty : Cannot find path '{one.key}' because it does not exist.")
    kept = {
        name: value for name, value in running.values(one.key).items() if name.lower() != one.name.lower()
    }
    running.put(one.key, {**kept, one.name: one.number})


def restart_agent(running: Running, one: changing.RestartAgent) -> None:
    """Start what may start; the agent that is stopped while it carries out this very script tells of no end."""
    if any(held.start != "disabled" for _, held in running.services(one.service)):
        running.services_are(one.service, state="running")
    running.agent = "restarts" if running.apart else "cut"


def set_recovery(running: Running, one: changing.SetRecovery) -> None:
    if not dict(running.services(one.service)):
        raise LookupError("The recovery was not set.")
    key = f"{SERVICES_KEY}\\{one.service}"
    running.put(key, {**running.values(key), "FailureActions": "restart"})


def clear_recovery(running: Running, one: changing.ClearRecovery) -> None:
    key = f"{SERVICES_KEY}\\{one.service}"
    if running.there(key):
        running.put(
            key, {name: value for name, value in running.values(key).items() if name != "FailureActions"}
        )


def say(running: Running, one: powershell.Say) -> None:
    running.out.append(one.text)


CARE: Final[Mapping[type[Statement], Callable[[Running, Any], None]]] = {
    powershell.Begin: begin,
    powershell.ReadServices: read_services,
    powershell.ReadAccount: read_account,
    powershell.ReadValue: read_value,
    powershell.MarkKey: mark_key,
    powershell.MarkValue: mark_value,
    powershell.ReadAdapters: read_adapters,
    powershell.TryPort: try_port,
    powershell.ReadWriters: read_writers,
    powershell.ReadCrypto: read_crypto,
    powershell.ReadMachineKeys: read_machine_keys,
    powershell.Emit: emit,
    changing.SetText: set_text,
    changing.RemoveValue: remove_value,
    changing.SetStart: set_start,
    changing.StartService: start_service,
    changing.RestartService: restart_service,
    changing.SetNumber: set_number,
    powershell.Say: say,
    powershell.BeginLog: logs.begin_log,
    powershell.ListFiles: logs.list_files,
    powershell.ReadLines: logs.read_lines,
    powershell.ReadEvents: logs.read_events,
    powershell.KeepLines: logs.keep_lines,
    powershell.RedactLines: logs.redact_lines,
    powershell.EmitLog: logs.emit_log,
    copied.BeginCheck: disks.begin,
    copied.ReadOldDisk: disks.read_old,
    copied.ReadNewDisk: disks.read_new,
    copied.CompareFiles: disks.compare_files,
    copied.CompareSums: disks.compare_sums,
    changing.ReadKey: read_key,
    changing.ExportKey: export_key,
    changing.NeedExport: need_export,
    changing.Queue: queue,
    changing.RunLater: run_later,
    changing.ForgetTask: forget_task,
    changing.Halt: halt,
    changing.RenameFolder: rename_folder,
    changing.RemoveKeys: remove_keys,
    changing.RestartMachine: restart_machine,
    changing.SetRecovery: set_recovery,
    changing.ClearRecovery: clear_recovery,
    changing.RestartAgent: restart_agent,
}
"""What each statement does to a guest."""
