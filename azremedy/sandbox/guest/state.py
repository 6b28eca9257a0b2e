"""A whole guest: what a description says of it, over what a healthy one of its operating system holds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, TypeVar

import msgspec

from azremedy.guest.components import CRYPTO_KEY, INSTALLER_KEY
from azremedy.guest.windows import BACKUP_KEY, HANDLER_STATES, NET_KEY
from azremedy.guest.windows import HANDLER as WINDOWS_HANDLER
from azremedy.sandbox.compute import VERSION, agent_of, backup_extension, snapshot_of
from azremedy.sandbox.description import Snapshot, Vm
from azremedy.sandbox.inside import Adapter, Guest, Service

V = TypeVar("V")

AGENT_UNIT: Final = "walinuxagent"
UNITS: Final = (AGENT_UNIT, "waagent")
"""What distributions call the agent's unit."""
HANDLER: Final = "/var/lib/waagent/Microsoft.Azure.RecoveryServices.VMSnapshotLinux-"
"""The folder of Backup's extension, but for its version."""
HANDLER_KEY: Final = rf"{HANDLER_STATES[0]}\{WINDOWS_HANDLER}_"
HANDLER_FOLDER: Final = f"/Packages/Plugins/{WINDOWS_HANDLER}/"
"""The same on Windows, whose files are those of the system drive, and what the agent notes of it in the registry."""
NETWORK_SERVICE: Final = r"NT AUTHORITY\NetworkService"
MANUAL: Final = Service(state="stopped", start="manual")

WINDOWS: Final = Guest(
    services={
        "RdAgent": Service(),
        "WindowsAzureGuestAgent": Service(),
        "IaasVmProvider": Service(),
        "COMSysApp": Service(start="manual"),
        "MSDTC": Service(account=NETWORK_SERVICE),
        "VSS": MANUAL,
    },
    registry={
        NET_KEY: {"Release": 528449},
        INSTALLER_KEY: {"Start": 3},
        BACKUP_KEY: {"IsProviderInstalled": "True"},
        rf"{CRYPTO_KEY}\v4.0.30319": {"SchUseStrongCrypto": 1},
        rf"{CRYPTO_KEY}\v2.0.50727": {"SchUseStrongCrypto": 1},
    },
    adapters=(Adapter(),),
    writers={
        "System Writer": 1,
        "Registry Writer": 1,
        "WMI Writer": 1,
        "COM+ REGDB Writer": 1,
        "Task Scheduler Writer": 1,
    },
    machine_keys={"S-1-1-0": 1180063, "S-1-5-32-544": 2032127},
    files={
        f"/C:/WindowsAzure/Logs/{name}": f"[00000004] [INFO]  {name} begins\r\n"
        for name in ("WaAppAgent.log", "TransparentInstaller.log")
    },
)

NETPLAN: Final = "/etc/netplan/50-cloud-init.yaml"
"""Where Ubuntu has it that the adapter gets its address by DHCP."""

LINUX: Final = Guest(
    services={AGENT_UNIT: Service()},
    files={
        "/etc/os-release": 'NAME="Ubuntu"\nID=ubuntu\nVERSION_ID="24.04"\n',
        "/etc/waagent.conf": (
            "# Enable extension handling\nExtensions.Enabled=y\n\n# Which provisioning agent to use\nProvisioning.Agent=auto\n"
            "\n# Enable verbose logging (y/n)\nLogs.Verbose=n\n\nOS.EnableFirewall=y\nAutoUpdate.Enabled=y\n"
        ),
        "/etc/azure/vmbackup.conf": "[SnapshotThread]\nfsfreeze: True\n",
        "/var/lib/waagent/GoalState.1.xml": "<placeholder/>\n",
        "/var/log/waagent.log": "INFO Daemon Azure Linux Agent\n",
        "/run/systemd/netif/leases/2": "ADDRESS=10.0.0.4\nOPTION_245=a83f8110\n",
        NETPLAN: "network:\n  version: 2\n  ethernets:\n    eth0:\n      dhcp4: true\n",
        "/usr/bin/python3": "#!/bin/sh\n",
    },
    packages={AGENT_UNIT: "2.11.1.12-0ubuntu1"},
    available={AGENT_UNIT: "2.11.1.12-0ubuntu1"},
)


def whole(vm: Vm) -> Guest:
    """Return all that is inside a VM."""
    given = vm.guest or Guest()
    healthy = windows(vm) if vm.os == "Windows" else linux(vm)
    return msgspec.structs.replace(
        given,
        services=over(healthy.services, given.services),
        files=over(healthy.files, given.files),
        packages=over(healthy.packages, given.packages),
        available=over(healthy.available, given.available),
        registry=registry(healthy.registry, given.registry),
        writers=over(healthy.writers, given.writers),
        adapters=healthy.adapters if given.adapters is None else given.adapters,
        machine_keys=healthy.machine_keys if given.machine_keys is None else given.machine_keys,
    )


def windows(vm: Vm) -> Guest:
    """Return a healthy Windows guest, with Backup's extension where it was installed."""
    snapshot = snapshot_of(vm)
    if vm.backup is None or snapshot.state == "absent":
        return WINDOWS
    version = backup_extension(vm, snapshot).version
    files = {**WINDOWS.files, f"{HANDLER_FOLDER}{version}/HandlerManifest.json": "[]\n"}
    registry_ = {**WINDOWS.registry, f"{HANDLER_KEY}{version}": {"HandlerStatus": 1}}
    return msgspec.structs.replace(WINDOWS, files=files, registry=registry_)


def linux(vm: Vm) -> Guest:
    """Return a healthy Linux guest, whose package is as old as the agent that reports."""
    told, snapshot = agent_of(vm).version, snapshot_of(vm)
    healthy = LINUX
    if told is not None and told != VERSION["Linux"]:
        healthy = msgspec.structs.replace(LINUX, packages={AGENT_UNIT: f"{told}-0ubuntu1"})
    if vm.backup is None or snapshot.state == "absent":
        return healthy
    manifest = f"{HANDLER}{backup_extension(vm, snapshot).version}/HandlerManifest.json"
    return msgspec.structs.replace(healthy, files={**healthy.files, manifest: "[]\n"})


def handled(vm: Vm) -> Vm:
    """Return a VM whose agent tells of Backup's extension what is left of it in the guest: taken out, or put back."""
    guest, snapshot = whole(vm), snapshot_of(vm)
    there = any(map(of_handler, [*guest.files, *guest.registry]))
    if vm.backup is None or there is (snapshot.state != "absent"):
        return vm
    return msgspec.structs.replace(
        vm, snapshot=Snapshot("failed" if there else "absent", listed=snapshot.listed)
    )


def installed(vm: Vm) -> Vm:
    """Return a VM in which Backup's extension was installed anew, with all that is its own in the guest."""
    given = vm.guest or Guest()
    files = {name: content for name, content in given.files.items() if not of_handler(name)}
    registry = {key: values for key, values in given.registry.items() if not of_handler(key)}
    guest = vm.guest and msgspec.structs.replace(given, files=files, registry=registry)
    return msgspec.structs.replace(vm, guest=guest, snapshot=Snapshot("ready", listed=snapshot_of(vm).listed))


def of_handler(name: str) -> bool:
    """Whether a file or a key of the registry is one by which the agent knows Backup's extension."""
    return name.startswith((HANDLER, HANDLER_KEY, HANDLER_FOLDER))


def restart_of(guest: Guest, unit: str) -> str | None:
    """Return what systemd does when a unit ends, as the last file beside it says, or the unit; None where there is none."""
    service = guest.services.get(unit)
    beside = f"/etc/systemd/system/{unit}.service.d/"
    files = (guest.files[name] or "" for name in sorted(guest.files) if name.startswith(beside))
    said = [
        line.removeprefix("Restart=")
        for file in files
        for line in file.splitlines()
        if line.startswith("Restart=")
    ]
    return said[-1] if said else service.restart if service else None


def over(healthy: Mapping[str, V | None], given: Mapping[str, V | None]) -> dict[str, V | None]:
    """Return what is there: the healthy without what is given as null, and what is given."""
    return {name: value for name, value in {**healthy, **given}.items() if value is not None}


def registry(healthy: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the registry, key by key and value by value; keys are found without case."""
    made = {key: dict(values) for key, values in healthy.items()}
    spelled = {key.lower(): key for key in made}
    for key, values in given.items():
        known = spelled.get(key.lower(), key)
        if values is None:
            made.pop(known, None)
        else:
            made[known] = over(made.get(known, {}), values)
    return made


def settled(guest: Guest, vm: Vm) -> Guest:
    """Return what a description has to say of a guest so that `whole` makes this very guest of it."""
    healthy = windows(vm) if vm.os == "Windows" else linux(vm)
    return msgspec.structs.replace(
        guest,
        services=gone(healthy.services, guest.services),
        files=gone(healthy.files, guest.files),
        packages=gone(healthy.packages, guest.packages),
        available=gone(healthy.available, guest.available),
        registry={
            key: None
            if key not in guest.registry
            else gone(healthy.registry.get(key) or {}, guest.registry[key] or {})
            for key in {**healthy.registry, **guest.registry}
        },
        writers=gone(healthy.writers, guest.writers),
    )


def gone(healthy: Mapping[str, Any], there: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is there, and as null what is there on a healthy one and here no more."""
    return {**dict.fromkeys(healthy.keys() - there.keys()), **there}
