"""
What writing side by side saves: `python benchmarks/apply.py [--vms 200] [--latency 0.03] [--speed 300]`.

An estate of broken VMs, mended by cures that have nothing to do with one another, is carried out twice, each time in
a fresh sandbox that is a process of its own and lets every request wait: one group at a time, and as many as by
default. The sandbox's clock, and with it the run's, goes `speed` times as fast as the wall's. The ratio is the figure.
Seconds unlocked are the sandbox's.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from serving import sandbox

from azremedy.apply import ArmClock, Result, Settings, carry_out, check
from azremedy.cli.looking import look
from azremedy.journal import Journal, header
from azremedy.plan import Choices, FixClass, Outcome
from azremedy.planfile import Asked
from azremedy.session import connect

Description = dict[str, Any]

FEW: Final = 4
"""VMs whose restore points lie under one lock."""
WELL: Final = frozenset({Outcome.APPLIED, Outcome.NOT_NEEDED})


def agent(_: int) -> Description:
    return {"agent": {"state": "not-ready", "back_after": "restart"}}


def provisioning(_: int) -> Description:
    return {"provisioning": {"state": "Failed", "cured_by": "reapply"}}


def extension(_: int) -> Description:
    return {"snapshot": {"state": "failed", "listed": True}}


def egress(turn: int) -> Description:
    return {"nic": {"subnet": "servers", "nsg": f"closed-{turn}"}}


def points(turn: int) -> Description:
    return {
        "points": {"count": 18, "every": 24, "newest": 32, "group": f"AzureBackupRG_points_{turn // FEW}"}
    }


CAUSES: Final = (
    (agent, "UserErrorGuestAgentStatusUnavailable"),
    (provisioning, "UserErrorVmProvisioningStateFailed"),
    (extension, "ExtensionOperationFailedForManagedDisks"),
    (egress, "ExtensionSnapshotFailedNoNetwork"),
    (points, "UserErrorRpCollectionLimitReached"),
)


def estate(vms: int, latency: float) -> Description:
    """Describe so many VMs, broken in turn by each cause, behind an ARM that lets every request wait."""
    turns = range(-(-vms // len(CAUSES)))
    deny = {"name": "deny", "access": "Deny", "priority": 200, "to": "Internet"}
    return {
        "vaults": [{"name": f"vault-{n}", "policies": [{"name": "daily"}]} for n in range(2)],
        "nsgs": [{"name": f"closed-{turn}", "rules": [deny]} for turn in turns],
        "vnets": [{"name": "vnet", "subnets": [{"name": "servers", "prefix": "10.0.0.0/18"}]}],
        "locks": [
            {"name": "keep", "scope": f"AzureBackupRG_points_{turn // FEW}"} for turn in turns if turn % FEW == 0
        ],
        "vms": [broken(number) for number in range(vms)],
        "faults": [{"match": "", "kind": "slow", "seconds": latency, "times": None}],
    }  # fmt: skip


def broken(number: int) -> Description:
    turn, which = divmod(number, len(CAUSES))
    cause, code = CAUSES[which]
    backup = {"vault": f"vault-{turn % 2}", "policy": "daily", "completed": 32, "failed": {"code": code}}
    return {"name": f"vm-{number:04d}", "group": "shop", "os": "Linux", "backup": backup, **cause(turn)}


@dataclass(frozen=True, slots=True)
class Run:
    """How long it took, and what it did."""

    wall: float
    groups: int
    result: Result

    @property
    def unlocked(self) -> list[float]:
        return sorted(one.seconds for one in self.result.unlocked)


def applied(parallel: int, environ: Mapping[str, str], speed: float, folder: Path) -> Run:
    """Read, plan and carry out everything in a sandbox; the time is that of the writing."""
    settings = Settings(parallel=parallel, now=True)
    os.environ |= environ  # where the SDK's credentials look
    with connect(environ["AZREMEDY_CLOUD"]) as session:
        [subscription] = session.subscriptions()
        choices = Choices(allow=frozenset({FixClass.SAFE, FixClass.GUARDED}))
        groups = look(session, subscription, Asked(), choices, lambda _: None).plan.groups
        begun = header(
            who="benchmark", tenant=environ["AZURE_TENANT_ID"], subscription=str(subscription.id),
            endpoint=session.cloud, plan="none", started=session.reader.now, settings=settings,
        )  # fmt: skip
        with session.writer() as writer, Journal.new(begun, folder / "run.jsonl") as journal:
            check(writer, groups)
            started = time.perf_counter()
            clock = ArmClock(writer, speed)
            result = carry_out(groups, writer, journal, settings, clock, lambda _: None)
            wall = time.perf_counter() - started
    if wrong := [done for done in result.done if done.outcome not in WELL]:
        sys.exit(f"{len(wrong)} steps went wrong: {wrong[0].reason}")
    return Run(wall, len(groups), result)


def measured(parallel: int, chosen: argparse.Namespace) -> Run:
    with tempfile.TemporaryDirectory() as name:
        folder, description = Path(name), Path(name) / "estate.json"
        description.write_text(json.dumps(estate(chosen.vms, chosen.latency)), encoding="utf-8")
        with sandbox(folder / "state", "--estate", str(description), "--speed", str(chosen.speed)) as environ:
            return applied(parallel, environ, chosen.speed, folder)


def row(parallel: int, run: Run, first: Run) -> str:
    unlocked = run.unlocked
    return (
        f"| {parallel} | {run.groups} | {len(run.result.done)} | {run.wall:.1f} | **{first.wall / run.wall:.1f}** "
        f"| {len(unlocked)} | {statistics.median(unlocked):.0f} | {unlocked[-1]:.0f} |"
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--vms", type=int, default=200)
    parser.add_argument("--latency", type=float, default=0.03, help="seconds that every request waits")
    parser.add_argument("--speed", type=float, default=300)
    parser.add_argument("--parallel", type=int, nargs="+", default=[1, Settings().parallel])
    chosen = parser.parse_args()
    print("| at once | groups | steps | wall s | times as fast | scopes unlocked | median s | longest s |")
    print("|---|---|---|---|---|---|---|---|")
    runs: list[Run] = []
    for parallel in chosen.parallel:
        runs.append(measured(parallel, chosen))
        print(row(parallel, runs[-1], runs[0]), flush=True)


if __name__ == "__main__":
    main()
