"""The `$filter` grammar of Azure Backup's lists: `name eq 'value' and name eq 'value'`."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from azremedy.sandbox.answers import ArmError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from azremedy.arm import Json

TERM = re.compile(r"\s*([A-Za-z/]+)\s+eq\s+'([^']*)'\s*")

TIMES = ("%Y-%m-%d %I:%M:%S %p", "%Y-%m-%d %H:%M:%S %p", "%Y-%m-%dT%H:%M:%SZ")
"""The format that Azure documents, its own example (hour 00 with AM), and ISO, which it takes too."""


def parse(text: str, known: tuple[str, ...]) -> Mapping[str, str]:
    """Return the terms of a filter by lower-cased name; 400 for what Azure Backup would not understand."""
    terms: dict[str, str] = {}
    for part in re.split(r"\s+and\s+", text.strip(), flags=re.IGNORECASE) if text.strip() else ():
        found = TERM.fullmatch(part)
        if not found or found[1].lower() not in known:
            raise ArmError(
                400, "BMSUserErrorInvalidInput", f"The filter '{part}' in the query is not supported."
            )
        terms[found[1].lower()] = found[2]
    return terms


def moment(text: str) -> datetime:
    """Return a time of a filter, in UTC."""
    for form in TIMES:
        try:
            return datetime.strptime(text, form).replace(tzinfo=UTC)
        except ValueError:
            continue
    raise ArmError(400, "BMSUserErrorInvalidInput", f"The time '{text}' in the filter is not valid.")


JOB_TERMS = ("backupmanagementtype", "operation", "status", "starttime", "endtime", "jobid")
ITEM_TERMS = ("backupmanagementtype", "itemtype", "policyname", "containername")


def job_fits(job: Json, terms: Mapping[str, str]) -> bool:
    """Whether a job's properties are what the filter asks for; the window holds the job's start."""
    for name in ("backupManagementType", "operation", "status"):
        wanted = terms.get(name.lower())
        if wanted is not None and job[name].lower() != wanted.lower():
            return False
    started = datetime.fromisoformat(job["startTime"])
    if "starttime" in terms and started < moment(terms["starttime"]):
        return False
    return not ("endtime" in terms and started > moment(terms["endtime"]))


def item_fits(item: Json, terms: Mapping[str, str]) -> bool:
    """Whether a protected item's properties are what the filter asks for."""
    asked = {
        "backupmanagementtype": "backupManagementType",
        "itemtype": "workloadType",
        "policyname": "policyName",
        "containername": "containerName",
    }
    return all(item[asked[name]].lower() == value.lower() for name, value in terms.items())
