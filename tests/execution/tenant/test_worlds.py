"""Each assumption is found to hold in the world of the documentation, and not to hold in the world without it."""

import json
import re

import pytest

from activities.execution.tenant.assumptions import ASSUMPTIONS, Name
from activities.execution.tenant.findings import Checked
from local.emulators.world_names import WORLDS
from local.environment import LEARNING_PROVIDER_ID
from tests.support.fakes import LEARNER_ID
from tests.support.gateways import emulated
from tests.support.tenant_checks import SUBJECT, UNLICENSED_ID, FakeCheckMemory, checks_of, ready


async def check_in(world: str, monkeypatch: pytest.MonkeyPatch) -> tuple[Checked, list[str], FakeCheckMemory]:
    """Return the result of a check in a world, and which external ids are there after it."""
    memory = FakeCheckMemory()
    async with emulated(monkeypatch) as graph:
        checked = await checks_of(ready(graph, world=world), memory).check_now(SUBJECT)
        stored = [str(one.entity["externalCourseActivityId"]) for one in graph.emulator.activities.stored]
    return checked, stored, memory


async def test_in_the_world_of_the_documentation_everything_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    checked, stored, memory = await check_in("", monkeypatch)
    assert [(one.name, one.observed) for one in checked.findings if not one.holds] == []
    assert [one.name for one in checked.findings] == list(ASSUMPTIONS)
    assert (stored, list(checked.leftovers), memory.left) == ([], [], {})
    assert (
        checked.summary()
        == f"{len(ASSUMPTIONS)} of {len(ASSUMPTIONS)} assumptions hold, and none was found to be wrong."
    )


@pytest.mark.parametrize("world", WORLDS)
async def test_in_every_other_world_exactly_what_is_otherwise_does_not_hold(
    world: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    changed = {part for part in world.split("-") if part != "same"}
    checked, stored, memory = await check_in(world, monkeypatch)
    assert {one.name for one in checked.findings if one.holds is False} == changed, [
        one for one in checked.findings if not one.holds
    ]
    assert (stored, list(checked.leftovers), memory.left) == ([], [], {})
    failed = [one.to_json() for one in checked.findings if one.holds is False]
    assert all(one["consequence"] and one["action"] for one in failed)


def test_there_is_a_world_for_every_assumption() -> None:
    assert {world.partition("-")[0] for world in WORLDS} == set(Name) == set(ASSUMPTIONS)


@pytest.mark.parametrize("world", ["", "unlicensedLearnerRefused", "providerAcceptsIdentity", "fixedPropertiesIgnored"])
async def test_the_result_names_nobody(world: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is meant to be sent with a bug report."""
    checked, _, _ = await check_in(world, monkeypatch)
    said = json.dumps(checked.to_json()).casefold()
    for personal in (LEARNER_ID, UNLICENSED_ID, LEARNING_PROVIDER_ID, SUBJECT.learning_content_id, "@"):
        assert personal.casefold() not in said
    guids = re.findall(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", said)
    # Whose the token is: an application in a tenant.
    assert len(guids) == 2


@pytest.mark.parametrize("name", ASSUMPTIONS)
def test_every_assumption_is_told_in_sentences(name: Name) -> None:
    one = ASSUMPTIONS[name]
    for said in (one.assumed, one.consequence, one.action):
        assert re.fullmatch(r"[A-Z$].*\.|null .*\.", said)
