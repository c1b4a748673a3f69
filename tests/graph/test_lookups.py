"""How people and courses are asked for: the bytes of every address, in how many calls, and how answers are read.

The SDK's request builders, against the emulator.
"""

import logging
from collections.abc import AsyncIterator, Mapping
from typing import Any
from urllib.parse import unquote

import httpx
import pytest
import pytest_asyncio
from aiohttp.test_utils import RawTestServer

from activities.errors import ErrorCode, TransientError
from activities.execution.directory import Kind, Name
from activities.graph import lookups
from activities.graph.client import MicrosoftGraph
from local.emulators.emulator_server import EmulatorServer
from local.emulators.graph_emulator import Emulator
from local.emulators.people_emulator import MOST_CLAUSES, READ_BASIC
from local.environment import IDENTITY_HEADER
from tests.support.directories import ALL_ROLES, Emulated, address, content, employee, emulated_directory, told
from tests.support.endpoints import forget_identity
from tests.support.fakes import REGISTRATION_ID
from tests.support.wire import GRAPH, Wire

CONTENTS = f"/employeeExperience/learningProviders/{REGISTRATION_ID}/learningContents"
SELECTED = "%24select=id,mail,userPrincipalName"


@pytest_asyncio.fixture
async def tenant(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Emulated]:
    async with emulated_directory(monkeypatch) as given:
        yield given


def person(number: int, **properties: Any) -> Mapping[str, Any]:
    return {"id": f"id-{number}", "userPrincipalName": f"p{number}@contoso.com", **properties}


async def find(tenant: Emulated, *names: Name) -> list[str]:
    return told(await tenant.directory.find(names, timeout_seconds=5))


def by_both(text: str) -> str:
    """Return the address that asks for a principal name and an e-mail address, which stand in it as ``text``."""
    clauses = f"userPrincipalName%20eq%20%27{text}%27%20or%20mail%20eq%20%27{text}%27"
    return f"/users?%24filter={clauses}&{SELECTED}"


# What the person is called, what is asked for, the bytes of the list, and of the key where the list has nobody.
ADDRESSES = {
    "plain": ("anna@contoso.com", "anna%40contoso.com", "/users/anna%40contoso.com"),
    "guest": (
        "eve_x.com#ext#@contoso.com",
        "eve_x.com%23ext%23%40contoso.com",
        "/users/eve_x.com%23ext%23%40contoso.com",
    ),
    "plus": ("a+b@contoso.com", "a%2Bb%40contoso.com", "/users/a%2Bb%40contoso.com"),
    "quote": ("o'neil@contoso.com", "o%27%27neil%40contoso.com", "/users('o%27%27neil%40contoso.com')"),
    "dollar": ("$x@contoso.com", "%24x%40contoso.com", "/users('%24x%40contoso.com')"),
    "dollar and quote": ("$o'x@contoso.com", "%24o%27%27x%40contoso.com", "/users('%24o%27%27x%40contoso.com')"),
    "slash": ("a/b@contoso.com", "a%2Fb%40contoso.com", "/users/a%2Fb%40contoso.com"),
    "percent": ("a%b@contoso.com", "a%25b%40contoso.com", "/users/a%25b%40contoso.com"),
    "ampersand": ("a&b=c@contoso.com", "a%26b%3Dc%40contoso.com", "/users/a%26b%3Dc%40contoso.com"),
    "umlaut": ("jürgen@contoso.com", "j%C3%BCrgen%40contoso.com", "/users/j%C3%BCrgen%40contoso.com"),
}


@pytest.mark.parametrize("form", ADDRESSES)
@pytest.mark.parametrize("place", ["userPrincipalName", "mail"])
async def test_every_form_of_address_is_found_in_a_list_with_these_bytes(
    tenant: Emulated, form: str, place: str
) -> None:
    text, quoted, _ = ADDRESSES[form]
    tenant.add_people({**person(1), place: text.upper()}, person(2))
    assert await find(tenant, address(text)) == ["id-1"]
    assert tenant.network.calls == [[by_both(quoted)]]


@pytest.mark.parametrize("form", [form for form in ADDRESSES if form != "slash"])
async def test_a_new_account_is_found_by_its_key_before_it_is_in_a_list(tenant: Emulated, form: str) -> None:
    text, quoted, by_key = ADDRESSES[form]
    tenant.add_people({**person(1), "userPrincipalName": text})
    tenant.emulator.people.not_listed.add("id-1")
    assert await find(tenant, address(text)) == ["id-1"]
    secondary = f"proxyAddresses%2Fany%28p%3Ap%20eq%20%27smtp%3A{quoted}%27%29"
    assert tenant.network.calls == [
        [by_both(quoted)],
        [f"{by_key}?{SELECTED}", f"/users?%24filter={secondary}&{SELECTED},proxyAddresses"],
    ]


@pytest.mark.parametrize("status", [404, 400])
@pytest.mark.parametrize("form", ADDRESSES)
async def test_nobody_is_nobody_whether_graph_says_404_or_400(tenant: Emulated, form: str, status: int) -> None:
    tenant.emulator.people.not_found_status = status
    assert await find(tenant, address(ADDRESSES[form][0])) == ["nothing"]


@pytest.mark.parametrize("status", [404, 400])
async def test_no_content_is_no_content_whether_graph_says_404_or_400(tenant: Emulated, status: int) -> None:
    tenant.emulator.courses.not_found_status = status
    assert await find(tenant, content("LP1")) == ["nothing"]


async def test_a_provider_that_graph_does_not_know_is_no_missing_content(tenant: Emulated) -> None:
    assert await find(tenant, content("LP1", "11111111-1111-1111-1111-111111111111")) == ["providerNotRegistered"]


@pytest.mark.parametrize(
    ("text", "quoted"),
    [
        ("LP4471", "LP4471"),
        ("it's", "it%27%27s"),
        ("a/b c?d#e&f=g+h%", "a%2Fb%20c%3Fd%23e%26f%3Dg%2Bh%25"),
        ("Prüfung", "Pr%C3%BCfung"),
        ("')", "%27%27%29"),
    ],
)
async def test_any_external_id_is_found_with_these_bytes(tenant: Emulated, text: str, quoted: str) -> None:
    tenant.add_contents({"id": "course-id", "externalId": text, "title": "A"})
    assert await find(tenant, content(text)) == ["course-id"]
    select = "%24select=id,externalId,title,isActive"
    assert tenant.network.calls == [[f"{CONTENTS}(externalId='{quoted}')?{select}"]]


async def test_employee_ids_are_filtered_by_with_these_bytes(tenant: Emulated) -> None:
    tenant.add_people(person(1, employeeId="0042"), person(2, employeeId="O'1"))
    assert await find(tenant, employee("0042"), employee("o'1")) == ["id-1", "id-2"]
    clauses = "employeeId%20eq%20%270042%27%20or%20employeeId%20eq%20%27o%27%271%27"
    assert tenant.network.calls == [[f"/users?%24filter={clauses}&{SELECTED},employeeId"]]


async def test_no_question_selects_more_than_it_needs(tenant: Emulated) -> None:
    """With ``User.ReadBasic.All`` alone Graph refuses any property beyond these."""
    tenant.permit(READ_BASIC)
    tenant.add_people(person(1))
    assert await find(tenant, address("p1@contoso.com"), address("p2@contoso.com")) == ["id-1", "nothing"]
    basic = [one for one in tenant.network.addresses if "proxyAddresses" not in one]
    assert [one for one in basic if not one.endswith(SELECTED)] == []
    assert all("$filter=" in unquote(one) for one in tenant.network.addresses if "proxyAddresses" in one)


async def test_twenty_records_with_other_names_each_are_found_in_two_calls(tenant: Emulated) -> None:
    """Forty people and twenty courses, whatever way each of them is called."""
    tenant.add_people(*(person(number, mail=f"m{number}@contoso.com") for number in range(40)))
    tenant.add_contents(*({"id": f"c-{one}", "externalId": f"LP{one}", "title": "A"} for one in range(20)))
    people = [address(f"{'pm'[number % 2]}{number}@contoso.com") for number in range(40)]
    contents = [content(f"LP{number}") for number in range(20)]
    expected = [f"id-{number}" for number in range(40)] + [f"c-{number}" for number in range(20)]
    assert await find(tenant, *people, *contents) == expected
    assert len(tenant.network.calls) == 2


async def test_twenty_records_that_are_half_unknown_cost_no_more_than_three_calls(tenant: Emulated) -> None:
    tenant.add_people(*(person(number, proxyAddresses=[f"smtp:s{number}@contoso.com"]) for number in range(20)))
    tenant.add_contents(*({"id": f"c-{one}", "externalId": f"LP{one}", "title": "A"} for one in range(10)))
    people = [address(f"{'ps'[number % 2]}{number}@contoso.com") for number in range(26)]
    contents = [content(f"LP{number}") for number in range(20)]
    found = await find(tenant, *people, *contents)
    assert found[:20] == [f"id-{number}" for number in range(20)]
    assert set(found[20:26]) == {"nothing"}
    assert found[26:] == [f"c-{number}" for number in range(10)] + ["nothing"] * 10
    assert len(tenant.network.calls) == 3


async def test_what_three_calls_do_not_hold_is_asked_for_the_next_time(tenant: Emulated) -> None:
    """Forty unknown people and twenty courses: nobody is called unknown who was not looked for everywhere."""
    people = [address(f"p{number}@contoso.com") for number in range(40)]
    contents = [content(f"LP{number}") for number in range(20)]
    found = await find(tenant, *people, *contents)
    assert len(tenant.network.calls) == 3
    assert found[:18] == ["nothing"] * 18
    assert found[18:40] == ["graphUnavailable"] * 22
    assert found[40:] == ["nothing"] * 20
    assert await find(tenant, *people[18:]) == ["nothing"] * 22


async def test_no_filter_has_more_clauses_than_graph_takes(tenant: Emulated) -> None:
    tenant.add_people(*(person(number, employeeId=str(number)) for number in range(31)))
    assert await find(tenant, *(employee(str(number)) for number in range(31))) == [f"id-{n}" for n in range(31)]
    await find(tenant, *(address(f"x{number}@contoso.com") for number in range(20)))
    filters = [unquote(one) for one in tenant.network.addresses if "filter=" in one]
    assert {one.count(" or ") + 1 for one in filters} == {1, 5, 12, 14, MOST_CLAUSES}


async def test_somebody_is_ambiguous_who_has_one_name_as_principal_name_and_another_as_address(
    tenant: Emulated,
) -> None:
    tenant.add_people(person(1), person(2, mail="p1@contoso.com"))
    assert await find(tenant, address("p1@contoso.com")) == ["several"]


async def test_so_many_with_one_name_that_a_page_does_not_hold_them_hide_nobody_else(tenant: Emulated) -> None:
    tenant.add_people(*(person(number, mail="all@contoso.com") for number in range(150)), person(900))
    assert await find(tenant, address("all@contoso.com"), address("p900@contoso.com")) == [
        "several",
        "graphUnavailable",
    ]
    assert await find(tenant, address("p900@contoso.com")) == ["id-900"]


async def test_a_list_that_graph_refuses_for_one_name_says_nothing_about_the_others(tenant: Emulated) -> None:
    tenant.add_people(person(1), person(2))
    tenant.emulator.faults.arm({"operation": "people", "status": 400, "body": {"error": {"code": "BadRequest"}}})
    names = [address("p1@contoso.com"), address("p2@contoso.com"), address("p3@contoso.com")]
    assert await find(tenant, *names) == ["id-1", "id-2", "nothing"]


@pytest.mark.parametrize("body", ["<html>", "[]", '{"value": 5}', '{"value": [{}]}', "{}"])
@pytest.mark.parametrize("kind", [Kind.ADDRESS, Kind.CONTENT])
async def test_an_answer_that_is_none_leaves_it_open(tenant: Emulated, kind: Kind, body: str) -> None:
    operation = "contents" if kind is Kind.CONTENT else "people"
    tenant.emulator.faults.arm({"operation": operation, "status": 200, "body": body})
    assert await find(tenant, Name(REGISTRATION_ID, kind, "x@contoso.com")) == ["graphUnavailable"]


async def test_neither_an_error_nor_the_log_repeats_what_was_asked(
    tenant: Emulated, caplog: pytest.LogCaptureFixture
) -> None:
    """Graph's own words do, and reports and logs are no place for an address."""
    caplog.set_level(logging.DEBUG)
    name = address("secret@contoso.com")
    for status in (400, 403, 404, 409, 418, 429, 500, 503):
        said = {"error": {"code": "x", "message": "secret@contoso.com is not here", "details": [{"message": "secret"}]}}
        tenant.emulator.faults.arm({"operation": "people", "status": status, "body": said, "times": 3})
        (found,) = await tenant.directory.find([name], timeout_seconds=5)
        assert "secret" not in repr(found)
        assert "secret" not in getattr(found, "message", "")
        assert "secret" not in str(getattr(found, "problems", ""))
        tenant.emulator.faults.clear()
    assert "graphAnswered" in caplog.text
    assert "secret" not in caplog.text


async def test_without_an_answer_nothing_was_executed(wire: Wire, graph: MicrosoftGraph) -> None:
    for failure in (httpx.ReadTimeout(""), httpx.ConnectError("")):
        wire.reply = failure
        (found,) = await graph.directory().find([address("a@contoso.com")], timeout_seconds=5)
        assert isinstance(found, TransientError)
        assert (found.code, found.may_have_executed) == (ErrorCode.GRAPH_UNAVAILABLE, False)


async def test_without_a_token_nobody_is_asked_for(tenant: Emulated) -> None:
    tenant.emulator.faults.arm({"operation": "token", "status": 400, "body": {"message": "no"}, "times": 100})
    assert await find(tenant, address("p1@contoso.com"), content("LP1")) == ["identityUnavailable"] * 2
    assert tenant.network.calls == []


@pytest.mark.parametrize("ending", ["hang", "disconnect"])
async def test_an_answer_that_is_lost_leaves_it_open(tenant: Emulated, ending: str) -> None:
    """A look-up executes nothing: nobody has to be looked for because of it."""
    tenant.emulator.faults.arm({"operation": "people", ending: True})
    (found,) = await tenant.directory.find([address("p1@contoso.com")], timeout_seconds=5)
    assert isinstance(found, TransientError)
    assert (found.code, found.may_have_executed) == (ErrorCode.GRAPH_UNAVAILABLE, False)


async def test_where_graph_takes_no_batches_each_question_is_asked_alone(tenant: Emulated) -> None:
    tenant.add_people(person(1))
    tenant.add_contents({"id": "course-id", "externalId": "LP1", "title": "A"})
    tenant.emulator.faults.arm({"name": "batch-refused", "times": 100})
    assert await find(tenant, address("p1@contoso.com"), content("LP1")) == ["id-1", "course-id"]
    assert await find(tenant, address("p1@contoso.com"), content("LP1")) == ["id-1", "course-id"]
    assert len(tenant.network.calls) == 1 + 2 * 2


async def test_a_batch_that_is_throttled_as_a_whole_tells_it_of_every_name(tenant: Emulated) -> None:
    tenant.emulator.faults.arm({"operation": "batch", "status": 429, "headers": {"Retry-After": "9"}})
    found = await tenant.directory.find([address("p1@contoso.com"), content("LP1")], timeout_seconds=5)
    assert [one.retry_after_seconds for one in found if isinstance(one, TransientError)] == [9, 9]


async def test_a_new_account_whose_address_somebody_else_has_beside_the_main_one_is_ambiguous(
    tenant: Emulated,
) -> None:
    tenant.add_people(person(1), person(2, proxyAddresses=["smtp:p1@contoso.com"]))
    tenant.emulator.people.not_listed.add("id-1")
    assert await find(tenant, address("p1@contoso.com")) == ["several"]


async def test_on_a_socket_every_form_of_name_arrives_as_it_was_meant(monkeypatch: pytest.MonkeyPatch) -> None:
    """What stands between the SDK's addresses and the wire quotes nothing a second time."""
    emulator = Emulator()
    forget_identity(monkeypatch)
    texts = [text for form, (text, _, _) in ADDRESSES.items() if form != "slash"]
    emulator.people.add([{"id": text, "userPrincipalName": text} for text in texts])
    emulator.people.not_listed |= set(texts[::2])
    emulator.courses.add({"learningProviderId": REGISTRATION_ID, "id": "c", "externalId": "it's a/b+c%", "title": "A"})
    emulator.tenant = emulator.tenant.patched({"roles": [*ALL_ROLES]})
    async with RawTestServer(EmulatorServer(emulator).answer) as server:
        monkeypatch.setenv("IDENTITY_ENDPOINT", str(server.make_url("/msi/token")))
        monkeypatch.setenv("IDENTITY_HEADER", IDENTITY_HEADER)
        gateway = MicrosoftGraph(base_url=str(server.make_url("/v1.0")), client_id=None)
        directory = gateway.directory()
        for text in texts:
            assert told(await directory.find([address(text)], timeout_seconds=5)) == [text]
        assert told(await directory.find([content("it's a/b+c%")], timeout_seconds=5)) == ["c"]
        assert len((await directory.contents_of(REGISTRATION_ID, timeout_seconds=5)).contents) == 1
        await gateway.close()


def page(*ids: str, more: str = "") -> Mapping[str, Any]:
    value = [{"id": one, "externalId": one, "title": one} for one in ids]
    return {"value": value, **({"@odata.nextLink": more} if more else {})}


class TestAList:
    async def test_it_is_read_page_by_page_as_graph_names_them(self, tenant: Emulated) -> None:
        tenant.add_contents(*({"id": f"c-{one}", "externalId": f"LP{one}", "title": "A"} for one in range(250)))
        listed = await tenant.directory.contents_of(REGISTRATION_ID, timeout_seconds=5)
        assert [one.id for one in listed.contents] == [f"c-{number}" for number in range(250)]
        assert not listed.truncated
        assert [call[0].removeprefix(CONTENTS) for call in tenant.network.calls] == [
            "?%24select=id,externalId,title,isActive",
            "?skip=100&top=100",
            "?skip=200&top=100",
        ]

    async def test_it_ends_at_five_thousand(self, tenant: Emulated) -> None:
        tenant.add_contents(*({"id": f"c-{one}", "externalId": f"LP{one}", "title": "A"} for one in range(5_050)))
        listed = await tenant.directory.contents_of(REGISTRATION_ID, timeout_seconds=30)
        assert (len(listed.contents), listed.truncated) == (lookups.MOST_CONTENTS, True)

    @pytest.mark.parametrize(
        "more",
        [
            "https://evil.example/v1.0/next",
            "http://graph.microsoft.com/v1.0/next",
            "https://graph.microsoft.com.evil.example/v1.0/next",
            "https://graph.microsoft.com@evil.example/v1.0/next",
            "/v1.0/next",
        ],
    )
    async def test_it_leads_nowhere_but_to_graph(self, wire: Wire, graph: MicrosoftGraph, more: str) -> None:
        wire.each = wire.answer(200, page("a", more=more))
        listed = await graph.directory().contents_of(REGISTRATION_ID, timeout_seconds=5)
        assert ([one.id for one in listed.contents], listed.truncated) == (["a"], True)
        assert len(wire.sent) == 1

    async def test_it_goes_in_no_circle(self, wire: Wire, graph: MicrosoftGraph) -> None:
        wire.each = wire.answer(200, page("a", more=f"{GRAPH}/next?skip=2"))
        listed = await graph.directory().contents_of(REGISTRATION_ID, timeout_seconds=5)
        assert ([one.id for one in listed.contents], listed.truncated) == (["a"], True)
        assert len(wire.sent) == 2
        assert str(wire.sent[1].url) == f"{GRAPH}/next?skip=2"
        assert wire.sent[1].headers["authorization"]

    async def test_pages_without_end_have_one(self, tenant: Emulated) -> None:
        for number in range(lookups.MOST_PAGES + 50):
            endless = page(more=f"{GRAPH}{CONTENTS}?skip={number}")
            tenant.emulator.faults.arm({"operation": "contents", "status": 200, "body": endless})
        listed = await tenant.directory.contents_of(REGISTRATION_ID, timeout_seconds=30)
        assert (listed.contents, listed.truncated) == ((), True)
        assert len(tenant.network.calls) == lookups.MOST_PAGES
