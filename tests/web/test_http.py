"""An HTTP request as the product reads it."""

import pytest

from activities.web import http
from activities.web.http import Request, media_type, public_url


@pytest.mark.parametrize("header", ["text/csv", "TEXT/CSV; charset=utf-8; header=present", " text/csv "])
def test_a_media_type_is_read_without_its_parameters_in_any_case(header: str) -> None:
    assert media_type(Request(headers={"content-type": header})) == "text/csv"


def test_a_body_may_have_no_media_type() -> None:
    assert media_type(Request()) == ""


def test_no_answer_is_kept_guessed_at_or_told_to_others_and_none_comes_without_tls() -> None:
    for response in (http.respond(200, {}, Request()), http.respond_with(200, b"", Request(), {"Content-Type": "a/b"})):
        assert (
            response.headers.items()
            >= {
                "Cache-Control": "no-store",
                "Referrer-Policy": "no-referrer",
                "Strict-Transport-Security": "max-age=31536000",
                "Vary": "Accept",
                "X-Content-Type-Options": "nosniff",
            }.items()
        )


def test_an_answer_can_say_otherwise() -> None:
    """A page with a form needs the Referer that the platform asks for."""
    response = http.respond_with(200, b"", Request(), {"Referrer-Policy": "same-origin"})
    assert response.headers["Referrer-Policy"] == "same-origin"


@pytest.mark.parametrize(
    ("url", "base", "expected"),
    [
        ("https://func.azurewebsites.net/api/batches", "", "https://func.azurewebsites.net/api/batches"),
        ("https://func.azurewebsites.net/api/batches?a=b", "https://c.com", "https://c.com/api/batches?a=b"),
        ("http://127.0.0.1:7071/api/batches/1/status", "https://c.com/lms", "https://c.com/lms/api/batches/1/status"),
    ],
)
def test_behind_a_gateway_an_address_is_the_gateways(url: str, base: str, expected: str) -> None:
    assert public_url(url, base) == expected
