"""An HTTP request as the product reads it."""

import pytest

from activities.web.http import Request, media_type


@pytest.mark.parametrize("header", ["text/csv", "TEXT/CSV; charset=utf-8; header=present", " text/csv "])
def test_a_media_type_is_read_without_its_parameters_in_any_case(header: str) -> None:
    assert media_type(Request(headers={"content-type": header})) == "text/csv"


def test_a_body_may_have_no_media_type() -> None:
    assert media_type(Request()) == ""
