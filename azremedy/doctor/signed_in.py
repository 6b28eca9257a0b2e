"""What a sign-in is worth: who it is, which subscriptions it shows, what it may do there, what is left of its quota."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Final

from azremedy.apply.rights import permissions
from azremedy.azure import ArmReader, Cloud, open_reader
from azremedy.azure.subscriptions import default_subscription, find, shown
from azremedy.doctor.lines import failed, fine, some, warning
from azremedy.doctor.vaults import vaults
from azremedy.doctor.way import PATIENCE, span
from azremedy.errors import AzremedyError, Exit, Incomplete
from azremedy.report.doctor import Line, Status
from azremedy.resources import Subscription
from azremedy.resources.reads import allows
from azremedy.roles import roles
from azremedy.session import WORKERS, Door

READS: Final = "subscription-reads"


def signed_in(
    at: Door,
    cloud: Cloud,
    named: Sequence[str],
    *,
    tenant: str | None,
    log: Callable[[str], object] | None,
    arm: bool,
) -> Iterator[Line]:
    """Yield the sign-in, and where there is one and ARM answers (`arm`), what it is worth."""
    try:
        reader = open_reader(
            cloud, tenant=tenant, secret=at.secret, ca=at.ca, deadline=PATIENCE, log=log, environ=at.environ
        )
    except AzremedyError as error:
        yield failed("sign-in", error)
        return
    with reader:
        yield who(reader)
        if arm:
            default = at.default or default_subscription(at.environ, cloud.name)
            line, chosen = seen(reader, named, default)
            yield line
            for one in chosen:
                lines = list(may(reader, one))
                yield from lines
                if all(line.status is not Status.FAILED for line in lines):
                    yield vaults(reader, one)
            yield quota(reader)


def who(reader: ArmReader) -> Line:
    """Say whom the token names, which credential gave it, and how long it holds."""
    found = reader.signed_in
    place = f"tenant {found.tenant}" if found.tenant else "a tenant that the token does not name"
    told = f"{found.who} in {place}, by {found.by}; the token holds for {span(int(found.seconds))}"
    details = {
        "who": found.who,
        "tenant": found.tenant,
        "credential": found.by,
        "seconds": int(found.seconds),
    }
    return fine("sign-in", told, **details)


def seen(reader: ArmReader, named: Sequence[str], default: str | None) -> tuple[Line, Sequence[Subscription]]:
    """Say which subscriptions there are, and return those that are meant."""
    try:
        every = shown(reader)
        if not every:
            raise Incomplete("ARM shows no subscription to this identity: check the tenant and its roles.")
        wanted = named or ([default] if default else [])
        chosen = find(reader, wanted)
    except AzremedyError as error:
        return failed("subscriptions", error), ()
    details = {
        "seen": [{"id": one.id.name, "name": one.name, "state": one.state} for one in every],
        "chosen": [one.id.name for one in chosen],
        "default": default,
    }
    told = f"{len(every)} seen: {some([one.name for one in every])}"
    if not chosen:
        remedy = "Give --subscription, or set AZURE_SUBSCRIPTION_ID, or run `az account set`."
        return warning("subscriptions", f"{told}; none is the default", remedy, **details), ()
    how = "meant" if named else "by default"
    return fine("subscriptions", f"{told}; {how}: {some([one.name for one in chosen])}", **details), chosen


def may(reader: ArmReader, subscription: Subscription) -> Iterator[Line]:
    """Say whether a scan of a subscription may read all that it needs, and which cures could be carried out."""
    about = {"subscription": subscription.id.name}
    try:
        held = permissions(reader, subscription.id)
    except AzremedyError as error:
        yield failed("rights", error, assigned("scan", subscription), **about)
        return
    known = roles()
    lacking = {
        name: sorted(one for one in role.actions if not allows(held, one)) for name, role in known.items()
    }
    if missing := lacking["scan"]:
        told = f"a scan of {subscription.name} lacks {some(missing)}"
        remedy = assigned("scan", subscription)
        yield Line("rights", Status.FAILED, told, remedy, {**about, "missing": missing}, Exit.INCOMPLETE)
    else:
        yield fine("rights", f"a scan of {subscription.name} may read all it needs", **about, missing=[])
    cures = {name: missing for name, missing in lacking.items() if name not in LOOKING}
    able = [name for name, missing in cures.items() if not missing]
    told = f"cures in all of {subscription.name}: {some(able, 20) if able else 'none'}"
    less = (
        f"; rights are missing for {some(sorted(set(cures) - set(able)), 20)}"
        if len(able) < len(cures)
        else ""
    )
    yield Line("rights to fix", Status.OK, told + less, GRANT if less else None, {**about, "missing": cures})


LOOKING: Final = frozenset({"scan", "gate", "dry-run", "fix"})
GRANT: Final = (
    "For one of them: azremedy roles --for NAME. Rights on a group or a vault alone are not looked at here."
)


def assigned(role: str, subscription: Subscription) -> str:
    return (
        f"Have Reader assigned on the subscription, or the role that azremedy roles --for {role} "
        f"--subscription {subscription.id.name} prints."
    )


def quota(reader: ArmReader) -> Line:
    """Say how many reads ARM still takes now; it refills them all the time."""
    left = dict(reader.remaining)
    details = {"remaining": left, "wait": reader.asked_to_wait}
    if (wait := reader.asked_to_wait) is not None:
        told = f"ARM takes no more requests for now and asks to wait {wait:.0f} s"
        return Line(
            "quota",
            Status.FAILED,
            told,
            "Wait, and find out who else reads so much.",
            details,
            Exit.INCOMPLETE,
        )
    if READS not in left:
        return fine("quota", "ARM does not say how many reads are left", **details)
    if left[READS] < WORKERS:
        remedy = "Wait a minute, and find out who else reads so much."
        return warning(
            "quota", f"{left[READS]} reads are left: a scan would be slowed down", remedy, **details
        )
    return fine("quota", f"{left[READS]} reads are left, and ARM refills them", **details)
