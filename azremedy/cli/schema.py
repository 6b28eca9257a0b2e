"""`azremedy schema`: the JSON Schema of an output."""

from __future__ import annotations

import click

from azremedy.cli.options import debugging, pick
from azremedy.cli.output import put
from azremedy.report import json
from azremedy.report import schema as schemas


@click.command()
@click.argument("name")
@debugging()
def schema(name: str) -> None:
    """Print the JSON Schema of an output, such as scan."""
    put(json.text(schemas.schema(pick(name, schemas.names(), "schema"))))
