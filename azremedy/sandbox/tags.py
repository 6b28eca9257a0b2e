"""The service tags of a location."""

from __future__ import annotations

from typing import TYPE_CHECKING

from azremedy.sandbox.answers import not_found, ok

if TYPE_CHECKING:
    from azremedy.arm import Json
    from azremedy.sandbox.answers import Answer, Arm, Call


def answer(arm: Arm, call: Call) -> Answer:
    """Answer the service tags of a location: the few that a verdict on backups looks at."""
    if call.method != "GET":
        raise not_found(call.path)
    location = call.key.split("/")[-2]
    region = arm.store.about.get("regions", {}).get(location, location.capitalize())
    values = [
        tag(name, prefix)
        for name, prefix in (
            ("Storage", "20.150.0.0/15"),
            (f"Storage.{region}", "20.150.8.0/23"),
            ("AzureBackup", "40.74.128.0/24"),
            ("AzureCloud", "20.0.0.0/8"),
            (f"AzureCloud.{region}", "20.50.0.0/16"),
        )
    ]
    id_ = f"{arm.subscription}/providers/Microsoft.Network/serviceTags/Public"
    return ok(
        {
            "name": "Public",
            "id": id_,
            "type": "Microsoft.Network/serviceTags",
            "changeNumber": "1",
            "cloud": "Public",
            "values": values,
        }
    )


def tag(name: str, prefix: str) -> Json:
    service, _, region = name.partition(".")
    return {
        "name": name,
        "id": name,
        "properties": {
            "changeNumber": "1",
            "region": region.lower(),
            "systemService": f"Azure{service}" if service == "Storage" else service,
            "addressPrefixes": [prefix],
        },
    }
