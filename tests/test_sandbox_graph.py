"""The sandbox's Azure Resource Graph: the queries it takes, what it refuses, and what it shows to whom."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import requests
from sandboxed import Lab, estate, lab, vm

from azremedy.collect.kql import counted, equal, literal, query

URL = "/providers/Microsoft.ResourceGraph/resources?api-version=2021-03-01"
TYPE = "type =~ 'microsoft.compute/virtualmachines'"
WHO = "5a6db0c5-0000-4000-8000-c11e47000008"
HOSTILE = [
    "o'neil",
    "back\\slash\\",
    "'; resources | where 1 == 1 //",
    "' or type =~ '",
    'double " quote',
    "line\nbreak\r\ttab",
    "\u202egnp.exe",
    "\U0001f600 smile",
    "\x00\x1b[31m",
    "@'verbatim'",
]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    identities = [
        {"name": "reader", "client_id": WHO, "secret": "s", "cannot_read": ["web1"]},
        {
            "name": "few",
            "client_id": WHO[:-1] + "9",
            "secret": "s",
            "actions": ["Microsoft.Compute/disks/read"],
        },
    ]
    vms = [vm("sql1"), vm("sql2", power="deallocated"), {"name": "web1", "group": "shop"}]
    folder = tmp_path_factory.mktemp("sandbox")
    with lab(folder, estate(*vms, identities=identities), page_size=None) as running:
        yield running


def ask(made: Lab, text: str, who: tuple[str, str] | None = None, options: Any = None) -> requests.Response:
    sandbox = made.sandbox
    signed_in = Lab(sandbox, who) if who else made
    token = signed_in.credential.get_token(f"{sandbox.url}/.default").token
    if who:
        signed_in.close()
    sandbox._queries._windows.clear()  # what is asked here is no matter of quota, but for the test of it
    return requests.post(
        sandbox.url + URL,
        json={"query": text, "options": options or {"$top": 1000}},
        headers={"Authorization": f"Bearer {token}"},
        verify=str(sandbox.ca),
        timeout=10,
    )


def names(answer: requests.Response) -> list[str]:
    return [row["name"] for row in answer.json()["data"]]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (f"resources | where {TYPE} | order by name asc", ["sql1", "sql2", "web1"]),
        (f"Resources | where {TYPE} | order by name", ["web1", "sql2", "sql1"]),
        (f"resources | where {TYPE} and name =~ 'SQL1'", ["sql1"]),
        (f"resources | where {TYPE} and name == 'SQL1'", []),
        (
            f"resources | where {TYPE} | where name in~ ('SQL1', \"web1\") | order by name asc",
            ["sql1", "web1"],
        ),
        (f"resources | where {TYPE} and name in ('SQL1', 'web1')", ["web1"]),
        (
            "resources | where properties.extended.instanceView.powerState.code =~ 'powerstate/deallocated'",
            ["sql2"],
        ),
        (f"resources | where {TYPE} | project name = properties.vmId, id | where name =~ 'none'", []),
    ],
)
def test_takes_where_project_and_order(made: Lab, text: str, found: list[str]) -> None:
    assert names(ask(made, text)) == found


def test_counts(made: Lab) -> None:
    assert ask(made, f"resources | where {TYPE} | count").json()["data"] == [{"Count": 3}]


@pytest.mark.parametrize(
    ("text", "code", "token"),
    [
        ("resources | summarize count() by type", "InvalidQueryLanguage", "summarize"),
        ("resources | extend a = 'x'", "InvalidQueryLanguage", "extend"),
        ("resources | where type contains 'x'", "ParserFailure", "contains"),
        ("resources | where type =~ 'x' or type =~ 'y'", "ParserFailure", "or"),
        ("resources | where type =~ 'x", "ParserFailure", "'"),
        ("resources | where type !~ 'x'", "ParserFailure", "!"),
        ("resources where type =~ 'x'", "ParserFailure", "where"),
        ("resources | where type =~", "ParserFailure", "<EOF>"),
        ("healthresources | count", "DisallowedLogicalTableName", "healthresources"),
        ("resources; resources", "ParserFailure", ";"),
    ],
)
def test_answers_400_to_anything_else_and_says_where(made: Lab, text: str, code: str, token: str) -> None:
    answer = ask(made, text)
    error = answer.json()["error"]

    assert (answer.status_code, error["code"], error["details"][0]["code"]) == (
        400,
        "BadRequest",
        "InvalidQuery",
    )
    assert (error["details"][1]["code"], error["details"][1]["token"]) == (code, token)


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_name_in_a_literal_is_that_name_and_nothing_else(made: Lab, name: str) -> None:
    """The sandbox reads KQL's escapes; a literal that ended early would be refused or find something."""
    sandbox = made.sandbox
    id_ = (
        f"/subscriptions/{sandbox.subscription}/resourceGroups/shop/providers/Microsoft.Compute/disks/hostile"
    )
    sandbox._store.put(id_, {"id": id_, "name": name, "location": "x", "properties": {}})
    found = ask(made, query("resources", equal("name", name), columns="id, name"))

    assert found.status_code == 200
    assert names(found) == [name]
    assert not any(ord(one) < 32 or one == "\u202e" for one in literal(name))
    sandbox._store.delete(id_)


def test_pages_are_linked_by_tokens(made: Lab) -> None:
    text = f"resources | where {TYPE} | order by id asc"
    first = ask(made, text, options={"$top": 2}).json()
    second = ask(made, text, options={"$top": 2, "$skipToken": first["$skipToken"]}).json()

    assert (first["totalRecords"], first["count"], second["count"]) == (3, 2, 1)
    assert "$skipToken" not in second


def test_shows_what_the_caller_may_read_and_says_nothing_of_the_rest(made: Lab) -> None:
    text = "resources | where type in~ ('microsoft.compute/virtualmachines', 'microsoft.compute/disks')"
    reader = names(ask(made, text, (WHO, "s")))
    few = ask(made, text, (WHO[:-1] + "9", "s")).json()["data"]

    assert "web1" not in reader
    assert "sql1" in reader
    assert {row["type"] for row in few} == {"microsoft.compute/disks"}


def test_tells_items_in_its_own_words_and_no_health(made: Lab) -> None:
    text = "recoveryservicesresources | where type =~ 'microsoft.recoveryservices/vaults/backupfabrics/"
    [one, *_] = ask(made, f"{text}protectioncontainers/protecteditems'").json()["data"]

    assert one["properties"]["currentProtectionState"] == "ProtectionConfigured"
    assert not {"protectionState", "healthStatus", "extendedProperties"} & one["properties"].keys()
    assert ask(made, counted("resources", equal("type", "microsoft.authorization/locks"))).json()["data"] == [
        {"Count": 0}
    ]


def test_a_user_has_fifteen_queries_in_five_seconds(made: Lab) -> None:
    sandbox = made.sandbox
    token = made.credential.get_token(f"{sandbox.url}/.default").token
    sandbox._queries._windows.clear()
    with requests.Session() as client:
        answers = [
            client.post(
                sandbox.url + URL,
                json={"query": f"resources | where {TYPE} | count"},
                headers={"Authorization": f"Bearer {token}"},
                verify=str(sandbox.ca),
                timeout=10,
            )
            for _ in range(16)
        ]

    assert [one.status_code for one in answers] == [200] * 15 + [429]
    assert [answers[n].headers["x-ms-user-quota-remaining"] for n in (0, 14, 15)] == ["14", "0", "0"]
    assert answers[15].json()["error"]["code"] == "RateLimiting"
    assert 1 <= int(answers[15].headers["Retry-After"]) <= 5
