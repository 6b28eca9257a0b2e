"""YAML that loads into what the JSON holds."""

from __future__ import annotations

import sys
from typing import Any

import yaml

from azremedy.report.plain import COMMAND, defused, escaped, visible


class Dumper(yaml.SafeDumper):
    """YAML without anchors: what stands twice in the data stands twice in the text."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002 - PyYAML asks for each value, and the answer is one
        return True


def quoted(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    """Write a text with what is to be escaped in quotes, where YAML has escapes for it."""
    style = None if value.isprintable() and not COMMAND.search(value) else '"'
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)


Dumper.add_representer(str, quoted)


def text(data: Any) -> str:
    """Return one YAML document, members in the order of the data."""
    dumped: str = yaml.dump(data, Dumper=Dumper, sort_keys=False, allow_unicode=True, width=sys.maxsize)
    return "\n".join(
        line if line.isprintable() else "".join(c if visible(c) else f"\\U{ord(c):08x}" for c in line)
        for line in defused(dumped, escaped).removesuffix("...\n").split("\n")
    )
