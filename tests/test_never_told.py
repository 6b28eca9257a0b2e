"""Tries to make happen what must never happen: what is said, what is kept secret, what is sent twice or not at all."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hostile import POINTS, blindly_repeated, broken, never, ward
from matrix import WAYS, ours, path
from scenes import ADMITTED, LIMIT, lock
from staging import EASY
from test_never import BROKEN, CLOSED, EVERYTHING, GROUP, LOCKED, SILENT, planned

from azremedy import guest, planfile
from azremedy.arm import Json
from azremedy.errors import WriteRefused
from azremedy.sandbox.description import Vm
from azremedy.sandbox.guest import linux, whole

LOCKS = ("--playbook", "restore-point-lock", "--allow", "guarded")


class TestNever7HealthyWhereSomethingWasUnread:
    @never(7, "healthy where something was unread")
    def test_whichever_list_or_resource_is_refused_the_scan_says_so(self, tmp_path: Path) -> None:
        with ward(tmp_path, "demo") as made:
            made.session.scan(deep=True)
            asked = dict.fromkeys(path(one) for one in ours(made.sandbox.requests))
            healthy = []
            for one in asked:
                if one == f"/subscriptions/{made.sandbox.subscription}":
                    continue  # without which there is no scan at all
                made.sandbox.faults = []
                made.fault(
                    f"^(GET|POST) {re.escape(one)}$", status=403, code="AuthorizationFailed", times=None
                )
                scan = made.session.scan(deep=True)
                if not scan.unread and not scan.not_evaluated:
                    healthy.append(one)

        assert len(asked) > 20
        assert healthy == []

    @never(7, "healthy where something was unread")
    @pytest.mark.parametrize("line", [("scan", "--exit-zero"), ("fix",), ("fix", "--apply", "--yes")])
    def test_what_was_unread_turns_the_exit_code_of_every_command(self, tmp_path: Path, line: Any) -> None:
        with ward(tmp_path, SILENT) as made:
            made.fault("^GET .*/providers/Microsoft.Authorization/locks$", status=403, times=None)
            ended = made.cli(*line, "-s", "demo")

            assert ended.code == 3
            assert made.sent == []

    @never(7, "exit 0 after a failed write")
    @pytest.mark.parametrize("way", ["403", "409", "500", "drop-before"])
    @pytest.mark.parametrize("nth", [1, 2, 3])
    def test_whichever_write_fails(self, tmp_path: Path, way: str, nth: int) -> None:
        with ward(tmp_path, LOCKED, speed=3000) as made:
            kind = WAYS.get(way) or {"status": int(way), "code": "Refused"}
            made.fault("^(DELETE|PUT|POST) .*(locks/|/backup$)", nth=nth, **{**kind, "times": 1})
            ended = made.cli("fix", "-s", "demo", *LOCKS, "--apply", "--yes", "-o", "json")
            outcomes = {one["outcome"] for one in json.loads(ended.out)["steps"]}

        if outcomes & {"failed", "unconfirmed", "stale"} or nth == 3:
            assert (ended.code == 0) is (outcomes == {"applied"})
        else:
            assert outcomes == {"applied"}


SECRETS = ("pr0tected-setting-of-sql1", "p4ssw0rd-of-the-owner", "s4s-token-of-a-disk")
OWNER = {
    "name": "ops", "client_id": "5a6db0c5-0000-4000-8000-c11e47000009", "secret": SECRETS[1], "role": "Owner"
}  # fmt: skip


class TestNever8ASecretToldToAnyone:
    @never(8, "a secret in a log, journal, plan or report")
    def test_not_in_anything_that_is_printed_or_kept_with_debug_on(self, tmp_path: Path) -> None:
        secret = {"AZURE_CLIENT_ID": str(OWNER["client_id"]), "AZURE_CLIENT_SECRET": SECRETS[1]}
        out = tmp_path / "out"
        out.mkdir()
        plan, journal = out / "plan.json", out / "run.jsonl"
        fix = ("fix", "-s", "demo", "--playbook", "vmsnapshot-extension", "--allow", "guarded", "--debug")
        with ward(tmp_path, {**BROKEN, "identities": [OWNER]}) as made:
            extension = made.find("/extensions/vmsnapshot")
            made.change(extension, "properties.protectedSettings", {"key": SECRETS[0]})
            made.change(extension, "properties.settings", {"url": f"https://x/?sig={SECRETS[2]}"})
            said = [
                made.cli(
                    "scan",
                    "-s",
                    "demo",
                    "--deep",
                    "--debug",
                    "--save-estate",
                    out / "e",
                    "-o",
                    "json",
                    **secret,
                ),
                made.cli(*fix, "--save", plan, "-o", "json", **secret),
                made.cli(*fix, "--as", "az", **secret),
                made.cli(*fix, "--apply", "--yes", "--now", "--journal", journal, **secret),
                made.cli("runs", "show", "--journal", journal, "-o", "json", **secret),
                made.cli("rollback", "--journal", journal, "--dry-run", "--debug", **secret),
                made.cli(
                    "scan", "-s", "demo", "--debug", **secret | {"AZURE_CLIENT_SECRET": SECRETS[1] + "x"}
                ),
            ]
            assert any(one.startswith("DELETE") for one in made.sent)
        kept = [one.read_text(encoding="utf-8") for one in tmp_path.rglob("*") if readable(one)]
        texts = [*(one.out + one.err for one in said), *kept]

        assert len(kept) >= 3
        assert said[-1].code == 4
        assert "GET https://" in said[0].err
        for text in texts:
            for word in (*SECRETS, "Bearer ", "eyJ"):
                assert word not in text


def readable(one: Path) -> bool:
    """Whether a file is one that azremedy wrote, the sandbox's own state left out."""
    return one.is_file() and "sandbox" not in one.parts and one.suffix != ".lock"


ORDERS = (
    "$(touch obeyed)`touch obeyed`'\"; touch obeyed; : ",
    "\x1b[31m\x1b]0;title\x07\x9b2J",
    "\n##vso[task.setvariable variable=x]y\n::error title=x::z\n##[group]g\r",
    "\u202e\u2066[red]b[/red] :smile: <script>alert(1)</script> & more",
    "@obeyed",
    "see=@obeyed",
    "--notes=@obeyed",
)
BASH = shutil.which("bash")


def ordering(*texts: str) -> dict[str, Any]:
    """An estate whose VMs, lock and notes give these orders; names cannot hold all that notes can."""
    names = [re.sub(r"[/?#%\\;]", "", text).strip()[:80] for text in texts]
    held = broken("sql", LIMIT, hours=32, points=POINTS)
    vms = [{**held["vms"][0], "name": f"sql{name}"} for name in names]
    return {**held, "vms": vms, "locks": [{**lock(GROUP), "name": names[0], "notes": "".join(texts)}]}


class TestNever9AnOrderFromAzureObeyed:
    @never(9, "a text from Azure obeyed by a terminal or a build server")
    @pytest.mark.parametrize(
        "line",
        [("scan",), ("scan", "-o", "json"), ("scan", "-o", "csv"), ("fix", *LOCKS), ("fix", *LOCKS, "-o", "yaml"),
         ("fix", *LOCKS, "--as", "az"), ("fix", *LOCKS, "--apply", "--yes", "--debug")],
        ids=" ".join,
    )  # fmt: skip
    def test_in_no_output_of_any_command(self, tmp_path: Path, line: tuple[str, ...]) -> None:
        with ward(tmp_path, ordering(*ORDERS), speed=4000) as made:
            for ci in ({}, {"GITHUB_ACTIONS": "true"}, {"TF_BUILD": "True"})[: 1 if "--apply" in line else 3]:
                ended = made.cli(*line, "-s", "demo", COLUMNS="200", AZREMEDY_ANNOTATE="never", **ci)
                said = ended.out + ended.err

                assert ended.code in {0, 1, 5}, said
                assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", said)
                assert not re.search(r"(?m)^\s*(##vso\[|##\[|::\w)", said)

    @never(9, "a text from Azure obeyed by a shell")
    @pytest.mark.skipif(BASH is None, reason="there is no bash on this machine")
    @pytest.mark.parametrize("text", ORDERS)
    def test_in_the_commands_that_a_dry_run_prints(self, tmp_path: Path, text: str) -> None:
        with ward(tmp_path, ordering(text)) as made:
            printed = made.cli("fix", "-s", "demo", *LOCKS, "--as", "az").out
            held = next(body for name, body in made.state.items() if "/locks/" in name)

        told = calls(printed, tmp_path)
        assert {" ".join(one[:2]) for one in told} <= {"lock delete", "lock create", "rest --method"}
        assert puts_back(told[-1], held)

    @never(9, "a text from Azure obeyed by a shell")
    @pytest.mark.skipif(BASH is None, reason="there is no bash on this machine")
    @pytest.mark.parametrize("text", ORDERS)
    def test_in_the_command_that_is_told_before_a_lock_is_lifted(self, tmp_path: Path, text: str) -> None:
        with ward(tmp_path, ordering(text)) as made:
            held = next(body for name, body in made.state.items() if "/locks/" in name)
            made.carry_out(made.look(ADMITTED, "restore-point-lock"))

        [line] = [one for one in made.told if "does: " in one]
        [told] = calls(line.partition("does: ")[2], tmp_path)
        assert puts_back(told, held)


def calls(script: str, folder: Path) -> list[list[str]]:
    """Run commands in a shell in which `az` only notes its words, and return them; nothing else may be obeyed."""
    (folder / "obeyed").unlink(missing_ok=True)
    noting = "az() { printf '%s\\0' \"$@\"; printf '\\036\\0'; }\n"
    ran = subprocess.run(
        [BASH or "bash"],
        input=(noting + script).encode(),
        cwd=folder,
        env={"LC_ALL": "C.UTF-8"},
        capture_output=True,
        check=True,
        timeout=20,
    )
    assert ran.stderr == b""
    assert not (folder / "obeyed").exists()
    return [one.removesuffix("\0").split("\0") for one in ran.stdout.decode().split("\x1e\0") if one]


def puts_back(words: list[str], held: Json) -> bool:
    """Whether a command, as `az` reads it, makes this lock again to the letter."""
    values = dict(zip(words[2::2], words[3::2], strict=True)) if words[0] == "lock" else {}
    if values:
        assert not any(map(misread_by_az, words))
        made = values["--name"], values["--lock-type"], values.get("--notes")
    else:
        options = dict(zip(words[1::2], words[2::2], strict=True))
        assert not any(map(misread_by_az, options.values()))
        body = json.loads(options["--body"])["properties"]
        made = held["name"], body["level"], body.get("notes")
        assert options["--url"].lower().startswith("/subscriptions/")
    return made == (held["name"], held["properties"]["level"], held["properties"].get("notes"))


def misread_by_az(word: str) -> bool:
    """Whether `az` loads a file in the place of this word."""
    return word.startswith("@") or word.partition("=")[2].startswith("@")


class TestNever10ARunCommandSent:
    """A script goes into a VM only where `--guest` asks for it, its agent is ready, and the agent stays as it is."""

    @never(10, "a Run Command sent unasked")
    def test_no_playbook_plans_one_whatever_is_admitted(self, tmp_path: Path) -> None:
        with ward(tmp_path, "demo") as made:
            seen = made.look(EVERYTHING)

        assert len(planned(seen)) > 10
        assert not [one for one in planned(seen) if "runcommand" in one.address.lower()]

    @never(10, "a Run Command sent unasked")
    def test_no_environment_asks_for_it_no_gate_and_no_ordinary_reader_takes_it(self, tmp_path: Path) -> None:
        with ward(tmp_path, SILENT) as made:
            vm = made.find("/virtualmachines/dc1/instanceview").removesuffix("/instanceview")
            ended = made.cli("gate", "--guest", "-s", "demo")
            assert (ended.code, "No such option" in ended.err) == (2, True)
            for command in ("scan", "gate", "fix"):
                made.cli(command, "-s", "demo", AZREMEDY_GUEST="1", AZREMEDY_NOW="1")
            with pytest.raises(WriteRefused):
                made.session.reader.post_read(f"{vm}/runCommand", {"commandId": "RunShellScript"})

            assert made.sent == []

    @never(10, "a Run Command sent to an agent that is not ready")
    def test_not_even_where_it_is_asked_for(self, tmp_path: Path) -> None:
        with ward(tmp_path, SILENT) as made:
            ended = made.cli("scan", "-s", "demo", "--guest", "--now", "--deep")

            assert ended.code == 3
            assert "it was not asked: the VM agent is not ready" in " ".join(ended.out.split())
            assert made.sent == []

    @never(10, "a script that stops the agent")
    def test_none_that_azremedy_ships_does(self) -> None:
        for os in ("linux", "windows"):
            scripts = [lines for lines in guest.SHIPPED if (lines[0].startswith("$")) == (os == "windows")]
            assert scripts
            for lines in scripts:
                assert not re.search(
                    r"Stop-Service|Restart-Service|Restart-Computer|net stop|Stop-Process", "\n".join(lines)
                )
                if os == "linux":
                    inside = whole(Vm(name="web1", group="shop", os="Linux"))
                    assert not linux.run(inside, "2.11.1.12", lines).cut


class TestNever11AWriteOfUnknownFateRepeatedWithoutARead:
    @never(11, "a write of unknown fate repeated without a read")
    @pytest.mark.parametrize("way", ["500", "503", "drop-before", "drop-after", "truncate"])
    @pytest.mark.parametrize(
        "sick", [LOCKED, SILENT, BROKEN, CLOSED], ids=["a lock and a backup", "restarts", "a DELETE", "a PUT"]
    )
    def test_however_often_the_answer_tells_nothing(
        self, tmp_path: Path, sick: Mapping[str, Any], way: str
    ) -> None:
        with ward(tmp_path, sick, speed=3000) as made:
            seen = made.look(ADMITTED)
            made.fault("^(PUT|DELETE|POST) /subscriptions/", **{**WAYS[way], "times": 3})
            made.carry_out(seen, replace(EASY, max_unlocked=EASY.settle))

            posts = [one for one in made.sent if one.startswith("POST")]
            assert made.sent
            assert blindly_repeated(made.sandbox) == []
            assert len(posts) == len(set(posts))


VAULT = "/providers/Microsoft.RecoveryServices/vaults/vault"
ITEM = (
    f"{VAULT}/backupFabrics/Azure/protectionContainers/IaasVMContainer;iaasvmcontainerv2;shop;sql1"
    "/protectedItems/VM;iaasvmcontainerv2;shop;sql1"
)
DOCTORED = {
    "another VM's collection": ("DELETE", "rg:AzureBackupRG_westeurope_1", "/providers/Microsoft.Compute/restorePointCollections/AzureBackup_sql12_1", ""),
    "the customer's points": ("DELETE", "rg:shop", "/providers/Microsoft.Compute/restorePointCollections/mine", ""),
    "another vendor's extension": ("DELETE", "rg:shop", "/providers/Microsoft.Compute/virtualMachines/sql1/extensions/Scanner", ""),
    "a VM": ("DELETE", "rg:shop", "/providers/Microsoft.Compute/virtualMachines/sql1", ""),
    "a lock of a service": ("DELETE", "rg:shop", "/providers/Microsoft.Authorization/locks/theirs", ""),
    "a Run Command": ("POST", "rg:shop", "/providers/Microsoft.Compute/virtualMachines/sql1", "runCommand"),
    "a protected item": ("DELETE", "rg:backup", ITEM, ""),
    "a policy": ("DELETE", "rg:backup", f"{VAULT}/backupPolicies/daily", ""),
    "a vault": ("DELETE", "rg:backup", VAULT, ""),
    "soft delete": ("PUT", "rg:backup", f"{VAULT}/backupconfig/vaultconfig", ""),
}  # fmt: skip


class TestNever12APlanFileThatIsAScript:
    @never(4, "a collection touched that is not proven to be the VM's")
    @never(5, "another vendor's extension touched")
    @never(10, "a Run Command sent unasked")
    @never(12, "a protected item deleted")
    @never(12, "a vault or a policy changed")
    @pytest.mark.parametrize("how", ["instead", "beside", "inside"])
    @pytest.mark.parametrize("what", DOCTORED)
    def test_a_doctored_plan_sends_nothing_that_no_playbook_plans(
        self, tmp_path: Path, what: str, how: str
    ) -> None:
        method, group, tail, action = DOCTORED[what]
        with ward(tmp_path, LOCKED) as made:
            root = f"/subscriptions/{made.sandbox.subscription}/resourceGroups/{group.removeprefix('rg:')}"
            plan = made.plan_file(made.look(ADMITTED, *LOCKS[1:2]), ADMITTED, *LOCKS[1:2])
            [approved] = plan["groups"]
            bracket = approved["steps"][0]
            evil = {
                **bracket["open"], "method": method, "resource": root + tail, "action": action, "before": [],
                "body": None if method == "DELETE" else {}, "class": "safe", "loses": [],
                "undo": {"kind": "irreversible", "reason": "none"},
            }  # fmt: skip
            steps = {"instead": [evil], "beside": [evil, bracket], "inside": [{**bracket, "body": [evil]}]}[
                how
            ]
            doctored = {**plan, "groups": [{**approved, "steps": steps}]}
            file = tmp_path / "plan.json"
            file.write_bytes(planfile.dump({**doctored, "sha256": planfile.digest(doctored)}))
            [subscription] = made.session.subscriptions()
            loaded = planfile.load(file)
            planfile.check(loaded, planfile.Place(made.session.cloud, subscription), made.session.reader.now)
            fresh = made.look(loaded.choices, *loaded.asked.playbooks).plan.groups
            run, refused = planfile.approved(loaded, fresh)

            assert run == ()
            assert len(refused) == 1

    @never(12, "a protected item deleted")
    def test_the_whole_command_refuses_it_too_and_writes_nothing(self, tmp_path: Path) -> None:
        with ward(tmp_path, LOCKED) as made:
            kept = tmp_path / "plan.json"
            made.cli("fix", "-s", "demo", *LOCKS, "--save", kept)
            plan = json.loads(kept.read_bytes())
            opening = plan["groups"][0]["steps"][0]["open"]
            opening["resource"] = (
                opening["resource"].partition("/resourceGroups/")[0] + f"/resourceGroups/backup{ITEM}"
            )
            kept.write_bytes(planfile.dump({**plan, "sha256": planfile.digest(plan)}))
            before = made.state
            ended = made.cli("fix", "--apply", "--plan", kept, "--yes", "-o", "json")

            assert ended.code == 6
            assert made.sent == []
            assert made.state == before

    @never(12, "a protected item deleted")
    @never(12, "a vault or a policy changed")
    def test_whatever_is_admitted_a_vault_is_asked_for_backups_and_its_items_at_most(
        self, tmp_path: Path
    ) -> None:
        with ward(tmp_path, "demo") as made:
            seen = made.look(replace(EVERYTHING, resume_protection=frozenset({"hr1", "sql1"})))

        vaults = {
            (one.method, one.id.type.rpartition("/")[2], one.action)
            for one in planned(seen)
            if "/vaults/" in one.id.key
        }
        assert vaults <= {("POST", "protecteditems", "backup"), ("PUT", "protecteditems", "")}

    @never(12, "a protected item changed without its VM being named")
    @pytest.mark.parametrize("name", ["", "hr", "hr11", "*"])
    def test_protection_is_resumed_for_who_is_named_alone(self, tmp_path: Path, name: str) -> None:
        stopped = broken(
            "hr1", LIMIT, backup={"state": "ProtectionStopped", "completed": 900, "failed": None}
        )
        with ward(tmp_path, stopped) as made:
            choices = replace(EVERYTHING, resume_protection=frozenset({name}), exclude_luns={(name, 0): "no"})
            assert planned(made.look(choices)) == []

    @never(12, "a protected item changed without its VM being named")
    def test_what_is_resumed_keeps_its_policy_and_the_old_body_is_in_the_journal(
        self, tmp_path: Path
    ) -> None:
        stopped = broken(
            "hr1", LIMIT, backup={"state": "ProtectionStopped", "completed": 900, "failed": None}
        )
        with ward(tmp_path, stopped) as made:
            before = next(
                body for name, body in made.state.items() if name.endswith("/vm;iaasvmcontainerv2;shop;hr1")
            )
            seen = made.look(replace(ADMITTED, resume_protection=frozenset({"hr1"})), "protection-state")
            [request] = planned(seen)
            made.carry_out(seen)

            policies = {one for one in made.state if "/backuppolicies/" in one}
            assert request.body["properties"]["policyId"].lower() in policies
            assert '"protectionState":"ProtectionStopped"' in made.journal.read_text(
                encoding="utf-8"
            ).replace(" ", "")
            assert before["properties"]["protectionState"] == "ProtectionStopped"
