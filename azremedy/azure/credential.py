"""Signing in: whatever works for the Azure SDK, asked once, and its failures in one sentence."""

from __future__ import annotations

import re
import time
from base64 import urlsafe_b64decode
from dataclasses import dataclass, field
from threading import Lock
from typing import TYPE_CHECKING, Any, Final, final

import msgspec
from azure.core.credentials import AccessToken, AccessTokenInfo, SupportsTokenInfo, TokenRequestOptions
from azure.identity import ClientSecretCredential, CredentialUnavailableError, DefaultAzureCredential

from azremedy.azure.failures import SNIPPET, kind, kind_in, no_answer, plain, unanswered
from azremedy.errors import AzremedyError, ReadError, SignInError

if TYPE_CHECKING:
    from collections.abc import Callable

    from azure.core.pipeline.transport import RequestsTransport

    from azremedy.azure.cloud import Cloud

AHEAD: Final = 300.0
"""Seconds before its end at which a token is replaced."""
BORROWED: Final = frozenset(
    {"AzureCliCredential", "AzurePowerShellCredential", "AzureDeveloperCliCredential"}
)
"""Credentials that ask another program for its token."""
AGAIN: Final = 30.0
"""Seconds after which a failed replacement is tried again, as long as the old token holds."""


@dataclass(frozen=True, slots=True)
class ClientSecret:
    """A service principal of which the secret is known, such as the embedded sandbox's."""

    tenant: str
    client_id: str
    client_secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class SignedIn:
    """Who signed in: `by` is the kind of credential that gave the token, `seconds` how long that holds from now on."""

    by: str
    who: str
    tenant: str | None
    seconds: float


@final
class CachedCredential:
    """
    A credential that asks the one inside once for all threads, and again shortly before the token ends.

    Most of azure-identity's credentials start a process or a request on each call, one for each thread.
    What they fail with becomes a `SignInError`, or `Incomplete` where the authority is not there.
    """

    def __init__(
        self,
        inner: SupportsTokenInfo,
        *,
        authority: str,
        tenant: str | None = None,
        now: Callable[[], float] = time.time,
        in_ci: bool = False,
    ) -> None:
        self._inner = inner
        self._in_ci = in_ci
        self._authority = authority
        self._tenant = tenant
        self._now = now
        self._lock = Lock()
        self._tokens: dict[tuple[str, ...], AccessTokenInfo] = {}
        self._retry_at = 0.0

    def __enter__(self) -> CachedCredential:
        return self

    def __exit__(self, *exc_details: object) -> None:
        self.close()

    def close(self) -> None:
        """Close what the credential inside holds open."""
        self._inner.close()

    def get_token(
        self,
        *scopes: str,
        claims: str | None = None,
        tenant_id: str | None = None,
        enable_cae: bool = False,
        **_: Any,
    ) -> AccessToken:
        """The token as a pair, for clients of the older protocol."""
        options: TokenRequestOptions = {"enable_cae": enable_cae}
        if claims:
            options["claims"] = claims
        if tenant_id:
            options["tenant_id"] = tenant_id
        token = self.get_token_info(*scopes, options=options)
        return AccessToken(token.token, token.expires_on)

    def get_token_info(self, *scopes: str, options: TokenRequestOptions | None = None) -> AccessTokenInfo:
        """The token for `scopes`; a claims challenge always fetches a new one."""
        wanted: TokenRequestOptions = {**options} if options else {}
        if self._tenant:
            wanted.setdefault("tenant_id", self._tenant)
        key = (*scopes, wanted.get("tenant_id", ""), str(wanted.get("enable_cae", False)))
        with self._lock:
            held = self._tokens.get(key)
            if held and not wanted.get("claims") and self._fresh(held):
                return held
            try:
                token = self._inner.get_token_info(*scopes, options=wanted)
            except Exception as error:  # noqa: BLE001 - each becomes the one sentence that says what to do
                if held and not wanted.get("claims") and held.expires_on > self._now() + AGAIN:
                    self._retry_at = self._now() + AGAIN
                    return held
                raise refusal(
                    error, self._authority
                ) from None  # the chain may hold what was sent: the secret
            self._tokens[key] = token
            return token

    def holds_for(self, scope: str) -> float | None:
        """
        Return the seconds left of the token for `scope` where nothing promises another one, None where something does.

        Secrets, certificates and managed or workload identities sign in again by themselves, and so does a person's
        `az login`. On a build server `az`, Azure PowerShell and `azd` may hold a federated assertion that was good for
        minutes (AADSTS700024), and what comes after the token that they gave nobody knows.
        """
        if not self._in_ci or self._kind() not in BORROWED:
            return None
        return self.get_token_info(scope).expires_on - self._now()

    def who(self, scope: str) -> str:
        """Return whom the token for `scope` names: a person by name, an application by id; `unknown` where none."""
        claims = _claims(self.get_token_info(scope).token)
        names = (claims.get(name) for name in ("upn", "unique_name", "preferred_username"))
        if person := next((name for name in names if isinstance(name, str)), None):
            return plain(person, SNIPPET)
        ids = (("application", claims.get("appid") or claims.get("azp")), ("object", claims.get("oid")))
        told = (f"{kind} {plain(id_, SNIPPET)}" for kind, id_ in ids if isinstance(id_, str))
        return next(told, "unknown")

    def signed_in(self, scope: str) -> SignedIn:
        """Return who the token for `scope` names and where it comes from. Raises `SignInError`."""
        token = self.get_token_info(scope)
        tenant = _claims(token.token).get("tid")
        told = plain(tenant, SNIPPET) if isinstance(tenant, str) else None
        return SignedIn(self._kind(), self.who(scope), told, token.expires_on - self._now())

    def _kind(self) -> str:
        """Return the class of the credential that gave the token, of a chain the one that did."""
        return type(getattr(self._inner, "_successful_credential", None) or self._inner).__name__

    def _fresh(self, token: AccessTokenInfo) -> bool:
        now = self._now()
        if token.expires_on <= now + AGAIN:
            return False
        due = min(token.expires_on - AHEAD, token.refresh_on or token.expires_on)
        return now < max(due, self._retry_at)


def sign_in(
    cloud: Cloud,
    *,
    tenant: str | None,
    transport: RequestsTransport,
    secret: ClientSecret | None = None,
    in_ci: bool = False,
) -> CachedCredential:
    """
    The credential of this environment, with its first token for `cloud` already fetched.

    That is `DefaultAzureCredential` (azure-identity reads the environment itself, AZURE_TOKEN_CREDENTIALS included),
    or the service principal of `secret`. Raises `SignInError` where nothing signs in, `Incomplete` where the
    authority does not answer, `AzremedyError` where the environment makes no sense. `in_ci`: a build server runs this.
    """
    inner = _principal(cloud, transport, secret) if secret else _default(cloud, tenant, transport)
    authority = cloud.authority.partition("://")[2]
    credential = CachedCredential(inner, authority=authority, tenant=None if secret else tenant, in_ci=in_ci)
    credential.get_token_info(cloud.scope)
    return credential


def _principal(cloud: Cloud, transport: RequestsTransport, secret: ClientSecret) -> SupportsTokenInfo:
    return ClientSecretCredential(
        secret.tenant, secret.client_id, secret.client_secret, **_options(cloud, transport)
    )


def _default(cloud: Cloud, tenant: str | None, transport: RequestsTransport) -> SupportsTokenInfo:
    if tenant and not _TENANT.fullmatch(tenant):
        raise AzremedyError(f"The tenant {plain(tenant, SNIPPET)!r} is neither a GUID nor a domain name.")
    allowed = ["*"] if tenant else None
    try:
        return DefaultAzureCredential(additionally_allowed_tenants=allowed, **_options(cloud, transport))
    except (ValueError, TypeError, OSError) as error:
        raise AzremedyError(
            f"The sign-in settings in the environment make no sense: {plain(str(error))}"
        ) from error


def _options(cloud: Cloud, transport: RequestsTransport) -> dict[str, Any]:
    return {
        "authority": cloud.authority,
        "disable_instance_discovery": not cloud.instance_discovery,
        "transport": transport,
        "retry_connect": 2,
    }


def refusal(error: Exception, authority: str) -> AzremedyError:
    """What a credential's failure means, as an error to raise. The secret itself is never part of it."""
    text = getattr(error, "message", None) or str(error)
    code = _REFUSED.search(text)
    tried = _TRIED.findall(text[: code.end()] if code else text)
    if code:
        by = f" by way of {tried[-1]}" if tried else ""
        advice = _ADVICE.get(code[0], "look the code up at https://login.microsoftonline.com/error")
        return SignInError(f"{authority} refused the sign-in{by} ({code[0]}): {advice}.")
    if missing := _missing(error, text, tried, authority):
        return missing
    if _NO_AUTHORITY in text:
        return SignInError(
            f"{authority} knows no such tenant, or is no authority: check AZURE_TENANT_ID or --tenant."
        )
    if tried or isinstance(error, CredentialUnavailableError):
        return SignInError(f"No sign-in: {_listed(tried)} gave no token. {_WHAT_TO_DO}")
    return SignInError(f"{authority} gave no token ({type(error).__name__}). {_WHAT_TO_DO}")


def _missing(error: Exception, text: str, tried: list[str], authority: str) -> ReadError | None:
    """The error for an authority that is not there; the chain of credentials leaves only a text to tell it by."""
    if kind(error) != "NoAnswer":
        return no_answer(error, authority)
    if tried and tried[-1] in _ASK_THE_AUTHORITY and (code := kind_in(text)):
        return unanswered(code, authority)
    return None


def _listed(tried: list[str]) -> str:
    return ", ".join(tried) or "the credential chosen by AZURE_TOKEN_CREDENTIALS"


def _claims(token: str) -> dict[str, Any]:
    """Return what an access token says of who holds it; nothing where it is of a form that only ARM reads."""
    try:
        found = msgspec.json.decode(urlsafe_b64decode(token.split(".")[1] + "=="))
    except (IndexError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


_TENANT = re.compile(r"[A-Za-z0-9.-]+")
_TRIED = re.compile(r"^\t(\w+?)(?:Credential)?: ", re.MULTILINE)
_REFUSED = re.compile(r"AADSTS\d+|\binvalid_client\b|\bunauthorized_client\b|\binvalid_grant\b")
_ASK_THE_AUTHORITY = frozenset({"Environment", "WorkloadIdentity"})
_NO_AUTHORITY = "Unable to get authority configuration"
_WHAT_TO_DO = (
    "Run `az login`, or set AZURE_TENANT_ID, AZURE_CLIENT_ID and AZURE_CLIENT_SECRET, "
    "or run where a workload or managed identity is at hand."
)
_ADVICE = {
    "AADSTS7000215": "the client secret is wrong: set AZURE_CLIENT_SECRET to the secret's value, not its id",
    "AADSTS7000222": "the client secret has expired: make a new one",
    "AADSTS700016": "the application is not known in this tenant: check AZURE_CLIENT_ID and the tenant",
    "AADSTS700024": "the workload's assertion has expired: sign in again just before this run",
    "AADSTS700082": "the refresh token has expired: run `az login` again",
    "AADSTS90002": "the tenant is not known: check AZURE_TENANT_ID or --tenant",
    "AADSTS50076": "the tenant asks for a second factor: run `az login` again",
    "AADSTS50079": "the tenant asks for a second factor: run `az login` again",
    "invalid_client": "the client id or secret is wrong: check AZURE_CLIENT_ID and AZURE_CLIENT_SECRET",
}
