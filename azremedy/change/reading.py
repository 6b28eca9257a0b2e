"""A change out of a file: which of the two formats it is, and why it is neither."""

from __future__ import annotations

import codecs
import json

from azremedy.arm import Json
from azremedy.change import terraform, whatif
from azremedy.change.data import Change
from azremedy.errors import AzremedyError

HOW = (
    "make it with `terraform show -json plan.out > change.json`, or with"
    " `az deployment group what-if --no-pretty-print … > change.json`"
)
MARKS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
"""How files begin that Windows PowerShell's `>` wrote."""


def read(text: str | bytes) -> Change:
    """
    Return the change that a file holds: `terraform show -json` of a plan, or a what-if of `az deployment`.

    Nothing but what a verdict looks at is kept of it. Raises `AzremedyError` for anything else.
    """
    try:
        document = decoded(text)
        if "format_version" in document:
            return terraform.entries(plan(document))
        return whatif.entries(result(document))
    except RecursionError:
        raise refused("is nested too deep to be either") from None


def refused(what: str) -> AzremedyError:
    return AzremedyError(f"The change {what}: {HOW}.")


def decoded(text: str | bytes) -> dict[str, Json]:
    if isinstance(text, bytes):
        if text.startswith(b"PK"):
            raise refused("is a binary plan, not its JSON")
        encoding = next((name for mark, name in MARKS if text.startswith(mark)), "utf-8")
        try:
            text = text.decode(encoding)
        except UnicodeDecodeError:
            raise refused("is not text in UTF-8 or UTF-16") from None
    text = text.lstrip("\ufeff")
    if not text.strip():
        raise refused("is empty")
    try:
        document = json.loads(text)
    except ValueError:
        lines = text.lstrip().partition("\n")[0]
        if lines.startswith("{") and '"@level"' in lines:
            raise refused("is the log of `terraform plan -json`, not the plan") from None
        if "Resource and property changes are indicated" in text:
            raise refused("is what-if's report for people, not its JSON") from None
        raise refused("is not JSON") from None
    if not isinstance(document, dict):
        raise refused("is JSON of another kind")
    return well_formed(document, text)


def well_formed(document: dict[str, Json], text: str) -> dict[str, Json]:
    """Refuse half characters, which JSON can spell and no file, hash or terminal can take."""
    try:
        text.encode()
        if "\\ud" in text.lower():
            json.dumps(document, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise refused("holds text that is not Unicode") from None
    return document


def plan(document: dict[str, Json]) -> dict[str, Json]:
    """Return a plan of a version that is known here."""
    version = document["format_version"]
    if not isinstance(version, str) or version.partition(".")[0] != "1":
        raise refused("is of a version of Terraform's JSON that this azremedy does not know (it reads 1.x)")
    if "values" in document and "resource_changes" not in document:
        raise refused("is a Terraform state, not a plan")
    if not isinstance(document.get("resource_changes", []), list) or not (
        {"resource_changes", "planned_values", "configuration"} & set(document)
    ):
        raise refused("has a `format_version` and no plan of Terraform")
    return document


def result(document: dict[str, Json]) -> dict[str, Json]:
    """Return a what-if that came to an end, as `az` prints it or as the REST API answers it."""
    inner = document.get("properties")
    held = {**document, **inner} if isinstance(inner, dict) and "changes" in inner else document
    status = held.get("status")
    failed = isinstance(status, str) and status.lower() != "succeeded"
    if held.get("error") or (failed and isinstance(held.get("changes"), list | None)):
        raise AzremedyError(
            "The what-if in this file did not succeed: run it again once the deployment is valid."
        )
    if not isinstance(held.get("changes"), list):
        raise refused("is neither a plan of Terraform nor a what-if")
    return held
