"""Who may call where Microsoft Entra ID decides: whoever signed in by an application that is listed."""

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from activities.errors import ErrorCode, PermanentError
from activities.web.callers import PRINCIPAL, require_sign_in
from tests.support.principals import APPLICATION, principal

ALLOWED = frozenset({APPLICATION})


def refusal(said: str, allowed: frozenset[str] = ALLOWED) -> PermanentError:
    with pytest.raises(PermanentError) as caught:
        require_sign_in({PRINCIPAL: said}, allowed_applications=allowed)
    assert caught.value.code is ErrorCode.UNAUTHENTICATED
    return caught.value


@pytest.mark.parametrize("claim", ["appid", "azp"])
@pytest.mark.parametrize("spelling", [APPLICATION, APPLICATION.upper()])
def test_who_comes_by_a_listed_application_is_let_in(claim: str, spelling: str) -> None:
    require_sign_in({PRINCIPAL: principal(spelling, claim=claim)}, allowed_applications=ALLOWED)


def test_without_a_sign_in_the_message_says_how_to() -> None:
    for headers in ({}, {PRINCIPAL: " "}, {"authorization": "Bearer token"}):
        with pytest.raises(PermanentError, match="Sign in"):
            require_sign_in(headers, allowed_applications=ALLOWED)


def test_another_application_is_refused_and_the_message_says_who_can_let_it_in() -> None:
    other = principal("00000000-0000-0000-0000-000000000001")
    for error in (refusal(other), refusal(principal(), frozenset())):
        assert "ALLOWED_CLIENT_APPLICATIONS" in error.message
        assert "admin" in error.message


@pytest.mark.parametrize("claim", ["aud", "oid", "name", "appid2"])
def test_only_the_applications_own_claim_counts(claim: str) -> None:
    refusal(principal(claim=claim))


@given(
    st.text() | st.recursive(st.none() | st.text(), st.lists).map(json.dumps) | st.just('{"claims":[{"typ":"azp"}]}')
)
def test_whatever_else_stands_in_the_header_lets_nobody_in(said: str) -> None:
    for one in (said, base64.b64encode(said.encode(errors="replace")).decode()):
        refusal(one)
