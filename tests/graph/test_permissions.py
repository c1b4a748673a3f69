"""The Graph permissions that the app needs: read from a token for advice, named in refusals, never decided by."""

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from activities.errors import ErrorCode
from activities.graph import permissions
from local.emulators.tenant import Tenant
from tests.support.fakes import activity_request, assignment_request

ALL = frozenset(permissions.NEEDED_FOR)


def token(claims: object) -> str:
    return f"header.{base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip('=')}.signature"


def test_they_are_those_that_graph_asks_for() -> None:
    assert set(Tenant().roles) == ALL


def test_a_token_tells_its_permissions() -> None:
    assert permissions.granted(token({"roles": ["A", "B"]})) == frozenset({"A", "B"})


def test_a_token_without_the_claim_carries_none() -> None:
    assert permissions.granted(token({"aud": "graph"})) == frozenset()


@pytest.mark.parametrize("said", ["", "opaque", "a.b.c", "a.é.c", token([]), token({"roles": 5}), token(None)])
def test_a_token_of_another_form_tells_nothing(said: str) -> None:
    assert permissions.granted(said) is None
    assert permissions.missing(None) == ()


@given(st.text())
def test_any_text_can_stand_where_a_token_should(said: str) -> None:
    for one in (said, f"a.{said}.b"):
        assert isinstance(permissions.granted(one), frozenset | None)


@pytest.mark.parametrize("one", sorted(ALL))
def test_each_permission_is_missed(one: str) -> None:
    assert permissions.missing(ALL) == ()
    assert permissions.missing(ALL - {one}) == (one,)


def test_of_those_that_not_everybody_needs_each_is_told() -> None:
    granted = {"User.ReadBasic.All": False, "User.Read.All": False, "LearningContent.Read.All": True}
    assert dict(permissions.optional(frozenset({"LearningContent.Read.All"}))) == granted
    assert permissions.optional(None) == ()
    assert permissions.missing(ALL) == ()


def test_who_may_read_everything_about_people_may_read_their_addresses() -> None:
    """The smaller permission is not told as missing."""
    told = permissions.optional(frozenset({"User.Read.All"}))
    assert [permission for permission, granted in told if granted] == ["User.ReadBasic.All", "User.Read.All"]


@pytest.mark.parametrize("permission", permissions.OPTIONAL_FOR)
def test_a_refused_look_up_names_the_permission_and_what_it_is_for(permission: str) -> None:
    message = permissions.refused((permission,)).message
    assert f"{permission}, which {permissions.OPTIONAL_FOR[permission]} needs" in message


def test_only_who_may_create_neither_kind_cannot_work() -> None:
    writing = set(permissions.to_write({}))
    for one in writing:
        assert permissions.nothing_can_be_created(permissions.missing(frozenset({one}))) is None
    error = permissions.nothing_can_be_created(permissions.missing(ALL - writing))
    assert error is not None
    assert error.code is ErrorCode.GRAPH_PERMISSION_MISSING
    assert [one for one in writing if one not in error.message] == []


def test_a_refusal_names_the_permission_that_the_request_needed_and_no_other() -> None:
    needed = permissions.to_write(assignment_request().activity.to_graph())
    message = permissions.refused(needed).message
    assert needed[0] in message
    assert permissions.to_write(activity_request().activity.to_graph())[0] not in message
    assert "admin" in message


@pytest.mark.parametrize("either", [permissions.to_write({}), permissions.TO_FIND, permissions.TO_GET])
def test_a_refusal_where_the_kind_is_not_known_names_the_permissions_of_both(either: tuple[str, ...]) -> None:
    message = permissions.refused(either).message
    assert [one for one in sorted(ALL) if one in message] == sorted(either)
    assert all(permissions.NEEDED_FOR[one] in message for one in either)
