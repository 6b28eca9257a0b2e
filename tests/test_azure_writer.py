"""Writing to ARM: each write leaves once, and what is known of its fate is said."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from misbehaving import TOKEN, Answer, Server, closed_port, error, misbehaving, secret

from azremedy.arm import ArmId, Request
from azremedy.azure import Cloud, open_writer
from azremedy.azure.credential import sign_in
from azremedy.azure.pace import Pace
from azremedy.azure.transport import Session, requests_transport
from azremedy.azure.writer import ArmWriter
from azremedy.errors import ReadError, WriteError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

GROUP = "/subscriptions/1/resourceGroups/rg"
VM = ArmId(f"{GROUP}/providers/Microsoft.Compute/virtualMachines/sql1")
LOCK = ArmId(f"{GROUP}/providers/Microsoft.Authorization/locks/keep")
VAULT = f"{GROUP}/providers/Microsoft.RecoveryServices/vaults/vault"
ITEM = ArmId(f"{VAULT}/backupFabrics/Azure/protectionContainers/c/protectedItems/i")
RESTART = Request("POST", VM, "restart")
DROP = Request("DELETE", LOCK)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with misbehaving(tmp_path) as made:
        yield made


@pytest.fixture
def writer(server: Server) -> Iterator[ArmWriter]:
    with open_writer(server.cloud, secret=secret(), ca=server.ca, environ={}) as made:
        yield made


def test_sends_a_body_with_the_api_version_of_its_type(server: Server, writer: ArmWriter) -> None:
    server.on(str(LOCK), Answer({"id": str(LOCK)}, 201))
    body = {"properties": {"level": "ReadOnly"}}

    accepted = writer.send(Request("PUT", LOCK, body=body))

    assert (accepted.status, accepted.body, accepted.operation) == (201, {"id": str(LOCK)}, None)
    [asked] = server.requests(str(LOCK))
    assert asked.path.endswith("?api-version=2020-05-01")
    assert json.loads(asked.body) == body
    assert "If-Match" not in asked.headers


def test_quotes_a_name_that_would_end_the_path(server: Server, writer: ArmWriter) -> None:
    server.on(f"{GROUP}/providers/Microsoft.Authorization/locks/a%20%23%3F%25b", Answer({}))

    assert writer.send(Request("DELETE", ArmId(f"{LOCK.text[: -len('keep')]}a #?%b"))).status == 200


def test_sends_an_etag_where_one_is_given(server: Server, writer: ArmWriter) -> None:
    server.on(str(LOCK), Answer({}))

    writer.send(Request("PUT", LOCK, body={}), 'W/"7"')

    assert server.requests(str(LOCK))[0].headers["If-Match"] == 'W/"7"'


@pytest.mark.parametrize(
    "request_",
    [
        pytest.param(Request("DELETE", ITEM), id="a protected item's DELETE"),
        pytest.param(Request("DELETE", ArmId(VAULT)), id="a vault's DELETE"),
        pytest.param(Request("PUT", ArmId(VAULT), body={}), id="a vault's PUT"),
        pytest.param(Request("PUT", ArmId(f"{VAULT}/backupPolicies/daily"), body={}), id="a policy"),
        pytest.param(Request("PUT", ArmId(f"{VAULT}/backupconfig/vaultconfig"), body={}), id="soft delete"),
        pytest.param(Request("DELETE", VM), id="a VM's DELETE"),
        pytest.param(Request("DELETE", ArmId(f"{VM}/extensions/..")), id="a VM's DELETE in disguise"),
        pytest.param(Request("DELETE", ArmId(f"{VM}//extensions/x")), id="an id with nothing in it"),
        pytest.param(Request("PUT", VM, body={}), id="a VM's whole model"),
        pytest.param(Request("PATCH", VM, body={"properties": {"userData": "x"}}), id="more of a VM"),
        pytest.param(Request("PATCH", LOCK, body={}), id="a lock that is changed"),
        pytest.param(Request("POST", VM, "generalize"), id="another action"),
        pytest.param(Request("POST", VM, "restart/../generalize"), id="another action in disguise"),
        pytest.param(
            Request("POST", VM, "runCommand", {"commandId": "RunShellScript", "script": ["reboot"]}),
            id="a script of others",
        ),
        pytest.param(
            Request("PUT", ArmId(f"{GROUP}/providers/Microsoft.Authorization/roleAssignments/1"), body={}),
            id="a role",
        ),
    ],
)
def test_what_no_playbook_writes_never_leaves(server: Server, writer: ArmWriter, request_: Request) -> None:
    with pytest.raises(WriteError, match="It was not sent:") as refused:
        writer.send(request_)

    assert (refused.value.executed, refused.value.code) == (False, "NotOurs")
    assert not server.requests(request_.address)


def test_resolves_what_lies_ahead_by_arms_own_clock(server: Server, writer: ArmWriter) -> None:
    server.on(f"{ITEM}/backup", Answer(b"", 202))
    writer.get("/metadata/endpoints")

    writer.send(Request("POST", ITEM, "backup", {"properties": {"until": "now+P7D", "at": ["now+PT1H30M"]}}))

    sent = json.loads(server.requests(f"{ITEM}/backup")[0].body)
    assert sent == {"properties": {"until": "2026-11-29T07:00:00Z", "at": ["2026-11-22T08:30:00Z"]}}


@pytest.mark.parametrize(
    ("headers", "operation"),
    [
        pytest.param({"Azure-AsyncOperation": "/status", "Location": "/result"}, "/status", id="both"),
        pytest.param({"Location": "/result"}, "/result", id="location alone"),
        pytest.param({}, None, id="neither"),
    ],
)
def test_names_the_operation_behind_an_answer(
    server: Server, writer: ArmWriter, headers: dict[str, str], operation: str | None
) -> None:
    server.on(f"{VM}/restart", Answer(b"", 202, {**headers, "Retry-After": "7"}))

    accepted = writer.send(RESTART)

    assert (accepted.operation, accepted.retry_after) == (operation, 7)


def test_a_location_of_what_was_made_is_no_operation(server: Server, writer: ArmWriter) -> None:
    server.on(str(LOCK), Answer({}, 201, {"Location": str(LOCK)}))

    assert writer.send(Request("PUT", LOCK, body={})).operation is None


@pytest.mark.parametrize(
    ("answer", "executed"),
    [
        pytest.param(error(400, "Bad", "bad"), False, id="400"),
        pytest.param(error(403, "AuthorizationFailed", "no"), False, id="403"),
        pytest.param(error(409, "ScopeLocked", "locked"), False, id="409"),
        pytest.param(error(412, "PreconditionFailed", "changed"), False, id="412"),
        pytest.param(error(401, "ExpiredAuthenticationToken", "old"), False, id="401"),
        pytest.param(error(408, "Timeout", "slow"), None, id="408"),
        pytest.param(error(500, "InternalServerError", "oops"), None, id="500"),
        pytest.param(error(503, "ServerBusy", "busy", **{"Retry-After": "1"}), None, id="503 with a wait"),
        pytest.param(error(409, "Conflict", "busy", **{"Retry-After": "1"}), False, id="409 with a wait"),
        pytest.param(Answer(closes=True), None, id="the connection is lost"),
        pytest.param(Answer({"id": 1}, promised=10), None, id="the answer breaks off"),
    ],
)
@pytest.mark.parametrize("request_", [RESTART, DROP], ids=["POST", "DELETE"])
def test_sends_once_and_says_what_is_known(
    server: Server, writer: ArmWriter, answer: Answer, executed: bool | None, request_: Request
) -> None:
    server.on(request_.address, answer)

    with pytest.raises(WriteError) as refused:
        writer.send(request_)

    assert refused.value.executed is executed
    assert len(server.requests(request_.address)) == 1


def test_sends_again_what_was_throttled(server: Server, writer: ArmWriter) -> None:
    later = error(429, "SubscriptionRequestsThrottled", "later", **{"x-ms-retry-after-ms": "10"})
    server.on(f"{VM}/restart", later, later, Answer(b"", 200))

    assert writer.send(RESTART).status == 200
    assert len(server.requests(f"{VM}/restart")) == 3


def test_nothing_was_sent_where_nobody_listens(server: Server) -> None:
    nobody = f"https://127.0.0.1:{closed_port()}"
    session = Session(ca=server.ca, environ={}, workers=1)
    credential = sign_in(server.cloud, tenant=None, transport=requests_transport(session), secret=secret())

    with (
        ArmWriter(Cloud(nobody, nobody, nobody, nobody), credential, session, pace=Pace()) as writer,
        pytest.raises(WriteError, match="Nothing answers") as refused,
    ):
        writer.send(RESTART)
    assert refused.value.executed is False


def test_a_body_that_is_no_json_does_not_undo_a_write(server: Server, writer: ArmWriter) -> None:
    server.on(str(LOCK), Answer(b"<html>"))

    accepted = writer.send(DROP)

    assert (accepted.status, accepted.body) == (200, None)


@pytest.mark.parametrize(
    ("answer", "seen"),
    [
        pytest.param(Answer({"status": "Succeeded"}), ("Succeeded", True, None), id="succeeded"),
        pytest.param(Answer({"status": "Inventing"}), ("Inventing", False, None), id="a word nobody knows"),
        pytest.param(Answer({"status": "Canceled"}), ("Canceled", True, None), id="canceled"),
        pytest.param(
            Answer({"status": "Failed", "error": {"code": "VMAgent", "message": "it is silent"}}),
            ("Failed", True, "VMAgent"),
            id="failed",
        ),
        pytest.param(
            Answer(b"", 202, {"Retry-After": "3"}), ("InProgress", False, None), id="location: goes on"
        ),
        pytest.param(Answer(b"", 204), ("Succeeded", True, None), id="location: over"),
        pytest.param(Answer({"value": []}), ("Succeeded", True, None), id="location: over, with a result"),
    ],
)
def test_looks_at_an_operation(
    server: Server, writer: ArmWriter, answer: Answer, seen: tuple[str, bool, str | None]
) -> None:
    server.on("/operation", answer)

    look = writer.look(f"{server.address}/operation?api-version=1")

    assert (look.status, look.over, look.code) == seen


def test_follows_no_operation_to_another_host(server: Server, writer: ArmWriter) -> None:
    with pytest.raises(ReadError, match="not followed"):
        writer.look("https://elsewhere.invalid/operation")


def test_its_log_holds_no_token_and_no_body(server: Server) -> None:
    lines: list[str] = []
    server.on(str(LOCK), Answer({}))
    with open_writer(server.cloud, secret=secret(), ca=server.ca, environ={}, log=lines.append) as writer:
        writer.send(Request("PUT", LOCK, body={"properties": {"notes": "private"}}))

    assert any("PUT" in line for line in lines)
    assert not any(TOKEN in line or "private" in line for line in lines)
