"""`azremedy roles`: the custom roles that the work needs, as Azure takes them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from azremedy.cli.options import color, debugging, option, output, pick, subscription_id
from azremedy.cli.output import colored, put, save, width
from azremedy.errors import AzremedyError
from azremedy.report import json, render

if TYPE_CHECKING:
    from azremedy.roles import Role


@click.command()
@option(
    "--for",
    "whom",
    metavar="ROLE",
    help="One role: scan, scan-guest, gate, dry-run, fix, or a playbook's id.",
)
@option(
    "--subscription",
    "-s",
    type=subscription_id,
    multiple=True,
    metavar="ID",
    help="Where the roles may be assigned; may be repeated.",
)
@option(
    "--write",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="FOLDER",
    help="Write a file for each role, ready for 'az role definition create --role-definition @FILE'.",
)
@output()
@color()
@debugging()
def roles(
    whom: str | None, subscription: tuple[str, ...], write: Path | None, output: str, color: str
) -> None:
    """
    Print the Azure roles that scans and cures need, with no action in them that is not used.

    With --output json each is a definition that 'az role definition create' takes. Nothing is asked of Azure.
    """
    from azremedy import roles as known  # noqa: PLC0415 - what apply reads is loaded when roles are made

    made = known.roles()
    chosen = [made[pick(whom, made, "role")]] if whom else list(made.values())
    if write:
        show(written(write, chosen, subscription), output, color)
    elif output == "table":
        show(actions(chosen[0]) if whom else [summary(one) for one in chosen], output, color)
    else:
        definitions = [one.definition(subscription) for one in chosen]
        show(definitions[0] if whom else definitions, output, color)


def summary(role: Role) -> Mapping[str, Any]:
    """Return the line of one role among all."""
    reading = [one for one in role.actions if one.endswith("/read")]
    return {
        "role": role.id,
        "reads": len(reading),
        "other": len(role.actions) - len(reading),
        "description": role.description,
    }


def actions(role: Role) -> Sequence[Mapping[str, str]]:
    return [{"role": role.id, "action": one} for one in sorted(role.actions)]


def written(
    folder: Path, chosen: Sequence[Role], subscriptions: Sequence[str]
) -> Sequence[Mapping[str, str]]:
    """Write a file for each role, and return which is where."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise AzremedyError(f"cannot make the folder {folder}: {error.strerror}") from error
    files = {role.id: folder / f"{role.id}.json" for role in chosen}
    for role in chosen:
        save(files[role.id], json.text(role.definition(subscriptions)).encode())
    return [{"role": name, "file": str(file)} for name, file in files.items()]


def show(data: Any, form: str, color: str) -> None:
    if form != "table":
        put(render(form, data))
        return
    from azremedy.report import table  # noqa: PLC0415 - only tables need rich

    shown = colored(color)
    put(table.text(data, width=width(), color=shown), color=shown)
