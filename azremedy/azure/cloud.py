"""Which ARM is talked to, who signs in to it, and for what audience."""

from __future__ import annotations

from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import TYPE_CHECKING, Final

import msgspec
import requests
from urllib3.exceptions import HTTPError, LocationParseError
from urllib3.util import Url, parse_url

from azremedy.azure.failures import SNIPPET, no_answer, plain
from azremedy.azure.pace import date
from azremedy.azure.transport import CONNECT, loopback
from azremedy.errors import AzremedyError, Incomplete

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from azremedy.arm import Json

METADATA: Final = "/metadata/endpoints?api-version=2022-09-01"
_PATIENCE = 20.0


@dataclass(frozen=True, slots=True)
class Cloud:
    """An ARM endpoint, the authority that signs in to it (both https, without a slash at the end) and its audience."""

    name: str
    endpoint: str
    authority: str
    audience: str

    @property
    def scope(self) -> str:
        """What a token is asked for."""
        return f"{self.audience}/.default"

    @property
    def host(self) -> str:
        """The endpoint's name and port, for people."""
        return parse_url(self.endpoint).netloc or self.endpoint

    @property
    def loopback(self) -> bool:
        return loopback(parse_url(self.endpoint).host)

    @property
    def instance_discovery(self) -> bool:
        """Whether Microsoft's own directory of authorities would know this one."""
        return self.authority in _AUTHORITIES


_CLOUDS: Final = {
    made.name: made
    for made in (
        Cloud(
            "public",
            "https://management.azure.com",
            "https://login.microsoftonline.com",
            "https://management.azure.com",
        ),
        Cloud(
            "usgov",
            "https://management.usgovcloudapi.net",
            "https://login.microsoftonline.us",
            "https://management.core.usgovcloudapi.net",
        ),
        Cloud(
            "china",
            "https://management.chinacloudapi.cn",
            "https://login.chinacloudapi.cn",
            "https://management.core.chinacloudapi.cn",
        ),
    )
}
_AUTHORITIES = frozenset(made.authority for made in _CLOUDS.values())


def cloud(name_or_address: str | None, *, environ: Mapping[str, str], http: requests.Session) -> Cloud:
    """
    The cloud of a name (`public`, `usgov`, `china`) or of an ARM endpoint's https address.

    Where none is given it is AZURE_RESOURCE_MANAGER_ENDPOINT, else `public`. An address is asked for its metadata,
    which names authority and audience; AZURE_AUTHORITY_HOST and AZURE_RESOURCE_MANAGER_AUDIENCE before what is
    known or answered. Raises `AzremedyError` for a name or address that cannot be one, `Incomplete` where no ARM
    endpoint answers.
    """
    authority = environ.get("AZURE_AUTHORITY_HOST")
    audience = environ.get("AZURE_RESOURCE_MANAGER_AUDIENCE")
    made = _meant(name_or_address, environ)
    if authority:
        full = authority if "://" in authority else f"https://{authority}"
        made = replace(made, authority=_address(full, "AZURE_AUTHORITY_HOST"))
    if audience:
        made = replace(made, audience=audience.rstrip("/"))
    return made if made.authority and made.audience else _completed(made, http)


def name_of(name_or_address: str | None, environ: Mapping[str, str]) -> str:
    """Return the name of a cloud (see `cloud`), the address where it has none. Nobody is asked. Raises `AzremedyError`."""
    return _meant(name_or_address, environ).name


def told_time(of: Cloud, *, http: requests.Session) -> datetime | None:
    """
    Return the time that an endpoint tells while it shows its metadata, as only ARM does; None where it tells none.

    Nobody has to be signed in for that. Raises `Incomplete` where no ARM endpoint answers.
    """
    answer = _answer(of, http)
    if not isinstance(_entry(_decoded(answer.content, of), of), dict):
        raise _not_arm(of, "its metadata is no object")
    return date(answer.headers)


def _meant(name_or_address: str | None, environ: Mapping[str, str]) -> Cloud:
    """Return the cloud that is meant, as far as it is known without asking."""
    named = environ.get("AZURE_RESOURCE_MANAGER_ENDPOINT")
    if named and name_or_address is None:
        return _of_address(named, "AZURE_RESOURCE_MANAGER_ENDPOINT")
    return _of_name("public" if name_or_address is None else name_or_address)


def _of_name(name_or_address: str) -> Cloud:
    return _CLOUDS.get(name_or_address.lower()) or _of_address(name_or_address, "The cloud")


def _of_address(text: str, source: str) -> Cloud:
    address = _address(text, source)
    own = (made for made in _CLOUDS.values() if made.endpoint == address.lower())
    return next(own, Cloud(address, address, "", ""))


def _address(text: str, source: str) -> str:
    address = text.strip().rstrip("/")
    url = _parsed(address)
    if url is None or "://" not in address:
        close = get_close_matches(text.lower(), [*_CLOUDS, "sandbox"], n=1)
        hint = (
            f"did you mean {close[0]}?"
            if close
            else "give public, usgov, china, sandbox or an https address."
        )
        raise AzremedyError(
            f"{source} {plain(text, SNIPPET)!r} is neither a known name nor an address: {hint}"
        )
    if url.scheme != "https":
        raise AzremedyError(
            f"{source} {plain(text, SNIPPET)!r} is not https, and a token is sent over nothing else."
        )
    if url.auth or url.query or url.fragment or not url.host:
        raise AzremedyError(
            f"{source} {plain(text, SNIPPET)!r} must be https://host[:port][/path] and no more."
        )
    return address


def _parsed(address: str) -> Url | None:
    try:
        return parse_url(address)
    except LocationParseError:
        return None


def _completed(partial: Cloud, http: requests.Session) -> Cloud:
    """`partial` with what the endpoint's own metadata says of authority and audience."""
    entry = _entry(_decoded(_answer(partial, http).content, partial), partial)
    try:
        sign_in = entry["authentication"]
        authority, audience = sign_in["loginEndpoint"], sign_in["audiences"][0]
        full = _address(authority, f"The authority that {partial.host} names,")
    except (KeyError, IndexError, TypeError, AttributeError) as error:
        raise _not_arm(partial, "its metadata names no authority and audience") from error
    except AzremedyError as error:
        raise Incomplete(str(error)) from error
    if not isinstance(audience, str) or not audience:
        raise _not_arm(partial, "its metadata names no audience")
    return replace(
        partial, authority=partial.authority or full, audience=partial.audience or audience.rstrip("/")
    )


def _answer(partial: Cloud, http: requests.Session) -> requests.Response:
    """The answer of an endpoint that is asked for its metadata."""
    try:
        answer = http.get(partial.endpoint + METADATA, timeout=(CONNECT, _PATIENCE), allow_redirects=False)
    except (requests.RequestException, HTTPError, OSError, ValueError) as error:
        raise no_answer(error, partial.host) from error
    if answer.status_code != 200:
        raise _not_arm(partial, f"it answered {answer.status_code} to {METADATA.partition('?')[0]}")
    return answer


def _decoded(body: bytes, partial: Cloud) -> Json:
    try:
        return msgspec.json.decode(body.removeprefix(b"\xef\xbb\xbf"))
    except (ValueError, RecursionError) as error:
        raise _not_arm(
            partial, f"it answered {plain(body[:400].decode(errors='replace'), SNIPPET)!r}"
        ) from error


def _entry(metadata: Json, partial: Cloud) -> Json:
    """The entry of this endpoint: Azure's own ARM lists every cloud, others answer with one object."""
    if not isinstance(metadata, list):
        return metadata
    entries = [entry for entry in metadata if isinstance(entry, dict)]
    own = (entry for entry in entries if str(entry.get("resourceManager")).rstrip("/") == partial.endpoint)
    return next(own, entries[0] if entries else None)


def _not_arm(partial: Cloud, because: str) -> Incomplete:
    return Incomplete(
        f"{partial.endpoint} is not an ARM endpoint ({because}): check the address given as cloud."
    )
