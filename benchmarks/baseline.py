"""
The least that any scan of these addresses must do: sign in, fetch the same pages and details, parse, drop.

Started by `benchmarks/scan.py` with a file of addresses: `{"lists": [url, …], "singles": [url, …]}`. It uses 16
threads through one ARMPipelineClient and imports the Azure packages that azremedy imports.
"""

from __future__ import annotations

import json
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import requests
from azure.core.pipeline.policies import HeadersPolicy, UserAgentPolicy
from azure.core.pipeline.transport import RequestsTransport  # pylint: disable=no-name-in-module
from azure.core.rest import HttpRequest, HttpResponse
from azure.identity import DefaultAzureCredential
from azure.mgmt.core import ARMPipelineClient
from azure.mgmt.core.policies import ARMChallengeAuthenticationPolicy
from requests.adapters import HTTPAdapter

WORKERS = 16


def main(addresses: Path, endpoint: str) -> None:
    asked = json.loads(addresses.read_text(encoding="utf-8"))
    session = requests.Session()
    session.trust_env = False
    session.mount("https://", HTTPAdapter(pool_maxsize=WORKERS))
    transport = RequestsTransport(
        session=session, session_owner=False, connection_verify=os.environ["REQUESTS_CA_BUNDLE"]
    )
    credential = DefaultAzureCredential(
        authority=endpoint,
        disable_instance_discovery=True,
        connection_verify=os.environ["REQUESTS_CA_BUNDLE"],
    )
    authenticate = ARMChallengeAuthenticationPolicy(credential, "https://management.azure.com/.default")
    client: ARMPipelineClient[HttpRequest, HttpResponse] = ARMPipelineClient(
        base_url=endpoint,
        policies=[HeadersPolicy(), UserAgentPolicy("baseline"), authenticate],
        transport=transport,
    )

    def fetch(url: str) -> str | None:
        response = client.send_request(HttpRequest("GET", url), stream=True)
        body = json.loads(response.read())
        link: str | None = body.get("nextLink")
        return link

    def follow(url: str | None) -> None:
        while url:
            url = fetch(url)

    with ThreadPoolExecutor(WORKERS) as pool:
        list(pool.map(follow, asked["lists"]))
        list(pool.map(fetch, asked["singles"]))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
