"""ARM's JSON of each resource type, decoded: the only place that knows how ARM spells its properties."""

from __future__ import annotations

from collections.abc import Iterable

from azremedy.arm import ArmId, Json
from azremedy.collect.values import arm_id, flag, number, record, records, ref, refs, text, texts, when
from azremedy.resources import (
    AttachedDisk,
    Collection,
    Disk,
    ExtensionView,
    Handler,
    InstanceView,
    IpConfiguration,
    Lock,
    Nic,
    Nsg,
    PowerState,
    RestorePoint,
    RestorePoints,
    Route,
    RouteTable,
    Rule,
    ServiceTags,
    Status,
    Subnet,
    Vm,
    VmSize,
    VmSizes,
)


class MalformedError(ValueError):
    """A resource of which not even the id can be read."""


def own_id(body: Json) -> ArmId:
    """The resource's id, the one property that nothing here can do without."""
    if id_ := ref(body):
        return id_
    raise MalformedError("a resource without an id")


def told(properties: dict[str, Json], name: str, of: str) -> list[Json]:
    """A list that verdicts rest on: an empty one says that there is nothing, a missing one says nothing."""
    value = properties.get(name)
    if not isinstance(value, list):
        raise MalformedError(f"{of} without its {name}")
    return value


def vm(body: Json) -> Vm:
    id_ = own_id(body)
    properties = record(body.get("properties"))
    state = text(properties.get("provisioningState"))
    if state is None:
        raise MalformedError("a virtual machine without its provisioning state")
    storage = record(properties.get("storageProfile"))
    os_disk = record(storage.get("osDisk"))
    os_profile = record(properties.get("osProfile"))
    configuration = record(os_profile.get("windowsConfiguration") or os_profile.get("linuxConfiguration"))
    interfaces = list(records(record(properties.get("networkProfile")).get("networkInterfaces")))
    nics = refs(interfaces)
    primary = [nic for nic in interfaces if record(nic.get("properties")).get("primary") is True]
    return Vm(
        id=id_,
        location=text(body.get("location")) or "",
        size=text(record(properties.get("hardwareProfile")).get("vmSize")),
        os=text(os_disk.get("osType")) or operating_system(os_profile),
        vm_id=text(properties.get("vmId")),
        provisioning_state=state,
        disks=tuple(attached(disk) for disk in (os_disk, *records(storage.get("dataDisks"))) if disk),
        nics=nics,
        primary_nic=ref(primary[0]) if primary else nics[0] if len(nics) == 1 else None,
        extensions=refs(body.get("resources")),
        provision_agent=flag(configuration.get("provisionVMAgent")),
        allow_extension_operations=flag(os_profile.get("allowExtensionOperations")),
        security_type=text(record(properties.get("securityProfile")).get("securityType")),
        scale_set=ref(properties.get("virtualMachineScaleSet")),
        managed_by=text(body.get("managedBy")),
        offer=text(record(body.get("plan")).get("product")),
    )


def operating_system(os_profile: dict[str, Json]) -> str | None:
    if "windowsConfiguration" in os_profile:
        return "Windows"
    return "Linux" if "linuxConfiguration" in os_profile else None


def attached(body: dict[str, Json]) -> AttachedDisk:
    return AttachedDisk(
        lun=number(body.get("lun")),
        name=text(body.get("name")) or "",
        disk=ref(body.get("managedDisk")),
        size=number(body.get("diskSizeGB")),
        write_accelerated=body.get("writeAcceleratorEnabled") is True,
        caching=text(body.get("caching")),
        sku=text(record(body.get("managedDisk")).get("storageAccountType")),
        ephemeral=bool(record(body.get("diffDiskSettings")).get("option")),
    )


def power_state(body: Json) -> PowerState | None:
    """The power state in an element of the status-only list; None where ARM does not say."""
    id_ = own_id(body)
    view = record(record(body.get("properties")).get("instanceView"))
    state = power_of(text(one.get("code")) or "" for one in records(view.get("statuses")))
    return PowerState(id_, state) if state else None


def power_of(codes: Iterable[str]) -> str | None:
    """The power state among the codes of statuses, in lower case."""
    found = (code.lower().partition("powerstate/") for code in codes)
    return next((state for before, _, state in found if state and not before), None)


def status(body: dict[str, Json]) -> Status:
    return Status(
        code=text(body.get("code")) or "",
        level=text(body.get("level")),
        display=text(body.get("displayStatus")),
        message=text(body.get("message")),
        time=when(body.get("time")),
    )


def statuses(value: Json) -> tuple[Status, ...]:
    return tuple(status(one) for one in records(value))


def instance_view(of: ArmId, body: Json) -> InstanceView:
    """What a VM reports of itself; an answer without statuses is no view, and does not say that the agent is absent."""
    told(record(body), "statuses", "an instance view")
    agent = record(body.get("vmAgent"))
    reported = statuses(agent.get("statuses"))
    return InstanceView(
        vm=of,
        agent_version=text(agent.get("vmAgentVersion")),
        agent=reported[0] if reported else None,
        handlers=tuple(
            Handler(
                type=text(one.get("type")) or "",
                version=text(one.get("typeHandlerVersion")),
                status=status(record(one.get("status"))) if one.get("status") else None,
            )
            for one in records(agent.get("extensionHandlers"))
        ),
        extensions=tuple(
            ExtensionView(
                name=text(one.get("name")) or "",
                type=text(one.get("type")),
                version=text(one.get("typeHandlerVersion")),
                statuses=statuses(one.get("statuses")),
            )
            for one in records(body.get("extensions"))
        ),
        statuses=statuses(body.get("statuses")),
        os_name=text(body.get("osName")),
        os_version=text(body.get("osVersion")),
    )


def disk(body: Json) -> Disk:
    properties = record(body.get("properties"))
    encryption = record(properties.get("encryption"))
    in_guest = record(properties.get("encryptionSettingsCollection"))
    return Disk(
        id=own_id(body),
        size=number(properties.get("diskSizeGB")),
        sku=text(record(body.get("sku")).get("name")),
        max_shares=number(properties.get("maxShares")),
        encrypted_in_guest=in_guest.get("enabled") is True,
        data_access_auth=text(properties.get("dataAccessAuthMode")),
        managed_by=arm_id(body.get("managedBy")),
        location=text(body.get("location")) or "",
        extended_location=text(record(body.get("extendedLocation")).get("name")),
        zones=texts(body.get("zones")),
        encryption=text(encryption.get("type")),
        encryption_set=arm_id(encryption.get("diskEncryptionSetId")),
        network_access=text(properties.get("networkAccessPolicy")),
        public_access=text(properties.get("publicNetworkAccess")),
        disk_access=arm_id(properties.get("diskAccessId")),
        secrets=key_vaults(in_guest, "diskEncryptionKey"),
        keys=key_vaults(in_guest, "keyEncryptionKey"),
    )


def key_vaults(in_guest: dict[str, Json], kind: str) -> tuple[ArmId, ...]:
    """The key vaults that the encryption settings of a disk name for secrets or keys, each once."""
    if in_guest.get("enabled") is not True:
        return ()
    settings = records(in_guest.get("encryptionSettings"))
    return tuple(dict.fromkeys(refs([record(one.get(kind)).get("sourceVault") for one in settings])))


def nic(body: Json) -> Nic:
    properties = record(body.get("properties"))
    return Nic(
        id=own_id(body),
        vm=ref(properties.get("virtualMachine")),
        nsg=ref(properties.get("networkSecurityGroup")),
        primary=flag(properties.get("primary")),
        ip_configurations=tuple(
            ip_configuration(record(one.get("properties")))
            for one in records(properties.get("ipConfigurations"))
        ),
    )


def ip_configuration(properties: dict[str, Json]) -> IpConfiguration:
    return IpConfiguration(
        subnet=ref(properties.get("subnet")),
        address=text(properties.get("privateIPAddress")),
        primary=properties.get("primary") is True,
        public_ip=ref(properties.get("publicIPAddress")),
        application_groups=refs(properties.get("applicationSecurityGroups")),
        load_balancer_pools=refs(properties.get("loadBalancerBackendAddressPools")),
    )


def nsg(body: Json) -> Nsg:
    properties = record(body.get("properties"))
    own, standing = (told(properties, name, "an NSG") for name in ("securityRules", "defaultSecurityRules"))
    rules = [rule(one, default=False) for one in records(own)]
    rules += [rule(one, default=True) for one in records(standing)]
    return Nsg(
        id=own_id(body),
        location=text(body.get("location")) or "",
        rules=tuple(sorted(rules, key=lambda one: one.priority)),
        subnets=refs(properties.get("subnets")),
        nics=refs(properties.get("networkInterfaces")),
        etag=text(body.get("etag")),
    )


def rule(body: dict[str, Json], *, default: bool) -> Rule:
    """Decode a rule, or raise: one that does not tell what it matches would turn every verdict into a guess."""
    properties = record(body.get("properties"))
    name, access, priority = (
        text(body.get("name")),
        text(properties.get("access")),
        number(properties.get("priority")),
    )
    direction = text(properties.get("direction"))
    if name is None or access is None or priority is None or direction is None:
        raise MalformedError("a security rule without name, direction, access or priority")
    sources = texts(properties.get("sourceAddressPrefix"), properties.get("sourceAddressPrefixes"))
    source_groups = refs(properties.get("sourceApplicationSecurityGroups"))
    destinations = texts(
        properties.get("destinationAddressPrefix"), properties.get("destinationAddressPrefixes")
    )
    destination_groups = refs(properties.get("destinationApplicationSecurityGroups"))
    ports = texts(properties.get("destinationPortRange"), properties.get("destinationPortRanges"))
    if not (sources or source_groups) or not (destinations or destination_groups) or not ports:
        raise MalformedError(f"security rule '{name}' without its sources, destinations or ports")
    return Rule(
        name=name,
        direction=direction,
        access=access,
        priority=priority,
        protocol=text(properties.get("protocol")) or "*",
        sources=sources,
        source_groups=source_groups,
        destinations=destinations,
        destination_groups=destination_groups,
        ports=ports,
        source_ports=texts(properties.get("sourcePortRange"), properties.get("sourcePortRanges")) or ("*",),
        default=default,
    )


def subnets(body: Json) -> tuple[Subnet, ...]:
    """Every subnet of a virtual network."""
    own_id(body)
    held = told(record(body.get("properties")), "subnets", "a virtual network")
    return tuple(subnet(one) for one in records(held))


def subnet(body: dict[str, Json]) -> Subnet:
    properties = record(body.get("properties"))
    return Subnet(
        id=own_id(body),
        nsg=ref(properties.get("networkSecurityGroup")),
        route_table=ref(properties.get("routeTable")),
        nat_gateway=ref(properties.get("natGateway")),
        service_endpoints=tuple(
            name for one in records(properties.get("serviceEndpoints")) if (name := text(one.get("service")))
        ),
        default_outbound=flag(properties.get("defaultOutboundAccess")),
    )


def route_table(body: Json) -> RouteTable:
    held = told(record(body.get("properties")), "routes", "a route table")
    return RouteTable(id=own_id(body), routes=tuple(route(one) for one in records(held)))


def route(body: dict[str, Json]) -> Route:
    properties = record(body.get("properties"))
    prefix, hop = text(properties.get("addressPrefix")), text(properties.get("nextHopType"))
    if prefix is None or hop is None:
        raise MalformedError("a route without its prefix or next hop")
    return Route(
        name=text(body.get("name")) or "",
        prefix=prefix,
        next_hop=hop,
        next_hop_address=text(properties.get("nextHopIpAddress")),
    )


def lock(body: Json) -> Lock:
    properties = record(body.get("properties"))
    level = text(properties.get("level"))
    if level is None:
        raise MalformedError("a lock without a level")
    return Lock(
        id=own_id(body),
        level=level,
        notes=text(properties.get("notes")),
        owners=tuple(
            name for one in records(properties.get("owners")) if (name := text(one.get("applicationId")))
        ),
    )


def collection(body: Json) -> Collection:
    properties = record(body.get("properties"))
    source = ref(properties.get("source"))
    if source is None:
        raise MalformedError("a restore point collection without its source")
    return Collection(
        id=own_id(body),
        source=source,
        provisioning_state=text(properties.get("provisioningState")),
    )


def restore_points(of: ArmId, body: Json) -> RestorePoints:
    """The points of a collection that was read with `$expand=restorePoints`; without the list they are not counted."""
    points = record(body.get("properties")).get("restorePoints")
    if not isinstance(points, list):
        raise MalformedError("a restore point collection without its list of restore points")
    return RestorePoints(collection=of, points=tuple(restore_point(one) for one in records(points)))


def restore_point(body: dict[str, Json]) -> RestorePoint:
    properties = record(body.get("properties"))
    return RestorePoint(
        id=own_id(body),
        created=when(properties.get("timeCreated")),
        provisioning_state=text(properties.get("provisioningState")),
        consistency=text(properties.get("consistencyMode")),
        vm_id=text(record(properties.get("sourceMetadata")).get("vmId")),
    )


def service_tags(region: str, body: Json) -> ServiceTags:
    """The names of a region's service tags; their addresses, by far the most of the answer, are left where they are."""
    values = body.get("values")
    if not isinstance(values, list):
        raise MalformedError("a list of service tags without its values")
    return ServiceTags(region, tuple(name for one in records(values) if (name := text(one.get("name")))))


def vm_sizes(region: str, body: Json) -> VmSizes:
    """The sizes of VMs of a region; of one that does not say how many data disks it takes nothing is known."""
    sizes = (
        VmSize(name, most)
        for one in records(told(record(body), "value", "a list of sizes"))
        if (name := text(one.get("name"))) and (most := number(one.get("maxDataDiskCount"))) is not None
    )
    return VmSizes(region, tuple(sizes))


def admin_rule(body: Json) -> Rule:
    """A security admin rule in the words of a security rule; `Any` protocol is `*`, and no rule is a default one."""
    properties = record(body.get("properties"))
    return rule(
        {
            "name": own_id(body).name,
            "properties": {
                **properties,
                "protocol": "*" if properties.get("protocol") == "Any" else properties.get("protocol"),
                "sourceAddressPrefixes": prefixes(properties.get("sources")),
                "destinationAddressPrefixes": prefixes(properties.get("destinations")),
                "destinationPortRanges": properties.get("destinationPortRanges") or ["*"],
            },
        },
        default=False,
    )


def prefixes(value: Json) -> list[str]:
    """The prefixes of a security admin rule; a network group stands there as its id, and no end means all."""
    return [prefix for one in records(value) if (prefix := text(one.get("addressPrefix")))] or ["*"]
