"""The clusters of `examples/fleet`: their parts fit together, and their commands run as they stand."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dask.config
import distributed
import pytest
import trustme
import yaml
from clustered import until
from commands import environment, variables

from azremedy.sandbox import Sandbox, embedded
from azremedy.sandbox.generate import fleet

FLEET = Path(__file__).parents[1] / "examples" / "fleet"
PROGRAMS = Path(sys.executable).parent


def aks() -> Mapping[tuple[str, str], Any]:
    """What is in the manifest, by kind and name."""
    [whole] = yaml.safe_load_all((FLEET / "aks.yaml").read_text(encoding="utf-8"))
    return {(one["kind"], one["metadata"]["name"]): one for one in whole["items"]}


def container_apps() -> Any:
    return json.loads((FLEET / "container-apps.json").read_text(encoding="utf-8"))


def pods() -> Mapping[str, Any]:
    """The pods of the manifest, by name."""
    made = {name: one["spec"]["template"] for (kind, name), one in aks().items() if kind == "Deployment"}
    return {**made, "scan": aks()["CronJob", "scan"]["spec"]["jobTemplate"]["spec"]["template"]}


def commands_on_aks() -> Mapping[str, list[str]]:
    return {
        name: [*one["command"], *one["args"]]
        for name, pod in pods().items()
        for one in pod["spec"]["containers"]
    }


def commands_in_container_apps() -> Mapping[str, list[str]]:
    """The commands of the template, those of the first worker."""
    containers = [
        one for app in container_apps()["resources"] for one in app["properties"]["template"]["containers"]
    ]
    return {one["name"]: [rendered(word) for word in (*one["command"], *one["args"])] for one in containers}


def rendered(word: str) -> str:
    """What a word of the template is for the first of the copies."""
    made = re.fullmatch(r"\[format\('(.*)', copyIndex\(\)\)\]", word)
    return made[1].replace("{0}", "0") if made else word


@pytest.mark.parametrize("told", ["aks", "container-apps"])
def test_dask_knows_every_setting(told: str) -> None:
    """A name that Dask does not know would leave the cluster open, without a word."""
    names = (
        list(aks()["ConfigMap", "dask"]["data"])
        if told == "aks"
        else [one["name"] for one in container_apps()["variables"]["dask"]]
    )
    known = dask.config.collect(paths=[str(Path(distributed.__file__).parent)], env={})

    assert len(names) == 8
    assert "DASK_DISTRIBUTED__COMM__REQUIRE_ENCRYPTION" in names
    for name in names:
        key = name.removeprefix("DASK_").lower().replace("__", ".")
        assert dask.config.get(key, "unknown", config=known) != "unknown", name


def test_what_signs_in_on_aks_is_what_reads() -> None:
    labelled = {
        name: "azure.workload.identity/use" in pod["metadata"]["labels"] for name, pod in pods().items()
    }
    accounts = {name: pod["spec"].get("serviceAccountName") for name, pod in pods().items()}

    assert labelled == {"scheduler": False, "worker": True, "scan": True}
    assert accounts == {"scheduler": None, "worker": "azremedy", "scan": "azremedy"}
    assert ("ServiceAccount", "azremedy") in aks()


def test_the_parts_on_aks_find_one_another() -> None:
    made = aks()
    service = made["Service", "scheduler"]["spec"]

    for pod in pods().values():
        [container] = pod["spec"]["containers"]
        assert {one["name"] for one in container["volumeMounts"]} == {
            one["name"] for one in pod["spec"]["volumes"]
        }
        assert container["envFrom"] == [{"configMapRef": {"name": "dask"}}]
        assert pod["spec"]["securityContext"]["runAsNonRoot"]
        assert container["securityContext"]["readOnlyRootFilesystem"]
    for name in ("scheduler", "worker"):
        deployment = made["Deployment", name]["spec"]
        assert deployment["selector"]["matchLabels"] == {"app": name}
        assert deployment["template"]["metadata"]["labels"]["app"] == name
    assert service["selector"] == {"app": "scheduler"}
    assert service["ports"] == [{"port": 8786, "targetPort": 8786}]
    assert made["NetworkPolicy", "dask"]["spec"]["ingress"] == [{"from": [{"podSelector": {}}]}]
    assert {one["metadata"].get("namespace", "azremedy") for one in made.values()} == {"azremedy"}


def test_the_parts_in_container_apps_find_one_another_and_nobody_else_does() -> None:
    whole = container_apps()
    apps = {rendered(one["name"]): one for one in whole["resources"]}
    mounted = {one["path"] for one in whole["variables"]["volumes"][0]["secrets"]}

    assert set(apps) == {"scheduler", "worker-0", "scan"}
    for name, port in (("scheduler", 8786), ("worker-0", 8788)):
        ingress = apps[name]["properties"]["configuration"]["ingress"]
        assert ingress == {"external": False, "transport": "tcp", "targetPort": port, "exposedPort": port}
        assert apps[name]["properties"]["template"]["scale"] == {"minReplicas": 1, "maxReplicas": 1}
    assert {name: "identity" in one for name, one in apps.items()} == {
        "scheduler": False, "worker-0": True, "scan": True,
    }  # fmt: skip
    assert {Path(one["value"]).name for one in whole["variables"]["dask"] if "/" in one["value"]} == mounted
    used = set(re.findall(r"parameters\('(\w+)'\)|variables\('(\w+)'\)", json.dumps(whole)))
    assert {first or second for first, second in used} == {*whole["parameters"], *whole["variables"]}
    assert {whole["parameters"][one]["type"] for one in ("authority", "certificate", "key")} == {
        "securestring"
    }


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="the commands are written for containers of Linux")
@pytest.mark.parametrize("told", [commands_on_aks, commands_in_container_apps])
def test_the_commands_run_as_they_stand(told: Any, tmp_path: Path) -> None:
    """On loopback, with free ports in the place of theirs, and certificates as a cluster's own authority makes them."""
    PORTS.clear()  # those of another test may not be free again yet
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.crt")
    made = authority.issue_cert("scheduler")
    made.private_key_pem.write_to_path(tmp_path / "tls.key")
    made.cert_chain_pems[0].write_to_path(tmp_path / "tls.crt")
    settings = aks()["ConfigMap", "dask"]["data"].items()
    tls = {name: value.replace("/tls/", f"{tmp_path}/") for name, value in settings}
    commands = {name: here(words) for name, words in told().items()}
    with embedded(tmp_path / "sandbox", estate=fleet(3, 20, 1)) as sandbox:
        signed_in = {**variables(sandbox, tmp_path), **tls}
        with (
            started(commands["scheduler"], tls, tmp_path),
            started(commands["worker"], signed_in, tmp_path) as log,
        ):
            until(lambda: "Registered to" in log.read_text("utf-8"))
            ended = subprocess.run(
                commands["scan"], env=environment(**signed_in), capture_output=True, text=True, check=False
            )
        asked = reads(sandbox)

    assert (ended.returncode, ended.stderr) == (0, "")
    assert len(ended.stdout.splitlines()) > 1
    assert asked > 50


PORTS: dict[str, str] = {}


def here(words: Sequence[str]) -> list[str]:
    """The same command on this machine: every name is loopback, and every port one that is free."""
    program, *rest = words
    return [str(PROGRAMS / program), *(moved(word) for word in rest)]


def moved(word: str) -> str:
    def port(found: re.Match[str]) -> str:
        return PORTS.setdefault(found[0], str(free()))

    return re.sub(r"(?<=//)[\w.-]+(?=:)", "127.0.0.1", re.sub(r"\b87\d\d\b", port, word))


def free() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


@contextmanager
def started(command: Sequence[str], environ: Mapping[str, str], folder: Path) -> Iterator[Path]:
    """Run a program while the block lasts, and yield the file of what it says."""
    log = folder / f"{command[1]}.log"
    with log.open("wb") as said:
        process = subprocess.Popen(
            command, cwd=folder, env=environment(**environ), stdout=said, stderr=subprocess.STDOUT
        )
    try:
        yield log
    finally:
        process.kill()
        process.wait()


def reads(sandbox: Sandbox) -> int:
    return sum(one.method == "GET" for one in sandbox.requests)
