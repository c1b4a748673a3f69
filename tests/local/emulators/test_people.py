"""The emulated tenant's people: one by a key, a list by a filter, each with what its permission covers.

https://learn.microsoft.com/graph/api/user-get
"""

from typing import Any
from urllib.parse import quote

import pytest

from local.emulators.people_emulator import LONGEST_VALUE, MOST_CLAUSES, PAGE, READ_ALL, READ_BASIC
from tests.local.emulators.calls import Answer, Graph

ANNA = {
    "id": "AAAA-1",
    "userPrincipalName": "Anna@contoso.com",
    "mail": "anna.berg@contoso.com",
    "employeeId": "0042",
    "proxyAddresses": ["SMTP:anna.berg@contoso.com", "smtp:ab@contoso.com"],
}
QUOTED = {"id": "q", "userPrincipalName": "$o'x@contoso.com", "mail": "or ' or@contoso.com"}
BASIC = "id,mail,userPrincipalName"


@pytest.fixture
def tenant(graph: Graph) -> Graph:
    graph.call("POST", "/_emulator/people", [ANNA, QUOTED])
    graph.patch_tenant(roles=[READ_ALL])
    return graph


def get(graph: Graph, key: str, select: str = BASIC) -> Answer:
    return graph.call("GET", f"/v1.0/users{key}?$select={select}")


def find(graph: Graph, clauses: str, select: str = BASIC) -> Answer:
    return graph.call("GET", f"/v1.0/users?$filter={quote(clauses)}&$select={select}")


def ids(answer: Answer) -> list[str]:
    assert answer.status == 200, answer.json
    return [person["id"] for person in answer.json["value"]]


@pytest.mark.parametrize("key", ["/aaaa-1", "/anna@contoso.com", "/ANNA%40contoso.com", "('anna@contoso.com')"])
def test_one_is_found_by_id_and_by_principal_name(tenant: Graph, key: str) -> None:
    assert get(tenant, key).json == {name: ANNA[name] for name in BASIC.split(",")}


def test_a_name_that_begins_with_a_dollar_needs_quotes_and_a_quote_in_it_is_doubled(tenant: Graph) -> None:
    assert get(tenant, "/$o'x@contoso.com").status == 400
    assert get(tenant, "('$o''x@contoso.com')").json["id"] == "q"


@pytest.mark.parametrize("key", ["/anna.berg@contoso.com", "/nobody@contoso.com"])
def test_nobody_else_is_found_by_a_key_which_is_404_or_400(tenant: Graph, key: str) -> None:
    assert (get(tenant, key).status, get(tenant, key).error["code"]) == (404, "Request_ResourceNotFound")
    tenant.emulator.people.not_found_status = 400
    assert (get(tenant, key).status, get(tenant, key).error["code"]) == (400, "Request_BadRequest")


@pytest.mark.parametrize(
    ("clauses", "expected"),
    [
        ("mail eq 'ANNA.berg@contoso.com'", ["AAAA-1"]),
        ("userPrincipalName eq 'nobody' or mail eq 'anna.berg@contoso.com'", ["AAAA-1"]),
        ("mail eq 'anna@contoso.com'", []),
        ("mail eq 'or '' or@contoso.com' or employeeId eq '0042'", ["AAAA-1", "q"]),
        ("employeeId in ('1', '0042')", ["AAAA-1"]),
        ("employeeId eq '42'", []),
        ("proxyAddresses/any(p:p eq 'smtp:ab@contoso.com')", ["AAAA-1"]),
        ("proxyAddresses/any(p:p eq 'ab@contoso.com')", []),
    ],
)
def test_a_filter_means_whoever_has_one_of_its_values(tenant: Graph, clauses: str, expected: list[str]) -> None:
    assert ids(find(tenant, clauses)) == expected


@pytest.mark.parametrize(
    "clauses",
    [
        "mail ne 'a'",
        "mail eq a",
        "mail eq 'a' and mail eq 'b'",
        "proxyAddresses eq 'smtp:a'",
        "mail/any(p:p eq 'a')",
        "nothing eq 'a'",
        f"mail eq '{'a' * (LONGEST_VALUE + 1)}'",
    ],
)
def test_a_filter_of_another_form_is_refused(tenant: Graph, clauses: str) -> None:
    assert find(tenant, clauses).status == 400


@pytest.mark.parametrize("clause", ["mail eq 'a'", "mail in ('a')"])
def test_fifteen_clauses_are_the_most(tenant: Graph, clause: str) -> None:
    assert find(tenant, " or ".join([clause] * MOST_CLAUSES)).status == 200
    refused = find(tenant, " or ".join([clause] * (MOST_CLAUSES + 1)))
    assert (refused.status, refused.error["code"]) == (400, "Request_UnsupportedQuery")


@pytest.mark.parametrize(
    ("roles", "select", "filtered", "status"),
    [
        ([READ_BASIC], BASIC, "mail", 200),
        ([READ_BASIC], f"{BASIC},employeeId", "mail", 403),
        ([READ_BASIC], BASIC, "employeeId", 403),
        ([READ_ALL], f"{BASIC},employeeId", "employeeId", 200),
        ([], BASIC, "mail", 403),
        ([READ_ALL], "nothing", "mail", 400),
    ],
)
def test_each_property_has_its_permission_whether_selected_or_filtered_by(
    tenant: Graph, roles: list[str], select: str, filtered: str, status: int
) -> None:
    tenant.patch_tenant(roles=roles)
    answer = find(tenant, f"{filtered} eq 'a'", select)
    assert answer.status == status
    assert status != 403 or answer.error["code"] == "Authorization_RequestDenied"


def test_basic_reading_without_a_selection_is_refused(tenant: Graph) -> None:
    tenant.patch_tenant(roles=[READ_BASIC])
    assert tenant.call("GET", "/v1.0/users/AAAA-1").status == 403
    assert get(tenant, "/AAAA-1").status == 200


def test_a_long_list_says_that_there_is_more(tenant: Graph) -> None:
    tenant.call("POST", "/_emulator/people", [{**ANNA, "id": str(number)} for number in range(PAGE)])
    page = find(tenant, "employeeId eq '0042'").json
    assert len(page["value"]) == PAGE
    assert page["@odata.nextLink"]


def test_who_is_too_new_for_a_list_is_found_by_the_key(tenant: Graph) -> None:
    tenant.emulator.people.not_listed.add("AAAA-1")
    assert ids(find(tenant, "employeeId eq '0042'")) == []
    assert get(tenant, "/anna@contoso.com").status == 200


@pytest.mark.parametrize("person", [5, {"id": "a"}, {"userPrincipalName": "a"}, {**ANNA, "age": 5}])
def test_a_person_who_makes_no_sense_is_refused_and_nobody_is_added(tenant: Graph, person: Any) -> None:
    assert tenant.call("POST", "/_emulator/people", [ANNA, person]).status == 400
    assert tenant.call("GET", "/_emulator/people").json == {"people": [ANNA, QUOTED]}


def test_everybody_can_be_forgotten(tenant: Graph) -> None:
    assert tenant.call("DELETE", "/_emulator/people").json == {"people": []}
    assert get(tenant, "/AAAA-1").status == 404


@pytest.mark.parametrize("path", ["/users/a/manager", "/users/", "/people"])
def test_other_addresses_are_not_the_peoples(tenant: Graph, path: str) -> None:
    assert tenant.call("GET", f"/v1.0{path}").status == 404
