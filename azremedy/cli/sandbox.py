"""`azremedy sandbox`: an ARM of one's own, on loopback."""

from __future__ import annotations

import os
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import click

from azremedy.cli.options import debugging, option
from azremedy.cli.output import note, put
from azremedy.errors import AzremedyError
from azremedy.report.plain import plain

if TYPE_CHECKING:
    from azremedy.sandbox import Sandbox
    from azremedy.sandbox.start import Described

state_option = option(
    "--state",
    type=click.Path(file_okay=False, path_type=Path),
    help="The folder of its state.  [default: the user's own]",
)


@click.group(invoke_without_command=True)
@option(
    "--port", type=click.IntRange(0, 65535), default=0, help="The port on loopback.  [default: a free one]"
)
@option(
    "--estate",
    environment=False,  # AZREMEDY_ESTATE names what `scan` reads, which is another kind of file
    help="A description in YAML, or the name of a shipped one.  [default: demo]",
)
@option("--vms", type=click.IntRange(min=1), help="Make up an estate of this many VMs instead.")
@option(
    "--subscriptions",
    type=click.IntRange(1, 10_000),
    default=1,
    show_default=True,
    help="With --vms: this many subscriptions, each with that many VMs.",
)
@option("--seed", type=int, default=1, show_default=True, help="What makes such an estate the same again.")
@option(
    "--speed",
    type=click.FloatRange(0, min_open=True),
    default=1.0,
    show_default=True,
    help="How many times as fast its clock runs, and with it all that takes time.",
)
@state_option
@debugging()
@click.pass_context
def sandbox(
    ctx: click.Context,
    /,
    *,
    port: int,
    estate: str | None,
    vms: int | None,
    subscriptions: int,
    seed: int,
    speed: float,
    state: Path | None,
) -> None:
    """Serve an Azure Resource Manager on loopback, with backups that fail, until Ctrl-C."""
    ctx.meta["azremedy.state"] = state
    if ctx.invoked_subcommand:
        return
    if estate is not None and vms is not None:
        raise AzremedyError("--estate and --vms are two ways to say what there is: give one of them.")
    if subscriptions > 1 and vms is None:
        raise AzremedyError("--subscriptions means nothing without --vms.")
    from azremedy.sandbox import serve  # noqa: PLC0415 - an extra that only this command needs

    made = described(estate, vms, subscriptions, seed)
    serve(state, estate=made, port=port, speed=speed, listening=announce)


def described(estate: str | None, vms: int | None, subscriptions: int, seed: int) -> Described | None:
    """Return what the sandbox is to hold, as it takes it; None leaves what is there."""
    if vms is not None:
        from azremedy.sandbox.generate import fleet  # noqa: PLC0415 - as above

        return fleet(subscriptions, vms, seed)
    if estate is None:
        return None
    return Path(estate) if os.sep in estate or Path(estate).suffix else estate


@sandbox.command()
@state_option
@debugging()
@click.pass_context
def reset(ctx: click.Context, state: Path | None) -> None:
    """Delete the sandbox's state; the next one starts afresh."""
    from azremedy.sandbox import reset as delete  # noqa: PLC0415 - as above

    delete(state or ctx.meta["azremedy.state"])
    note("azremedy: the sandbox is as new")


def announce(running: Sandbox) -> None:
    """Print the address, and how to get there from each shell and from `az`."""
    put(announcement(running))


def announcement(running: Sandbox) -> str:
    exports = {
        "AZREMEDY_CLOUD": running.url,
        "AZURE_TENANT_ID": running.tenant,
        "AZURE_CLIENT_ID": running.client_id,
        "AZURE_CLIENT_SECRET": running.client_secret,
        "AZURE_SUBSCRIPTION_ID": running.subscription,
        "REQUESTS_CA_BUNDLE": str(running.ca),
    }
    secret, tenant = shlex.quote(running.client_secret), shlex.quote(running.tenant)
    lines = [
        f"Serving on {running.url} until Ctrl-C.",
        "",
        "bash, zsh:",
        *(f"  export {name}={shlex.quote(value)}" for name, value in exports.items()),
        "",
        "PowerShell:",
        *(f"  $env:{name} = {powershell(value)}" for name, value in exports.items()),
        "",
        "Then:  azremedy scan",
        "",
        "az, beside the exports above, in a profile of its own:",
        '  export AZURE_CONFIG_DIR="$(mktemp -d)"',
        f"  az cloud register --name azremedy --endpoint-resource-manager {running.url}",
        "  az cloud set --name azremedy",
        "  az config set core.instance_discovery=false",
        f"  az login --service-principal --username {shlex.quote(running.client_id)} --password {secret} --tenant {tenant}",
    ]
    return "".join(f"{plain(line)}\n" for line in lines)


def powershell(value: str) -> str:
    """Return a value as PowerShell takes it, whatever it holds."""
    return "'" + value.replace("'", "''") + "'"
