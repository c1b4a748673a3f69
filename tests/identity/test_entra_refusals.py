"""Every refusal of Entra is told by its code alone, with what an admin does about it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from activities.errors import ErrorCode, PermanentError, TransientError
from activities.identity import entra_refusals

TENANT = "b1f3a9d0-7c55-4e0f-9f1b-2a4c6d8e0f13"
# What an admin needs, by the code.
WAITED_FOR = {
    "70021": "object (principal) id",
    "700211": "issuer https://login.microsoftonline.com/",
    "700212": "audience api://AzureADTokenExchange",
    "700213": "object (principal) id",
    "700222": "federated credential",
    "700236": "in the tenant that the function app is in",
    "90002": "PROVIDER_TENANTS",
    "53003": "Sign-in logs",
}
CONSENT = {
    "700016": f"https://login.microsoftonline.com/{TENANT}/adminconsent?client_id=",
    "65001": f"https://login.microsoftonline.com/{TENANT}/adminconsent?client_id=",
    "7000112": "Enterprise applications",
}


def said(code: str) -> str:
    return f"Microsoft Entra ID error '(invalid_client) AADSTS{code}: Words. Trace ID: 1 Correlation ID: 2'"


@pytest.mark.parametrize("code", WAITED_FOR)
def test_what_is_wrong_with_the_application_is_waited_for(code: str) -> None:
    error = entra_refusals.translate(said(code), tenant_id=TENANT)
    assert isinstance(error, TransientError)
    assert (error.code, error.may_have_executed) == (ErrorCode.IDENTITY_UNAVAILABLE, False)
    assert WAITED_FOR[code] in error.message


@pytest.mark.parametrize("code", CONSENT)
def test_a_tenant_that_has_not_let_the_application_in_has_to_act_first(code: str) -> None:
    error = entra_refusals.translate(said(code), tenant_id=TENANT)
    assert isinstance(error, PermanentError)
    assert error.code is ErrorCode.GRAPH_PERMISSION_MISSING
    assert TENANT in error.message
    assert CONSENT[code] in error.message


@pytest.mark.parametrize("code", [*WAITED_FOR, *CONSENT])
def test_each_names_its_code_and_an_admin(code: str) -> None:
    message = entra_refusals.translate(said(code), tenant_id=TENANT).message
    assert f"(AADSTS{code})" in message
    assert "admin" in message
    assert "Nothing was done." in message


@given(st.text())
def test_of_entras_words_nothing_is_told_but_the_code(words: str) -> None:
    mark = f"\N{SNOWMAN}{words}"
    for text in (mark, f"AADSTS700213: {mark}"):
        error = entra_refusals.translate(text, tenant_id=TENANT)
        assert error.code is ErrorCode.IDENTITY_UNAVAILABLE
        assert "\N{SNOWMAN}" not in error.message
