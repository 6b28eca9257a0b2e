"""`azremedy doctor`: what is well, what is not, and what to do, on the sandbox and on servers that misbehave."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest
from commands import azremedy
from jsonschema import Draft202012Validator
from misbehaving import SECRET, TENANT, Answer, Server, closed_port, error, misbehaving
from test_journal import header, lifted

from azremedy.journal import Journal
from azremedy.report.schema import schema
from azremedy.roles import LOOKING, roles
from azremedy.sandbox import Sandbox, embedded, reading

GUID = "5a6db0c5-0000-4000-8000-000000000001"
WITHOUT_RIGHTS = ("Microsoft.Resources/subscriptions/read", "Microsoft.Authorization/permissions/read")
SCAN = sorted(roles()["scan"].actions)
IDENTITIES: Mapping[str, list[str]] = {
    "without-rights": sorted(WITHOUT_RIGHTS),
    "scanner": SCAN,
    "unseeing": [one for one in SCAN if one not in LOOKING],
    "one-cure": sorted(roles()["scan"].actions | roles()["storage-egress"].actions),
}
HOSTILE = "\x1b[31mred\x1b[0m\n##vso[task.complete] [bold]x[/bold] \u202egnp.exe"


@dataclass
class CheckUp:
    """How a check-up ended."""

    code: int
    lines: dict[str, dict[str, Any]]
    err: str

    def __getitem__(self, check: str) -> dict[str, Any]:
        return self.lines[check]

    def statuses(self) -> dict[str, str]:
        return {name: line["status"] for name, line in self.lines.items()}


def check_up(*arguments: str, **variables: str) -> CheckUp:
    """Run the command, and hold what it prints to its schema."""
    ended = azremedy("doctor", "-o", "json", *arguments, **variables)
    made = json.loads(ended.out)
    Draft202012Validator(schema("doctor")).validate(made)
    lines = {line["check"]: line for line in made["checks"]}
    worst = max(("ok", "warning", "failed").index(line["status"]) for line in made["checks"])
    assert made["status"] == ("ok", "warning", "failed")[worst]
    assert (ended.code == 0) is (made["status"] != "failed")
    return CheckUp(ended.code, lines, ended.err)


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    who = [
        {"name": name, "client_id": name, "secret": name, "actions": actions}
        for name, actions in IDENTITIES.items()
    ]
    demo = {**reading.named("demo")[1], "identities": who}
    with embedded(tmp_path_factory.mktemp("sandbox"), estate=demo) as running:
        yield running


@pytest.fixture
def owner(sandbox: Sandbox, tmp_path: Path) -> dict[str, str]:
    return {
        "XDG_STATE_HOME": str(tmp_path / "state"),
        "LOCALAPPDATA": str(tmp_path / "state"),
        "AZURE_CONFIG_DIR": str(tmp_path / "az"),
        "AZREMEDY_CLOUD": sandbox.url,
        "AZREMEDY_SUBSCRIPTION": "demo",
        "AZURE_TENANT_ID": sandbox.tenant,
        "AZURE_CLIENT_ID": sandbox.client_id,
        "AZURE_CLIENT_SECRET": sandbox.client_secret,
        "REQUESTS_CA_BUNDLE": str(sandbox.ca),
    }


def signed_in_as(name: str, variables: dict[str, str]) -> dict[str, str]:
    return {**variables, "AZURE_CLIENT_ID": name, "AZURE_CLIENT_SECRET": name}


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with misbehaving(tmp_path) as made:
        made.on("/metadata/endpoints", at(datetime.now(UTC), made))
        made.on("/subscriptions", Answer({"value": [subscription("prod")]}))
        made.on(f"/subscriptions/{GUID}", Answer(subscription("prod")))
        everything = {"value": [{"actions": ["*"], "notActions": []}]}
        made.on(f"/subscriptions/{GUID}/providers/Microsoft.Authorization/permissions", Answer(everything))
        made.on(f"/subscriptions/{GUID}/providers/Microsoft.RecoveryServices/vaults", Answer({"value": []}))
        yield made


def subscription(name: str) -> dict[str, str]:
    return {"subscriptionId": GUID, "displayName": name, "state": "Enabled", "tenantId": TENANT}


def at(moment: datetime, server: Server) -> Answer:
    """The metadata, with this time told."""
    body = {
        "name": "Loopback",
        "authentication": {"loginEndpoint": server.address, "audiences": ["https://management.azure.com"]},
    }
    return Answer(body, headers={"Date": format_datetime(moment, usegmt=True)})


@pytest.fixture
def there(server: Server, tmp_path: Path) -> dict[str, str]:
    return {
        "XDG_STATE_HOME": str(tmp_path / "state"),
        "LOCALAPPDATA": str(tmp_path / "state"),
        "AZURE_CONFIG_DIR": str(tmp_path / "az"),
        "AZREMEDY_CLOUD": server.address,
        "AZREMEDY_SUBSCRIPTION": GUID,
        "AZURE_TENANT_ID": TENANT,
        "AZURE_CLIENT_ID": "00000000-0000-4000-8000-00000000000c",
        "AZURE_CLIENT_SECRET": SECRET,
        "REQUESTS_CA_BUNDLE": str(server.ca),
    }


class TestOnTheSandbox:
    def test_all_is_well(self, sandbox: Sandbox, owner: dict[str, str]) -> None:
        sandbox.clear()
        made = check_up(**owner)

        assert (made.code, made.err) == (0, "")
        assert set(made.statuses().values()) == {"ok"}
        assert len(made.lines) == 14
        assert made["certificates"]["details"]["source"] == "REQUESTS_CA_BUNDLE"
        assert made["sign-in"]["details"]["who"] == f"application {sandbox.client_id}"
        assert made["sign-in"]["details"]["tenant"] == sandbox.tenant
        assert 3000 < made["sign-in"]["details"]["seconds"] <= 3600
        assert "EnvironmentCredential" in made["sign-in"]["told"]
        assert made["subscriptions"]["details"]["chosen"] == [sandbox.subscription]
        assert made["quota"]["details"]["remaining"]["subscription-reads"] > 1000

    def test_nothing_is_sent_but_reads(self, sandbox: Sandbox, owner: dict[str, str]) -> None:
        sandbox.clear()
        check_up(**owner)

        assert {one.method for one in sandbox.requests if "/oauth2/" not in one.path} == {"GET"}

    def test_a_table_says_the_same_in_words(self, owner: dict[str, str]) -> None:
        ended = azremedy("doctor", **owner)

        assert ended.code == 0
        for check in check_up(**owner).lines:
            assert f"{check} " in ended.out

    @pytest.mark.parametrize("form", ["jsonl", "yaml", "csv", "tsv", "none"])
    def test_is_written_in_every_format(self, form: str, owner: dict[str, str]) -> None:
        ended = azremedy("doctor", "-o", form, **owner)

        assert (ended.code, ended.err) == (0, "")
        assert ("clock" in ended.out) is (form != "none")

    def test_the_embedded_sandbox_needs_nothing(self, tmp_path: Path) -> None:
        made = check_up("--cloud", "sandbox", XDG_STATE_HOME=str(tmp_path), LOCALAPPDATA=str(tmp_path))

        assert made.code == 0
        assert set(made.statuses().values()) == {"ok"}

    def test_a_wrong_secret_ends_in_4_and_the_clock_is_told_all_the_same(self, owner: dict[str, str]) -> None:
        made = check_up(**{**owner, "AZURE_CLIENT_SECRET": "wrong"})

        assert made.code == 4
        assert made["sign-in"]["status"] == "failed"
        assert "AADSTS7000215" in made["sign-in"]["told"]
        assert "set AZURE_CLIENT_SECRET to" in made["sign-in"]["told"]
        assert made["clock"]["status"] == made["certificates"]["status"] == made["cloud"]["status"] == "ok"
        assert "subscriptions" not in made.lines

    def test_no_sign_in_ends_in_4(self, owner: dict[str, str]) -> None:
        bare = {name: value for name, value in owner.items() if not name.startswith("AZURE_CLIENT")}
        made = check_up(**bare, AZURE_TOKEN_CREDENTIALS="EnvironmentCredential")

        assert made.code == 4
        assert "No sign-in" in made["sign-in"]["told"]
        assert made["clock"]["status"] == "ok"

    def test_missing_rights_are_named_with_the_role_that_holds_them(
        self, sandbox: Sandbox, owner: dict[str, str]
    ) -> None:
        made = check_up(**signed_in_as("without-rights", owner))
        lacking = made["rights"]["details"]["missing"]

        assert made.code == 3
        assert made["rights"]["status"] == "failed"
        assert lacking == [one for one in SCAN if one not in WITHOUT_RIGHTS]
        assert lacking[0] in made["rights"]["told"]
        assert f"azremedy roles --for scan --subscription {sandbox.subscription}" in made["rights"]["remedy"]

    def test_rights_that_cannot_be_read_are_not_taken_for_held(self, owner: dict[str, str]) -> None:
        made = check_up(**signed_in_as("unseeing", owner))

        assert made.code == 3
        assert made["rights"]["status"] == "failed"
        assert made["rights"]["details"]["status"] == 403
        assert "Microsoft.Authorization/permissions/read" in made["rights"]["told"]

    def test_a_vault_that_may_not_be_read_is_named_with_the_rights_that_a_scan_would_lack(
        self, owner: dict[str, str], tmp_path: Path
    ) -> None:
        blind = Path(__file__).parents[1] / "examples" / "estates" / "no-rights-on-a-vault.yaml"
        with embedded(tmp_path / "sandbox", estate=blind) as running:
            there = {**owner, "AZREMEDY_CLOUD": running.url, "REQUESTS_CA_BUNDLE": str(running.ca)}
            there |= {
                "AZREMEDY_SUBSCRIPTION": "no-rights", "AZURE_TENANT_ID": running.tenant,
                "AZURE_CLIENT_ID": "5a6db0c5-0000-4000-8000-c11e47000003", "AZURE_CLIENT_SECRET": "sandbox-auditor",
            }  # fmt: skip
            made, gate = check_up(**there), azremedy("gate", **there)
        lacking = re.findall(r"a right is missing: (\S+) on (\S+);", gate.err)

        assert (made.code, gate.code) == (3, 3)
        assert made["rights in vaults"]["status"] == "failed"
        assert len(lacking) == 3
        [(vault, missing)] = made["rights in vaults"]["details"]["missing"].items()
        assert sorted(missing) == sorted(right for right, _ in lacking)
        assert all(scope.lower().startswith(vault.lower()) for _, scope in lacking)
        assert "Backup Reader" in made["rights in vaults"]["remedy"]

    def test_what_is_missing_for_cures_is_no_fault(self, owner: dict[str, str]) -> None:
        made = check_up(**signed_in_as("scanner", owner))

        assert (made.code, made["rights to fix"]["status"]) == (0, "ok")
        assert "none" in made["rights to fix"]["told"]
        assert "azremedy roles --for" in made["rights to fix"]["remedy"]

    def test_cures_that_could_be_carried_out_are_named(self, owner: dict[str, str]) -> None:
        made = check_up(**signed_in_as("one-cure", owner))
        missing = made["rights to fix"]["details"]["missing"]

        assert missing["storage-egress"] == []
        assert "Microsoft.Compute/virtualMachines/restart/action" in missing["agent-unresponsive"]

    def test_a_subscription_that_is_not_shown_ends_as_a_scan_would(self, owner: dict[str, str]) -> None:
        assert check_up(**{**owner, "AZREMEDY_SUBSCRIPTION": "demmo"}).code == 2
        missing = check_up(**{**owner, "AZREMEDY_SUBSCRIPTION": "00000000-0000-4000-8000-00000000dead"})

        assert missing.code == 3
        assert missing["subscriptions"]["status"] == "failed"
        assert missing["quota"]["status"] == "ok"

    def test_without_a_default_it_is_said_how_to_name_one(self, owner: dict[str, str]) -> None:
        del owner["AZREMEDY_SUBSCRIPTION"]
        made = check_up(**owner)

        assert (made.code, made["subscriptions"]["status"]) == (0, "warning")
        assert "--subscription" in made["subscriptions"]["remedy"]
        assert check_up(**owner, AZURE_SUBSCRIPTION_ID=GUID)["subscriptions"]["status"] == "ok"

    def test_debug_logs_requests_without_secrets(self, owner: dict[str, str]) -> None:
        made = check_up("--debug", **owner)

        assert "GET" in made.err
        assert owner["AZURE_CLIENT_SECRET"] not in made.err


class TestTheWay:
    def test_a_port_where_nothing_answers_ends_in_3(self, there: dict[str, str]) -> None:
        made = check_up(**{**there, "AZREMEDY_CLOUD": f"https://127.0.0.1:{closed_port()}"})

        assert made.code == 3
        assert made["cloud"]["details"]["code"] == "ConnectionRefused"
        assert "check the address" in made["cloud"]["told"]
        assert made["certificates"]["status"] == "ok"
        assert "sign-in" not in made.lines

    @pytest.mark.parametrize("body", [b"<html>Sign in to the hotel's network</html>", b"[]", b'"well"'])
    def test_an_endpoint_that_does_not_speak_arm_ends_in_3(
        self, body: bytes, server: Server, there: dict[str, str]
    ) -> None:
        server.on("/metadata/endpoints", Answer(body))
        known = {
            "AZURE_AUTHORITY_HOST": server.address,
            "AZURE_RESOURCE_MANAGER_AUDIENCE": "https://management.azure.com",
        }
        made = check_up(**there, **known)

        assert made.code == 3
        assert "is not an ARM endpoint" in made["cloud"]["told"]

    def test_a_certificate_that_is_not_trusted_says_which_variable_would_help(
        self, there: dict[str, str]
    ) -> None:
        del there["REQUESTS_CA_BUNDLE"]
        made = check_up(**there)

        assert made.code == 3
        assert made["cloud"]["details"]["code"] == "UntrustedCertificate"
        assert "set REQUESTS_CA_BUNDLE to" in made["cloud"]["told"]
        assert made["certificates"]["details"] == {"source": None, "path": None}

    def test_a_bundle_that_is_not_there_ends_in_2(self, there: dict[str, str], tmp_path: Path) -> None:
        made = check_up(**{**there, "REQUESTS_CA_BUNDLE": str(tmp_path / "nowhere.pem")})

        assert made.code == 2
        assert "REQUESTS_CA_BUNDLE" in made["certificates"]["told"]
        assert "cloud" not in made.lines

    def test_a_cloud_that_cannot_be_one_ends_in_2(self, there: dict[str, str]) -> None:
        made = check_up(**{**there, "AZREMEDY_CLOUD": "pubic"})

        assert made.code == 2
        assert "did you mean public?" in made["cloud"]["told"]

    def test_an_arm_that_is_gone_does_not_hide_the_sign_in(
        self, server: Server, there: dict[str, str]
    ) -> None:
        gone = {
            **there,
            "AZREMEDY_CLOUD": f"https://127.0.0.1:{closed_port()}",
            "AZURE_AUTHORITY_HOST": server.address,
            "AZURE_RESOURCE_MANAGER_AUDIENCE": "https://management.azure.com",
        }

        assert check_up(**gone).statuses()["sign-in"] == "ok"
        assert check_up(**gone).code == 3
        assert check_up(**{**gone, "AZURE_CLIENT_SECRET": "wrong"}).code == 4

    def test_a_proxy_is_named_without_its_password(self, there: dict[str, str]) -> None:
        address = f"127.0.0.1:{closed_port()}"
        made = check_up(
            "--cloud",
            "https://arm.example.invalid",
            **{**there, "HTTPS_PROXY": f"http://user:p4ss@{address}", "NO_PROXY": "127.0.0.1"},
            AZURE_AUTHORITY_HOST=there["AZREMEDY_CLOUD"],
            AZURE_RESOURCE_MANAGER_AUDIENCE="https://management.azure.com",
        )

        assert made["cloud"]["details"]["code"] == "ProxyFailed"
        assert made["proxy"]["details"] == {"source": "HTTPS_PROXY", "address": f"http://…@{address}"}
        assert "p4ss" not in json.dumps(made.lines)

    @pytest.mark.parametrize(
        ("ahead", "status", "said"),
        [
            (timedelta(minutes=2), "ok", "as ARM's"),
            (timedelta(minutes=-4), "ok", "as ARM's"),
            (timedelta(minutes=10), "warning", "10 min ahead of"),
            (timedelta(hours=-5, minutes=-1), "warning", "5 h behind"),
            (timedelta(days=3, minutes=1), "warning", "3 days ahead of"),
        ],
    )
    def test_a_clock_that_is_off_is_told(
        self, server: Server, there: dict[str, str], ahead: timedelta, status: str, said: str
    ) -> None:
        server.on("/metadata/endpoints", at(datetime.now(UTC) - ahead, server))
        made = check_up(**there)

        assert made.code == 0
        assert made["clock"]["status"] == status
        assert said in made["clock"]["told"]
        assert abs(made["clock"]["details"]["seconds"] - ahead.total_seconds()) < 30

    def test_a_time_that_makes_no_sense_is_no_time(self, server: Server, there: dict[str, str]) -> None:
        plain = at(datetime.now(UTC), server)
        server.on("/metadata/endpoints", replace(plain, headers={"Date": "yesterday"}))

        assert check_up(**there)["clock"]["status"] == "warning"


class TestWhatArmSays:
    def test_no_name_is_obeyed(self, server: Server, there: dict[str, str]) -> None:
        server.on("/subscriptions", Answer({"value": [subscription(HOSTILE)]}))
        server.on(f"/subscriptions/{GUID}", Answer(subscription(HOSTILE)))
        ended = azremedy("doctor", "--color", "never", **there)

        assert ended.code == 0
        assert "\x1b" not in ended.out
        assert "\u202e" not in ended.out
        assert not any(line.startswith("##vso") for line in ended.out.splitlines())
        assert check_up(**there)["subscriptions"]["details"]["seen"][0]["name"] == HOSTILE

    def test_no_subscription_at_all_ends_in_3(self, server: Server, there: dict[str, str]) -> None:
        server.on("/subscriptions", Answer({"value": []}))
        made = check_up(**there)

        assert made.code == 3
        assert "shows no subscription" in made["subscriptions"]["told"]

    def test_a_token_that_arm_refuses_ends_in_4(self, server: Server, there: dict[str, str]) -> None:
        server.on("/subscriptions", error(401, "InvalidAuthenticationTokenTenant", "The wrong tenant."))
        made = check_up(**there)

        assert made.code == 4
        assert "InvalidAuthenticationTokenTenant" in made["subscriptions"]["told"]

    def test_few_reads_left_are_a_warning(self, server: Server, there: dict[str, str]) -> None:
        few = {"x-ms-ratelimit-remaining-subscription-reads": "3"}
        server.on(f"/subscriptions/{GUID}", Answer(subscription("prod"), headers=few))
        made = check_up(**there)

        assert made.code == 0
        assert made["quota"]["status"] == "warning"
        assert made["quota"]["details"]["remaining"] == {"subscription-reads": 3}

    def test_an_exhausted_quota_ends_in_3_at_once(self, server: Server, there: dict[str, str]) -> None:
        headers = {"Retry-After": "100"}
        server.on("/subscriptions", Answer({"error": {"code": "Throttled"}}, 429, headers))
        made = check_up(**there)

        assert made.code == 3
        assert made["quota"]["status"] == "failed"
        assert made["quota"]["details"]["wait"] == 100


class TestTheMachine:
    def test_a_state_folder_that_cannot_be_written_ends_in_2(
        self, owner: dict[str, str], tmp_path: Path
    ) -> None:
        file = tmp_path / "a-file"
        file.write_text("", encoding="utf-8")
        made = check_up(**{**owner, "XDG_STATE_HOME": str(file), "LOCALAPPDATA": str(file)})

        assert made.code == 2
        assert made["state folder"]["status"] == "failed"
        assert made["sign-in"]["status"] == "ok"

    def test_a_run_that_left_a_lock_lifted_is_told(self, owner: dict[str, str], tmp_path: Path) -> None:
        runs = tmp_path / "state" / "azremedy" / "runs"
        gone = header(pid=2**22 + 1)
        runs.mkdir(parents=True)
        with lifted(runs / f"{gone.id}.jsonl", id=gone.id, pid=gone.pid):
            pass
        made = check_up(**owner)

        assert (made.code, made["runs"]["status"]) == (0, "warning")
        assert made["runs"]["details"] == {
            "unfinished": [{"run": gone.id, "openLocks": 1}],
            "running": 0,
        }
        assert "azremedy resume" in made["runs"]["remedy"]

    def test_a_run_at_work_is_no_fault(self, owner: dict[str, str], tmp_path: Path) -> None:
        runs = tmp_path / "state" / "azremedy" / "runs"
        runs.mkdir(parents=True)
        with Journal.new(header(), runs / "run.jsonl"):
            made = check_up(**owner)

        assert made["runs"]["status"] == "ok"
        assert made["runs"]["details"]["running"] == 1
