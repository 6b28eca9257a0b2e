"""The edge against the project's own ARM: from an address to a page of virtual machines."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from azremedy.azure import ClientSecret, find_cloud, open_reader
from azremedy.azure.subscriptions import find
from azremedy.errors import Incomplete, ReadError, SignInError
from azremedy.sandbox import Sandbox, embedded

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[Sandbox]:
    with embedded(tmp_path) as made:
        yield made


def test_reads_from_an_address_alone(sandbox: Sandbox) -> None:
    cloud = find_cloud(sandbox.url, ca=sandbox.ca, environ={})
    secret = ClientSecret(sandbox.tenant, sandbox.client_id, sandbox.client_secret)

    with open_reader(cloud, secret=secret, ca=sandbox.ca, environ={}) as reader:
        [subscription] = find(reader, ["demo"])
        assert find(reader, [subscription.id.name]) == (subscription,)
        vms = reader.get(
            f"{subscription.id}/providers/Microsoft.Compute/virtualMachines", {"api-version": "2026-04-01"}
        )
        assert vms["value"]
        assert reader.now.tzinfo is not None
        with pytest.raises(ReadError):
            reader.get(f"{subscription.id}/providers/Microsoft.Compute/virtualMachines")
        with pytest.raises(Incomplete, match="ARM shows no subscription"):
            find(reader, ["00000000-0000-4000-8000-00000000dead"])


def test_a_wrong_secret_is_refused(sandbox: Sandbox) -> None:
    cloud = find_cloud(sandbox.url, ca=sandbox.ca, environ={})

    with pytest.raises(SignInError, match="AADSTS7000215"):
        open_reader(
            cloud, secret=ClientSecret(sandbox.tenant, sandbox.client_id, "wrong"), ca=sandbox.ca, environ={}
        )
