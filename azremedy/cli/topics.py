"""`azremedy help`: what is true of every command."""

from __future__ import annotations

import click

from azremedy.cli.options import pick
from azremedy.cli.output import put

EXIT_CODES = """\
Exit codes, the same for all commands

    0  everything was read, and nothing at or above --fail-on is left
    1  findings at or above --fail-on are left
    2  usage, configuration or internal error; a name that fits nothing or too much
    3  incomplete: something could not be read (--allow-partial accepts that)
    4  no sign-in, or the secret or token was refused
    5  a step failed or was not confirmed
    6  a plan was refused before its first write
  130  interrupted
  143  terminated

--exit-zero turns 1 into 0 and nothing else. With several reasons the highest of 2 to 6 wins over 1.
"""

TOPICS = {"exit-codes": EXIT_CODES}


@click.command("help")
@click.argument("topic", required=False)
@click.pass_context
def topics(ctx: click.Context, topic: str | None) -> None:
    """Explain a topic or a command; without one, list them."""
    group = ctx.find_root().command
    commands = group.list_commands(ctx) if isinstance(group, click.Group) else []
    if topic is None:
        put(ctx.find_root().get_help() + f"\n\nTopics of 'azremedy help': {', '.join(TOPICS)}\n")
        return
    picked = pick(topic, (*TOPICS, *commands), "topic")
    put(TOPICS[picked] if picked in TOPICS else help_of(ctx, picked))


def help_of(ctx: click.Context, name: str) -> str:
    """Return what `azremedy NAME --help` prints."""
    root = ctx.find_root()
    command = root.command.get_command(root, name) if isinstance(root.command, click.Group) else None
    return command.get_help(click.Context(command, root, name)) + "\n" if command else ""
