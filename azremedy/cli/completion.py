"""`azremedy completion`: what a shell needs to complete commands, options and playbooks."""

from __future__ import annotations

import click

from azremedy.cli.options import COMPLETING, debugging
from azremedy.cli.output import put
from azremedy.errors import Exit

SHELLS = ("bash", "zsh", "fish", "powershell")
PROGRAM = "azremedy"


INSTALL = """\
To have it in every new shell, add the line of yours to the file named above it:

\b
bash, 4.4 and later, in ~/.bashrc:
  eval "$(azremedy completion bash)"

\b
zsh, in ~/.zshrc, after compinit:
  eval "$(azremedy completion zsh)"

\b
fish, in ~/.config/fish/config.fish:
  azremedy completion fish | source

\b
PowerShell, in $PROFILE:
  azremedy completion powershell | Out-String | Invoke-Expression
"""


@click.command(epilog=INSTALL)
@click.argument("shell", type=click.Choice(SHELLS))
@debugging()
def completion(shell: str) -> None:
    """Print the script that completes azremedy in a shell: commands, options, their values and playbooks."""
    from click.shell_completion import ShellComplete, get_completion_class  # noqa: PLC0415 - only completion needs it

    kind = get_completion_class(shell)
    if kind is not None:
        # of the class above: click's own for bash starts a bash to look at its version, and this may be another machine
        put(ShellComplete.source(kind(click.Command(PROGRAM), {}, PROGRAM, COMPLETING)))


def complete(root: click.Command, instruction: str) -> Exit:
    """Answer a shell's script: print what may stand at the cursor."""
    from click.shell_completion import shell_complete  # noqa: PLC0415 - as above

    return Exit.USAGE if shell_complete(root, {}, PROGRAM, COMPLETING, instruction) else Exit.CLEAN
