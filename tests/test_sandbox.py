"""The manners of the sandbox's ARM, over real HTTPS."""

from __future__ import annotations

import base64
import json
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest
import requests

from azremedy.errors import AzremedyError
from azremedy.resources import Read
from azremedy.sandbox import Sandbox, Throttle, embedded, reset
from azremedy.sandbox.identity import Entra, Principal

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

VERSION = "api-version=2024-07-01"
COMPUTE = "providers/Microsoft.Compute"
READER = ("5a6db0c5-0000-4000-8000-c11e47000003", "sandbox-auditor")
NO_RIGHTS = {
    "identities": [
        {"name": "auditor", "client_id": READER[0], "secret": READER[1], "cannot_read": ["vault-secret"]}
    ],
    "vaults": [
        {"name": "vault-open", "policies": [{"name": "daily"}]},
        {"name": "vault-secret", "policies": [{"name": "daily"}]},
    ],
    "vms": [{"name": "pay1", "group": "payroll", "backup": {"vault": "vault-secret", "policy": "daily"}}],
}


class Client:
    """A plain HTTP client that trusts the sandbox and holds a token for it."""

    def __init__(self, sandbox: Sandbox, who: tuple[str, str] | None = None) -> None:
        self.sandbox = sandbox
        self.session = requests.Session()
        self.session.trust_env = False
        self.session.verify = str(sandbox.ca)
        client_id, secret = who or (sandbox.client_id, sandbox.client_secret)
        self.signed_in = self.session.post(
            f"{sandbox.url}/{sandbox.tenant}/oauth2/v2.0/token",
            data={
                "grant_type": "client_credentials",
                "client_id": client_id,
                "client_secret": secret,
                "scope": f"{sandbox.url}/.default",
            },
        )
        token = self.signed_in.json().get("access_token", "none")
        self.session.headers["Authorization"] = f"Bearer {token}"

    @property
    def root(self) -> str:
        return f"/subscriptions/{self.sandbox.subscription}"

    def ask(self, path: str, method: str = "GET", **options: Any) -> requests.Response:
        """Ask for a path, or for one below the subscription where it does not begin with a slash."""
        address = path if path.startswith("/") else f"{self.root}/{path}"
        return self.session.request(method, self.sandbox.url + address, **options)

    def values(self, path: str) -> list[Any]:
        """Return a whole list, page by page."""
        found: list[Any] = []
        link = f"{self.sandbox.url}{self.root}/{path}"
        while link:
            page = self.session.get(link).json()
            found += page["value"]
            link = page.get("nextLink")
        return found


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with embedded(tmp_path_factory.mktemp("sandbox")) as running:
        yield running


@pytest.fixture(scope="module")
def arm(sandbox: Sandbox) -> Iterator[Client]:
    client = Client(sandbox)
    with client.session:
        yield client


def code(answer: requests.Response) -> str:
    return str(answer.json()["error"]["code"])


def test_a_request_without_a_token_is_refused_with_a_challenge(sandbox: Sandbox) -> None:
    with requests.Session() as session:
        session.trust_env = False
        answer = session.get(f"{sandbox.url}/subscriptions?{VERSION}", verify=str(sandbox.ca))
        stale = session.get(
            f"{sandbox.url}/subscriptions?{VERSION}",
            verify=str(sandbox.ca),
            headers={"Authorization": "Bearer old"},
        )
    assert (answer.status_code, code(answer)) == (401, "AuthenticationFailed")
    assert answer.headers["WWW-Authenticate"].startswith(f'Bearer authorization_uri="{sandbox.url}/')
    assert (stale.status_code, code(stale)) == (401, "InvalidAuthenticationToken")


def test_a_wrong_secret_is_answered_in_the_words_of_entra(sandbox: Sandbox) -> None:
    client = Client(sandbox, (sandbox.client_id, "wrong"))
    with client.session:
        assert client.signed_in.status_code == 401
        body = client.signed_in.json()
    assert body["error"] == "invalid_client"
    assert body["error_description"].startswith("AADSTS7000215: ")
    assert body["error_codes"] == [7000215]


def test_an_unknown_application_is_named(sandbox: Sandbox) -> None:
    client = Client(sandbox, ("nobody", "x"))
    with client.session:
        assert client.signed_in.status_code == 400
        assert "AADSTS700016" in client.signed_in.json()["error_description"]


def test_a_federated_assertion_signs_in_without_a_secret(sandbox: Sandbox) -> None:
    answer = requests.post(
        f"{sandbox.url}/{sandbox.tenant}/oauth2/v2.0/token",
        data={
            "grant_type": "client_credentials",
            "client_id": sandbox.client_id,
            "client_assertion": "a.b.c",
            "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        },
        verify=str(sandbox.ca),
    )
    assert answer.json()["token_type"] == "Bearer"
    claims = answer.json()["access_token"].split(".")[1]
    assert json.loads(base64.urlsafe_b64decode(claims + "=="))["tid"] == sandbox.tenant


def test_a_token_expires() -> None:
    entra = Entra.of([Principal("me", "secret", "object")], lifetime=0.05)
    token = json.loads(
        entra.token({"grant_type": "client_credentials", "client_id": "ME", "client_secret": "secret"}).body
    )["access_token"]
    assert entra.bearer(f"Bearer {token}")
    time.sleep(0.06)
    assert entra.bearer(f"Bearer {token}") is None


def test_metadata_name_the_authority_and_the_audience_without_sign_in(sandbox: Sandbox) -> None:
    answer = requests.get(f"{sandbox.url}/metadata/endpoints?api-version=2022-09-01", verify=str(sandbox.ca))
    body = answer.json()
    assert body["resourceManager"] == sandbox.url
    assert body["authentication"]["loginEndpoint"] == sandbox.url
    assert sandbox.url in body["authentication"]["audiences"]


def test_a_request_without_api_version_is_refused(arm: Client) -> None:
    answer = arm.ask("/subscriptions")
    assert (answer.status_code, code(answer)) == (400, "MissingApiVersionParameter")


def test_any_api_version_is_accepted(arm: Client) -> None:
    for version in ("2016-09-01", "2022-12-01", "2026-04-01"):
        assert arm.ask(f"/subscriptions?api-version={version}").status_code == 200


@pytest.mark.parametrize(
    ("path", "status", "expected"),
    [
        ("/subscriptions/00000000-0000-0000-0000-00000000dead/resourcegroups", 404, "SubscriptionNotFound"),
        ("resourceGroups/nowhere", 404, "ResourceGroupNotFound"),
        (f"resourceGroups/nowhere/{COMPUTE}/virtualMachines", 404, "ResourceGroupNotFound"),
        (f"resourceGroups/shop/{COMPUTE}/virtualMachines/nobody", 404, "ResourceNotFound"),
        (f"resourceGroups/shop/{COMPUTE}/virtualMachines/nobody/instanceView", 404, "ResourceNotFound"),
        (f"resourceGroups/shop/{COMPUTE}/virtualMachines/nobody/extensions", 404, "ResourceNotFound"),
        ("providers/Microsoft.Coffee/cups", 404, "InvalidResourceType"),
        (f"{COMPUTE}/teapots", 404, "InvalidResourceType"),
        ("/somewhere/else", 404, "InvalidResourceType"),
    ],
)
def test_what_is_not_there_is_refused_in_arms_words(
    arm: Client, path: str, status: int, expected: str
) -> None:
    answer = arm.ask(f"{path}?{VERSION}")
    assert (answer.status_code, code(answer)) == (status, expected)


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "POST"])
def test_what_cannot_be_written_is_not_allowed(arm: Client, method: str) -> None:
    for path in (
        f"resourceGroups/shop/{COMPUTE}/virtualMachines",
        "providers/Microsoft.Authorization/locks",
        "resourceGroups/shop",
    ):
        answer = arm.ask(f"{path}?{VERSION}", method)
        assert (answer.status_code, code(answer)) == (405, "MethodNotAllowed")


def test_ids_are_compared_without_case_unquoted_and_with_single_slashes(arm: Client) -> None:
    plain = arm.ask(f"resourceGroups/shop/{COMPUTE}/virtualMachines/sql1?{VERSION}")
    assert plain.status_code == 200
    for path in (
        f"RESOURCEGROUPS/Shop/{COMPUTE.upper()}/virtualmachines/SQL1/",
        f"resourceGroups//shop//{COMPUTE}/virtualMachines/sql1",
        quote(f"resourceGroups/shop/{COMPUTE}/virtualMachines/sql1", safe=""),
    ):
        assert arm.ask(f"{path}?API-Version=2024-07-01").content == plain.content


def test_ids_are_answered_in_the_mixed_case_of_azure(arm: Client) -> None:
    vm = arm.values(f"{COMPUTE}/virtualMachines?{VERSION}")[0]
    assert "/resourceGroups/OFFICE/" in vm["id"]
    nic = arm.values(f"providers/Microsoft.Network/networkInterfaces?{VERSION}")[0]
    assert "/resourceGroups/office/" in nic["id"]
    lock = arm.values(f"providers/Microsoft.Authorization/locks?{VERSION}")[0]
    assert "/resourcegroups/" in lock["id"]
    item = items(arm, "vault-shop")[0]
    assert item["id"].startswith("/Subscriptions/")
    assert item["properties"]["containerName"] == item["properties"]["containerName"].lower()


def items(arm: Client, vault: str, query: str = "") -> list[Any]:
    path = f"resourceGroups/backup/providers/Microsoft.RecoveryServices/vaults/{vault}"
    return arm.values(f"{path}/backupProtectedItems?{VERSION}{query}")


def jobs(arm: Client, filter_: str) -> list[Any]:
    path = "resourceGroups/backup/providers/Microsoft.RecoveryServices/vaults/vault-shop"
    return arm.values(f"{path}/backupJobs?{VERSION}&$filter={quote(filter_)}")


def test_every_answer_bears_arms_headers(arm: Client) -> None:
    answer = arm.ask(f"/subscriptions?{VERSION}", headers={"x-ms-correlation-request-id": "run-7"})
    assert answer.headers["x-ms-correlation-request-id"] == "run-7"
    assert len(answer.headers["x-ms-request-id"]) == 36
    assert int(answer.headers["x-ms-ratelimit-remaining-subscription-reads"]) > 0
    assert "GMT" in answer.headers["Date"]
    assert answer.headers["Content-Type"].startswith("application/json")


def test_lists_come_in_pages_with_absolute_links(tmp_path: Path) -> None:
    with embedded(tmp_path, page_size=5) as sandbox:
        client = Client(sandbox)
        with client.session:
            first = client.ask(f"{COMPUTE}/virtualMachines?{VERSION}&statusOnly=true").json()
            assert len(first["value"]) == 5
            assert first["nextLink"].startswith(f"{sandbox.url}/subscriptions/")
            assert "statusonly=true" in first["nextLink"].lower()
            whole = client.values(f"{COMPUTE}/virtualMachines?{VERSION}&statusOnly=true")
            assert len({vm["id"] for vm in whole}) == len(whole) == 16
            assert sandbox.calls()[Read.POWER] == 5
            odd = client.ask(f"{COMPUTE}/virtualMachines?{VERSION}&$skiptoken=%FF")
            assert (odd.status_code, code(odd)) == (400, "InvalidSkipToken")


def test_the_list_of_states_shows_power_and_nothing_of_the_agent(arm: Client) -> None:
    found = {
        vm["name"]: vm["properties"]["instanceView"]
        for vm in arm.values(f"{COMPUTE}/virtualMachines?{VERSION}&statusOnly=true")
    }
    assert [status["code"] for status in found["print1"]["statuses"]][-1] == "PowerState/stopped"
    assert not any("vmAgent" in view for view in found.values())


def test_items_of_a_vault_are_filtered_and_other_vaults_stay_out(arm: Client) -> None:
    wanted = "&$filter=backupManagementType%20eq%20'AzureIaasVM'%20and%20itemType%20eq%20'VM'"
    names = {item["properties"]["friendlyName"] for item in items(arm, "vault-shop", wanted)}
    assert names == {"sql1", "web1", "web2", "app1", "app2", "archive1", "hana1"}
    assert items(arm, "vault-shop", "&$filter=backupManagementType%20eq%20'AzureStorage'") == []


def test_jobs_are_filtered_by_status_and_window(arm: Client) -> None:
    failed = "backupManagementType eq 'AzureIaasVM' and operation eq 'Backup' and status eq 'Failed'"
    assert len(jobs(arm, failed)) == 6
    later = f"{failed} and startTime eq '2101-01-01 12:00:00 AM' and endTime eq '2102-01-01 12:00:00 AM'"
    assert jobs(arm, later) == []
    around = f"{failed} and startTime eq '2016-01-01 00:00:00 AM' and endTime eq '2102-01-01 12:00:00 PM'"
    assert len(jobs(arm, around)) == 6


@pytest.mark.parametrize("filter_", ["status gt 'Failed'", "colour eq 'red'", "startTime eq 'yesterday'"])
def test_a_filter_that_makes_no_sense_is_refused(arm: Client, filter_: str) -> None:
    path = "resourceGroups/backup/providers/Microsoft.RecoveryServices/vaults/vault-shop/backupJobs"
    answer = arm.ask(f"{path}?{VERSION}&$filter={quote(filter_)}")
    assert (answer.status_code, code(answer)) == (400, "BMSUserErrorInvalidInput")


def test_only_the_single_job_tells_what_went_wrong_with_a_number_and_a_localized_text(arm: Client) -> None:
    listed = jobs(arm, "status eq 'Failed'")
    assert all(job["properties"]["errorDetails"] is None for job in listed)
    assert all(job["properties"]["extendedInfo"] is None for job in listed)
    job = next(job for job in listed if job["properties"]["entityFriendlyName"] == "app1")
    (error,) = arm.ask(f"{job['id']}?{VERSION}").json()["properties"]["errorDetails"]
    assert isinstance(error["errorCode"], int)
    assert error["errorString"] == "Error en la operación de extensión VMSnapshot"
    assert "ExtensionOperationFailed" not in json.dumps(error)


def test_namesakes_in_two_groups_have_containers_of_their_own(arm: Client) -> None:
    found = [
        item["properties"]["containerName"]
        for vault in ("vault-shop", "vault-office")
        for item in items(arm, vault)
        if item["properties"]["friendlyName"] == "web1"
    ]
    assert found == ["iaasvmcontainerv2;shop;web1", "iaasvmcontainerv2;office;web1"]


def test_locks_at_a_resource_hold_those_of_its_group_under_the_groups_own_id(arm: Client) -> None:
    scope = f"resourceGroups/OFFICE/{COMPUTE}/virtualMachines/dc1"
    (lock,) = arm.values(f"{scope}/providers/Microsoft.Authorization/locks?{VERSION}")
    assert (
        lock["id"] == f"{arm.root}/resourcegroups/office/providers/Microsoft.Authorization/locks/production"
    )
    assert arm.ask(f"{lock['id']}?{VERSION}").json() == lock
    assert arm.values(f"resourceGroups/shop/providers/Microsoft.Authorization/locks?{VERSION}") == []
    assert len(arm.values(f"providers/Microsoft.Authorization/locks?{VERSION}")) == 2
    assert arm.values(f"providers/Microsoft.Authorization/locks?{VERSION}&$filter=atScope()") == []


def test_a_collection_shows_its_points_only_when_they_are_asked_for(arm: Client) -> None:
    collections = arm.values(f"{COMPUTE}/restorePointCollections?{VERSION}")
    locked = next(one for one in collections if "AZUREBACKUPRG_WESTEUROPE_2" in one["id"])
    assert "restorePoints" not in arm.ask(f"{locked['id']}?{VERSION}").json()["properties"]
    expanded = arm.ask(f"{locked['id']}?{VERSION}&$expand=restorePoints").json()
    points = expanded["properties"]["restorePoints"]
    assert len(points) == 18
    assert arm.ask(f"{points[0]['id']}?{VERSION}").json() == points[0]
    assert len(arm.ask(f"{locked['id']}/restorePoints?{VERSION}").json()["value"]) == 18


def test_parts_of_a_resource_have_addresses_of_their_own(arm: Client) -> None:
    nsg = "resourceGroups/network/providers/Microsoft.Network/networkSecurityGroups/nsg-closed"
    assert arm.ask(f"{nsg}/securityRules/DENY-internet?{VERSION}").json()["properties"]["access"] == "Deny"
    assert len(arm.values(f"{nsg}/defaultSecurityRules?{VERSION}")) == 6
    assert arm.ask(f"{nsg}/securityRules/none?{VERSION}").status_code == 404


def test_backup_status_names_the_vault_of_a_vm(arm: Client) -> None:
    address = f"providers/Microsoft.RecoveryServices/locations/westeurope/backupStatus?{VERSION}"
    vm = f"{arm.root}/resourceGroups/shop/{COMPUTE}/virtualMachines/sql1"
    known = arm.ask(address, "POST", json={"resourceType": "VM", "resourceId": vm}).json()
    assert (known["protectionStatus"], known["policyName"]) == ("Protected", "daily")
    assert known["vaultId"].endswith("/vault-shop")
    unknown = arm.ask(address, "POST", json={"resourceId": f"{vm}9"}).json()
    assert unknown["protectionStatus"] == "NotProtected"
    assert arm.ask(address, "POST", data=b"{").status_code == 400
    assert arm.ask(address).status_code == 405


def test_service_tags_name_the_storage_of_the_region(arm: Client) -> None:
    answer = arm.ask(f"providers/Microsoft.Network/locations/westeurope/serviceTags?{VERSION}").json()
    assert "Storage.WestEurope" in {tag["name"] for tag in answer["values"]}


def test_who_lacks_rights_is_refused_in_azures_wording_there_and_below(tmp_path: Path) -> None:
    with embedded(tmp_path, estate=NO_RIGHTS) as sandbox:
        client = Client(sandbox, READER)
        with client.session:
            vault = f"{client.root}/resourceGroups/backup/providers/Microsoft.RecoveryServices/vaults/vault-secret"
            answer = client.ask(f"{vault}/backupProtectedItems?{VERSION}")
            assert (answer.status_code, code(answer)) == (403, "AuthorizationFailed")
            text = answer.json()["error"]["message"]
            assert text.startswith(f"The client '{READER[0]}' with object id '")
            assert (
                "perform action 'Microsoft.RecoveryServices/vaults/backupProtectedItems/read' over scope"
                in text
            )
            assert items(client, "vault-open") == []
            names = client.values(f"providers/Microsoft.RecoveryServices/vaults?{VERSION}")
            assert {one["name"] for one in names} == {"vault-open", "vault-secret"}
            rights = client.values(f"providers/Microsoft.Authorization/permissions?{VERSION}")
            assert rights[0]["actions"] == ["*/read"]


def test_an_empty_bucket_is_answered_with_a_time_to_wait(tmp_path: Path) -> None:
    with embedded(tmp_path, throttle=Throttle(size=2, refill=0.5)) as sandbox:
        client = Client(sandbox)
        with client.session:
            answers = [client.ask(f"/subscriptions?{VERSION}") for _ in range(3)]
    assert [one.status_code for one in answers] == [200, 200, 429]
    left = [one.headers.get("x-ms-ratelimit-remaining-subscription-reads") for one in answers]
    assert left == ["1", "0", None]
    assert code(answers[2]) == "SubscriptionRequestsThrottled"
    assert answers[2].headers["Retry-After"] in {"1", "2"}


def test_requests_are_counted_by_what_they_read(tmp_path: Path) -> None:
    with embedded(tmp_path) as sandbox:
        client = Client(sandbox)
        with client.session:
            client.ask(f"{COMPUTE}/virtualMachines?{VERSION}")
            client.ask(f"{COMPUTE}/virtualMachines?{VERSION}&statusOnly=true")
            client.ask(f"resourceGroups/shop/{COMPUTE}/virtualMachines/sql1/instanceView?{VERSION}")
            client.ask(f"resources?{VERSION}&$filter=resourceType%20eq%20'Microsoft.RecoveryServices/vaults'")
            jobs(client, "status eq 'Failed'")
        assert dict(sandbox.calls()) == {
            Read.VMS: 1,
            Read.POWER: 1,
            Read.VIEW: 1,
            Read.VAULTS: 1,
            Read.JOBS: 1,
        }
        assert [one.status for one in sandbox.requests] == [200] * 6
        sandbox.clear()
        assert not sandbox.requests


def test_a_port_in_use_is_one_sentence(sandbox: Sandbox, tmp_path: Path) -> None:
    port = int(sandbox.url.rpartition(":")[2])
    with pytest.raises(AzremedyError, match=f"cannot listen on port {port}"), embedded(tmp_path, port=port):
        pass


def test_state_and_authority_survive_a_restart_and_end_with_a_reset(tmp_path: Path) -> None:
    kept = tmp_path / "notes.txt"
    with embedded(tmp_path) as sandbox:
        first, subscription = sandbox.ca.read_bytes(), sandbox.subscription
    kept.write_text("mine")
    with embedded(tmp_path) as sandbox:
        assert (sandbox.ca.read_bytes(), sandbox.subscription) == (first, subscription)
        client = Client(sandbox)
        with client.session:
            assert len(client.values(f"{COMPUTE}/virtualMachines?{VERSION}")) == 16
    reset(tmp_path)
    assert list(tmp_path.iterdir()) == [kept]
