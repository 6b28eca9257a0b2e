"""What a team lives with: suppressions with a reason and an end, and a baseline of what is known."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import pytest
from building import NOW, SERVICE_GROUP, collection, estate, failed_item, failed_job, item, lock, points, vm

from azremedy.arm import ArmId
from azremedy.baseline import Known, Since, compare
from azremedy.cli.accepted import baseline, baseline_of, compared, complaints
from azremedy.cli.ignorefile import read as suppressions
from azremedy.errors import AzremedyError
from azremedy.estate import Estate
from azremedy.playbook import Severity, load
from azremedy.resources import Read, Unread
from azremedy.scan import Scan, evaluate
from azremedy.selection import EVERYTHING, Selection
from azremedy.suppression import Suppression

TODAY = NOW.date()
PLAYBOOKS = load()
held = collection("sql1")
sick = estate(
    vm(),
    failed_item(),
    failed_job("UserErrorRpCollectionLimitReached"),
    held,
    points(18, held),
    lock(SERVICE_GROUP),
)


def suppression(scope: str = "/subscriptions/*", playbook: str = "*", days: int = 30) -> Suppression:
    return Suppression(playbook, scope, "agreed", TODAY + timedelta(days=days), None, 1)


def scanned(
    read: Estate, *accepted: Suppression, selection: Selection = EVERYTHING, ids: tuple[str, ...] = ()
) -> Scan:
    chosen = [PLAYBOOKS[id_] for id_ in ids or PLAYBOOKS]
    return evaluate(read, chosen, selection=selection, suppressions=accepted, whole=not ids)


class TestASuppression:
    @pytest.mark.parametrize(
        ("scope", "playbook", "apart"),
        [
            ("/subscriptions/*", "restore-point-lock", ["restore-point-lock"]),
            ("/SUBSCRIPTIONS/*/resourcegroups/PROD/", "*", ["restore-point-limit", "restore-point-lock"]),
            (vm().id.text, "restore-point-limit", ["restore-point-limit"]),
            (lock(SERVICE_GROUP).id.text, "*", ["restore-point-lock"]),
            (f"/subscriptions/*/resourceGroups/{SERVICE_GROUP}", "*", ["restore-point-lock"]),
            ("/subscriptions/*/resourceGroups/pro", "*", []),
            (vm().id.text + "0", "*", []),
            ("/subscriptions/*", "disk-size", []),
        ],
    )
    def test_takes_apart_what_it_covers_and_nothing_else(
        self, scope: str, playbook: str, apart: list[str]
    ) -> None:
        scan = scanned(sick, suppression(scope, playbook))

        assert sorted(one.diagnosis.playbook.id for one in scan.suppressed) == apart
        assert not {one.playbook.id for one in scan.diagnoses} & set(apart)
        assert len(scan.diagnoses) + len(scan.suppressed) == 2

    def test_ends_with_its_last_day(self) -> None:
        assert len(scanned(sick, suppression(days=0)).suppressed) == 2
        assert scanned(sick, suppression(days=-1)).suppressed == ()

    def test_explains_a_failed_backup_all_the_same(self) -> None:
        assert scanned(sick, suppression()).unexplained == ()

    def test_that_has_ended_or_covers_nothing_is_named(self) -> None:
        ended, idle, used = suppression(days=-1), suppression("/subscriptions/x"), suppression()

        said = list(complaints([ended, idle, used], [scanned(sick, ended, idle, used)]))

        assert said == [
            "suppression 1 (* on /subscriptions/*) ended on 2026-11-21: what it covered counts again",
            "suppression 1 (* on /subscriptions/x) covers nothing that was found: take it out, or look at its scope",
        ]


ONE = """
suppressions:
  - playbook: restore-point-lock
    scope: /subscriptions/*/resourceGroups/legal
    reason: Points are kept by order.
    expires: 2026-12-31
    owner: backup-team@example.org
"""


def written(folder: Path, text: str) -> Path:
    file = folder / "azremedy-ignore.yaml"
    file.write_text(text, encoding="utf-8")
    return file


def test_a_file_of_suppressions_is_read(tmp_path: Path) -> None:
    assert suppressions(written(tmp_path, ONE), PLAYBOOKS, TODAY) == (
        Suppression(
            "restore-point-lock", "/subscriptions/*/resourceGroups/legal", "Points are kept by order.",
            date(2026, 12, 31), "backup-team@example.org", 1,
        ),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "is no file of suppressions"),
        ("[]", "is no file of suppressions"),
        ("{suppressions: [}", "is no YAML in line 1"),
        ("suppressions: 3", r"\$\.suppressions"),
        (ONE + "ignore: []\n", "ignore"),
        (ONE.replace("    reason: Points are kept by order.\n", ""), "reason"),
        (ONE.replace("Points are kept by order.", "' '"), "^Suppression 1 of .* gives no reason: say why the finding is accepted.$"),
        (ONE.replace("    expires: 2026-12-31\n", ""), "expires"),
        (ONE.replace("2026-12-31", "soon"), "expires on 'soon', which is no day such as 2026-12-31.$"),
        (ONE.replace("2026-12-31", "2026-12-31 10:00:00"), "which is no day such as 2026-12-31.$"),
        (ONE.replace("2026-12-31", "2026-02-30"), "is no YAML: day is out of range for month"),
        (ONE.replace("2026-12-31", "[1]"), r"expires on \[1\], which is no day"),
        ("[" * 20_000, "is nested too deep|is no YAML"),
        ("x: " + "1" * 5_000, "is no YAML"),
        (ONE.replace("2026-12-31", "2028-01-01"), "more than a year from now"),
        (ONE.replace("/subscriptions/*/resourceGroups/legal", "legal"), "has the scope 'legal', which is no ARM id: it begins with /subscriptions/"),
        (ONE.replace("restore-point-lock", "restore-points-lock"), "Did you mean 'restore-point-lock'"),
        (ONE.replace("owner:", "ower:"), "ower"),
    ],
)  # fmt: skip
def test_what_is_no_file_of_suppressions_is_refused_in_a_sentence(
    text: str, told: str, tmp_path: Path
) -> None:
    with pytest.raises(AzremedyError, match=told) as raised:
        suppressions(written(tmp_path, text), PLAYBOOKS, TODAY)
    assert "\n" not in str(raised.value)
    assert "[^/]" not in str(raised.value)


def test_a_day_may_stand_in_quotes(tmp_path: Path) -> None:
    [made] = suppressions(written(tmp_path, ONE.replace("2026-12-31", "'2026-12-31'")), PLAYBOOKS, TODAY)

    assert made.expires == date(2026, 12, 31)


class TestABaseline:
    def test_knows_again_what_it_kept(self, tmp_path: Path) -> None:
        file = tmp_path / "baseline.json"
        file.write_bytes(baseline_of([scanned(sick)]))

        beside = compared([scanned(sick)], baseline(file))

        assert set(beside.since.values()) == {Since.UNCHANGED}
        assert (beside.gone, beside.unseen) == ((), ())
        assert not any(beside.counts(one.fingerprint) for one in scanned(sick).diagnoses)

    def test_tells_new_worse_and_gone_apart(self) -> None:
        known = [
            Known("a", "p", "/vm", Severity.INFO),
            Known("b", "p", "/vm", Severity.BLOCKING),
            Known("c", "p", "/vm", Severity.INFO),
        ]

        beside = compare(
            {"a": Severity.SUSPECTED, "b": Severity.INFO, "d": Severity.INFO}, known, lambda _: True
        )

        assert beside.since == {"a": Since.WORSE, "b": Since.UNCHANGED, "d": Since.NEW}
        assert [one.fingerprint for one in beside.gone] == ["c"]
        assert [name for name in "abd" if beside.counts(name)] == ["a", "d"]

    @pytest.mark.parametrize(
        "scan",
        [
            pytest.param(scanned(estate(vm(), item()), ids=("disk-size",)), id="another playbook"),
            pytest.param(
                scanned(estate(vm(), item()), selection=Selection.of(vms=["other"])), id="another VM"
            ),
            pytest.param(
                scanned(estate(vm(), item()), selection=Selection.of(vaults=["v"])), id="another vault"
            ),
            pytest.param(
                scanned(estate(vm(), item(), unread=(Unread(Read.DISKS, ArmId(str(vm().id)), "refused"),))),
                id="something unread",
            ),
        ],
    )
    def test_calls_nothing_gone_that_was_not_looked_for(self, scan: Scan, tmp_path: Path) -> None:
        file = tmp_path / "baseline.json"
        file.write_bytes(baseline_of([scanned(sick)]))

        beside = compared([scan], baseline(file))

        assert beside.gone == ()
        assert len(beside.unseen) == 2

    def test_holds_nothing_that_is_suppressed(self, tmp_path: Path) -> None:
        file = tmp_path / "baseline.json"
        file.write_bytes(baseline_of([scanned(sick, suppression())]))

        assert baseline(file) == ()

    @pytest.mark.parametrize(
        "content",
        [b"", b"{", b"[]", b'{"schemaVersion": 1}', b'{"schemaVersion": 1, "findings": {"a": 1}}', b"\xff"],
    )
    def test_that_is_none_is_refused_in_a_sentence(self, content: bytes, tmp_path: Path) -> None:
        file = tmp_path / "baseline.json"
        file.write_bytes(content)

        with pytest.raises(AzremedyError, match="no baseline that"):
            baseline(file)

    def test_of_another_version_is_refused_by_name(self, tmp_path: Path) -> None:
        file = tmp_path / "baseline.json"
        file.write_bytes(b'{"schemaVersion": 2, "findings": {}}')

        with pytest.raises(AzremedyError, match="version 2"):
            baseline(file)
