"""Who may do what where Microsoft Entra ID decides: a listed application, with a role, as itself or for a person."""

import base64
import json
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from activities.errors import ErrorCode, PermanentError
from activities.settings import SignIn
from activities.web.callers import FOR_ANYONE, PRINCIPAL, ROLES, Caller, Role, identify, require_permission
from connector.served_routes import served
from tests.support.principals import (
    API,
    APPLICATION,
    LONG_NAMES,
    LONG_ROLE,
    MANAGE,
    USER,
    WRITE,
    Claims,
    application,
    delegated,
    header,
    principal,
    session,
)

SIGN_IN = SignIn(frozenset({APPLICATION}), API)
OTHER = "00000000-0000-0000-0000-000000000001"
BOTH_VERSIONS = pytest.mark.parametrize("version", [1, 2])


def known(said: str | Claims) -> Caller:
    value = said if isinstance(said, str) else header(said)
    return identify({PRINCIPAL: value}, sign_in=SIGN_IN)


def assert_unknown(said: str | Claims) -> None:
    with pytest.raises(PermanentError, match="Sign in") as caught:
        known(said)
    assert caught.value.code is ErrorCode.UNAUTHENTICATED


def refusal(said: str | Claims, function: str = "create_activity", sign_in: SignIn = SIGN_IN) -> PermanentError:
    """Return why somebody who is known may not do what a function does."""
    with pytest.raises(PermanentError) as caught:
        require_permission(known(said), function=function, sign_in=sign_in)
    assert caught.value.code is ErrorCode.NOT_ALLOWED
    return caught.value


class TestWhoItIs:
    @BOTH_VERSIONS
    def test_an_application_calls_as_itself(self, version: int) -> None:
        assert known(application(WRITE, version=version)) == Caller(APPLICATION, "", frozenset({WRITE}))

    @BOTH_VERSIONS
    def test_a_person_calls_through_an_application_with_roles_of_their_own(self, version: int) -> None:
        expected = Caller(APPLICATION, USER, frozenset({WRITE, MANAGE}))
        assert known(delegated(WRITE, MANAGE, version=version)) == expected

    @BOTH_VERSIONS
    def test_the_session_of_a_browser_names_no_client_and_is_for_the_application_itself(self, version: int) -> None:
        assert known(session(WRITE, version=version)) == Caller(API, USER, frozenset({WRITE}), in_browser=True)

    def test_a_session_of_another_application_is_none(self) -> None:
        assert_unknown(session(WRITE, audience=OTHER))

    @pytest.mark.parametrize("audience", ["", API])
    def test_where_nobody_says_which_application_it_is_there_is_no_session(self, audience: str) -> None:
        with pytest.raises(PermanentError):
            identify({PRINCIPAL: header(session(audience=audience))}, sign_in=SignIn(frozenset({APPLICATION})))

    def test_ids_are_the_same_in_any_case(self) -> None:
        assert known(application(client_id=APPLICATION.upper())).client_id == APPLICATION
        assert known(session(audience=API.upper())).client_id == API

    @pytest.mark.parametrize("claims", [application(WRITE), delegated(WRITE, MANAGE), session(MANAGE)])
    def test_the_platforms_own_names_of_claims_mean_the_same(self, claims: Claims) -> None:
        assert known(header(claims, renamed=LONG_NAMES, role_typ=LONG_ROLE)) == known(claims)
        assert known(header(claims, renamed=LONG_NAMES)) == known(claims)

    def test_roles_are_where_the_principal_says(self) -> None:
        said = header(
            application(WRITE), renamed={"roles": "https://contoso.com/role"}, role_typ="https://contoso.com/role"
        )
        assert known(said).roles == {WRITE}
        elsewhere = header(application(WRITE), renamed={"roles": "https://contoso.com/role"})
        assert known(elsewhere).roles == set()

    @pytest.mark.parametrize("letters", range(3))
    def test_the_padding_of_the_header_may_be_missing(self, letters: int) -> None:
        said = header([*application(WRITE), ("x", "x" * letters)])
        assert known(said.rstrip("=")) == known(application(WRITE))

    def test_one_claim_twice_is_one(self) -> None:
        assert known([*application(WRITE), ("azp", APPLICATION.upper()), ("roles", WRITE)]).roles == {WRITE}


class TestNobody:
    def test_without_a_sign_in_the_message_says_how_to(self) -> None:
        for headers in ({}, {PRINCIPAL: " "}, {"authorization": "Bearer token"}):
            with pytest.raises(PermanentError, match="Sign in"):
                identify(headers, sign_in=SIGN_IN)

    @pytest.mark.parametrize("auth_typ", ["", "google", "AAD", "aad,aad"])
    def test_only_microsoft_entra_id_is_believed(self, auth_typ: str) -> None:
        assert_unknown(header(application(WRITE), auth_typ=auth_typ))

    def test_two_clients_are_nobody(self) -> None:
        assert_unknown([*application(WRITE), ("appid", OTHER)])

    @pytest.mark.parametrize("client_id", ["", "contoso", f"{APPLICATION}x"])
    def test_a_client_is_a_guid(self, client_id: str) -> None:
        assert_unknown(application(WRITE, client_id=client_id))

    @given(
        st.text()
        | st.recursive(st.none() | st.text(), st.lists).map(json.dumps)
        | st.sampled_from(
            ['{"claims":[{"typ":"azp"}]}', '{"auth_typ":"aad","claims":[[]]}', '{"auth_typ":"aad","claims":{"azp":1}}']
        )
    )
    def test_whatever_else_stands_in_the_header_is_nobody(self, said: str) -> None:
        for one in (said, base64.b64encode(said.encode(errors="replace")).decode()):
            assert_unknown(one)


class TestWhatTheyMay:
    @pytest.mark.parametrize("claims_with", [application, delegated, session])
    @pytest.mark.parametrize("role", Role)
    @pytest.mark.parametrize("function", ROLES)
    def test_the_role_decides_for_applications_and_for_people(
        self, claims_with: Callable[[str], Claims], role: Role, function: str
    ) -> None:
        caller = known(claims_with(role))
        if role in ROLES[function]:
            require_permission(caller, function=function, sign_in=SIGN_IN)
        else:
            with pytest.raises(PermanentError, match=f"app role {next(iter(ROLES[function]))}"):
                require_permission(caller, function=function, sign_in=SIGN_IN)

    def test_activities_and_batches_take_one_role_and_failures_the_other(self) -> None:
        assert {name for name in ROLES if ROLES[name] == {Role.WRITE}} == {
            *(
                f"{verb}_{what}"
                for verb in ("create", "upsert", "update", "find")
                for what in ("activity", "assignment", "self_initiated_course")
            ),
            "delete_activity",
            "list_learning_contents",
            "create_batch",
            "send_file",
            "delete_batch",
        }
        assert {name for name in ROLES if ROLES[name] == {Role.MANAGE}} == {
            "list_failures",
            "replay_failures",
            "discard_failures",
            "erase_learner",
            "check_tenant",
            "get_tenant_check",
        }

    def test_every_route_is_for_somebody_and_only_those_without_a_key_for_anyone(self) -> None:
        assert ROLES.keys() | FOR_ANYONE == served().keys()
        assert {name for name, route in served().items() if not route.needs_key} == FOR_ANYONE
        assert ROLES.keys() & FOR_ANYONE == set()

    def test_a_function_that_nobody_thought_of_is_for_nobody(self) -> None:
        refusal(principal(), function="erase_everything")

    def test_the_message_says_whose_role_is_missing_and_who_can_assign_it(self) -> None:
        for claims, who in ((application(MANAGE), "the application"), (delegated(), "your account")):
            message = refusal(claims).message
            assert WRITE in message
            assert who in message
            assert "admin" in message

    @pytest.mark.parametrize("claims", [application(WRITE, client_id=OTHER), delegated(WRITE, client_id=OTHER)])
    def test_another_application_is_refused_whatever_role_it_has(self, claims: Claims) -> None:
        message = refusal(claims).message
        assert "ALLOWED_CLIENT_APPLICATIONS" in message
        assert "admin" in message

    def test_the_application_itself_is_only_for_browsers(self) -> None:
        """It has no secret: whoever came with a token that it asked for would be the app's own identity."""
        listed = SignIn(frozenset({APPLICATION, API}), API)
        refusal(application(WRITE, client_id=API), sign_in=listed)
        require_permission(known(session(WRITE)), function="create_batch", sign_in=listed)
