"""A network that is made and a network that is there already mean the same app."""

import pytest

from tests.infra import bicep

MAIN = "infra/main.bicep"
NETWORK = "infra/modules/network.bicep"


def text(value: bicep.Value) -> str:
    return value.text if isinstance(value, bicep.Expression) else str(value)


def test_no_network_is_made_where_there_is_one() -> None:
    main = bicep.files()[MAIN]
    assert text(main.variables["makesNetwork"]) == "vnetEnabled && empty(appSubnetId)"
    assert text(main.modules["network"].around).startswith("if (makesNetwork)")


@pytest.mark.parametrize(
    ("module", "given"),
    [
        ("functionApp", "subnetId"),
        ("storage", "privateEndpointSubnetId"),
        ("storage", "privateDnsZoneIds"),
    ],
)
def test_each_place_takes_one_or_the_other(module: str, given: str) -> None:
    main = bicep.files()[MAIN]
    chosen = text(main.modules[module].params[given])
    assert chosen.startswith("makesNetwork ? network!.outputs.")
    other = main.variables.get(chosen.rpartition(" : ")[2], chosen)
    assert "vnetEnabled" in text(other) or "usesEndpointSubnet" in text(other)


def test_storage_has_a_zone_for_each_service_that_the_host_and_the_app_use() -> None:
    main = bicep.files()[MAIN]
    assert "['blob', 'queue', 'table']" in text(main.variables["dnsZoneNames"])
    [zones] = [output.value for name, output in bicep.files()[NETWORK].outputs.items() if name == "privateDnsZoneIds"]
    assert isinstance(zones, dict)
    # In the order in which items() has the names.
    assert [text(one) for one in zones.values()] == [f"zones[{place}].outputs.resourceId" for place in range(3)]
    assert list(zones) == sorted(zones)


def test_nothing_is_made_before_the_group_that_it_is_in() -> None:
    """The group's name is known before the group is there, so that one may be there already."""
    main = bicep.files()[MAIN]
    assert {text(module.body["scope"]) for module in main.modules.values()} == {"resourceGroup(groupName)"}
    waiting = {name for name, module in main.modules.items() if "group" in text(module.body.get("dependsOn"))}
    needing = {name for name, module in main.modules.items() if ".outputs." not in repr(module.params)}
    assert needing <= waiting
    assert {"storage"} <= waiting  # What it takes from others it takes only with an option.
