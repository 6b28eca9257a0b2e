"""A saved estate is the estate."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from building import (
    collection,
    disk,
    estate,
    excluded,
    failed_item,
    failed_job,
    lock,
    nic,
    nsg,
    points,
    policy,
    rule,
    subnet,
    view,
    vm,
)

from azremedy import saved
from azremedy.arm import ArmId
from azremedy.errors import AzremedyError
from azremedy.resources import Read, Route, RouteTable, Unread

WHOLE = estate(
    vm(),
    failed_item(exclusion=excluded(1, 2)),
    failed_job(4711),
    collection(),
    points(3, collection()),
    lock(""),
    view(),
    nic(),
    nsg(rule("Deny", "Internet")),
    subnet(),
    disk("data", 2048, zones=("1",), encryption_set=ArmId("/des"), disk_access=ArmId("/access")),
    policy("hourly", per_day=4.0),
    RouteTable(ArmId("/r"), (Route("default", "0.0.0.0/0", "VirtualAppliance", "10.0.0.4"),)),
    Unread(Read.VIEW, ArmId("/v"), "no", 403, "AuthorizationFailed"),
)


def test_what_is_saved_is_loaded_again_to_the_last_field(tmp_path: Path) -> None:
    path = tmp_path / "estate.json"
    path.write_bytes(saved.dump(WHOLE))

    assert saved.load(path) == WHOLE
    assert saved.dump(saved.load(path)) == path.read_bytes()


def test_an_estate_that_was_saved_before_disks_told_where_they_lie_is_loaded(tmp_path: Path) -> None:
    path = tmp_path / "estate.json"
    whole = json.loads(saved.dump(estate(vm(), disk("data", 2048))))
    for one in whole["estate"]["disks"]:
        for name in NEW:
            del one[name]
    for machine in whole["estate"]["vms"]:
        for one in machine["disks"]:
            del one["caching"]
    path.write_text(json.dumps(whole))

    assert saved.load(path).disks == (disk("data", 2048, location="", encryption=None),)


NEW = (
    "location", "extended_location", "zones", "encryption", "encryption_set", "network_access", "public_access",
    "disk_access",
)  # fmt: skip


@pytest.mark.parametrize(
    ("text", "says"),
    [
        pytest.param("", "is not an estate", id="an empty file"),
        pytest.param("[]", "is not an estate", id="other JSON"),
        pytest.param('{"schemaVersion": 99, "estate": null}', "version 99", id="another version"),
        pytest.param(
            '{"schemaVersion": 1, "estate": {"subscription": 5}}', "is not an estate", id="an altered file"
        ),
        pytest.param('{"schemaVersion": 1, "estate"', "is not an estate", id="half a file"),
    ],
)
def test_a_file_that_is_none_is_refused_in_a_sentence(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "estate.json"
    path.write_text(text)

    with pytest.raises(AzremedyError, match=says):
        saved.load(path)


def test_a_missing_file_is_refused_in_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(AzremedyError, match="Cannot read"):
        saved.load(tmp_path / "none.json")


AT_ONCE = """
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from azremedy import saved
sys.setswitchinterval(1e-6)
text, start = Path(sys.argv[1]).read_bytes(), Barrier(16)
def load(_):
    start.wait()
    return saved.dump(saved.loaded(text, "it"))
with ThreadPoolExecutor(16) as threads:
    print(set(threads.map(load, range(16))) == {text})
"""


def test_many_threads_read_estates_at_once(tmp_path: Path) -> None:
    """In a process of its own: what decodes is made at the first reading, and threads that make it end a process."""
    path = tmp_path / "estate.json"
    path.write_bytes(saved.dump(estate(vms=(vm("web1"),))))

    ran = subprocess.run(
        [sys.executable, "-c", AT_ONCE, str(path)], capture_output=True, text=True, check=False
    )

    assert (ran.stdout, ran.returncode) == ("True\n", 0)
