"""The page of the tenant check: what it says, and that it can do no more than it should."""

import re

import pytest

from activities.web import tenant_check
from activities.web.page import frame, tenant_page
from tests.support.html_tree import parse
from tests.support.page_site import assert_only_its_own_runs

FORMS = pytest.mark.parametrize("asks_for_key", [True, False])


@FORMS
def test_every_field_of_the_request_has_an_input_with_a_label(*, asks_for_key: bool) -> None:
    root = parse(tenant_page.render(asks_for_key=asks_for_key))
    inputs = {one.attributes["id"]: one.attributes for one in root.all("input")}
    labels = {one.attributes["for"] for one in root.all("label")}
    assert inputs.keys() - {"key"} == set(tenant_check.NAMES)
    assert ("key" in inputs) is asks_for_key
    assert labels == inputs.keys()
    assert {name for name, said in inputs.items() if said.get("name") != name} == {"key"} & inputs.keys(), (
        "the key is no part of the body"
    )


def test_the_key_is_not_shown_and_not_remembered() -> None:
    root = parse(tenant_page.render(asks_for_key=True))
    (key,) = [one for one in root.all("input") if one.attributes["id"] == "key"]
    assert key.attributes["type"] == "password"
    assert root.one("form").attributes["autocomplete"] == "off"


def test_the_policy_allows_the_pages_own_style_and_script_and_nothing_else() -> None:
    root = parse(tenant_page.render(asks_for_key=True))
    assert_only_its_own_runs(root, tenant_page.headers())


def test_nothing_is_loaded_and_nothing_is_styled_in_place() -> None:
    document = tenant_page.render(asks_for_key=True).decode()
    assert re.findall(r"""\s(?:src|srcset|style|on\w+)=|@import|url\(|<link|<img|<iframe""", document) == []
    assert "https://" not in document


def test_what_is_shown_is_text() -> None:
    """What Microsoft Graph says becomes no markup."""
    script = frame.text_of("tenant_check.js")
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b", script)


@FORMS
def test_every_id_is_there_once_and_every_label_leads_to_one(*, asks_for_key: bool) -> None:
    document = tenant_page.render(asks_for_key=asks_for_key).decode()
    ids = re.findall(r' id="([^"]*)"', document)
    assert len(set(ids)) == len(ids)
    assert set(re.findall(r' (?:aria-labelledby|aria-describedby|for)="([^"]*)"', document)) <= set(ids)
    assert "$" not in re.sub(r"<script.*?</script>", "", document, flags=re.DOTALL), "a part was not filled in"
