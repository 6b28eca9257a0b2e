"""`azremedy playbooks`: the causes that are looked for."""

from __future__ import annotations

import click

from azremedy.cli.options import color, debugging, output
from azremedy.cli.output import colored, put, width
from azremedy.playbook import load
from azremedy.report import render


@click.command()
@output()
@color()
@debugging()
def playbooks(output: str, color: str) -> None:
    """List the causes that are looked for: id, title, class of the cure, and the documents' cause ids."""
    listed = [
        {
            "playbook": one.id,
            "title": one.title,
            "class": one.fix_class.value,
            "causes": " ".join(one.causes),
        }
        for one in load().values()
    ]
    if output != "table":
        put(render(output, listed))
        return
    from azremedy.report import table  # noqa: PLC0415 - only tables need rich

    shown = colored(color)
    put(table.text(listed, width=width(), color=shown), color=shown)
