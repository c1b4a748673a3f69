"""The triggers hand a request over as it came, but for what nobody reads."""

import re
from types import SimpleNamespace
from typing import Any, cast

import azure.functions as func
import pytest

import function_app
from activities.web import http

CONTEXT = SimpleNamespace(invocation_id="1", function_name="create_activity")
FUNCTIONS = {one.get_function_name(): one for one in function_app.app.get_functions() if one.is_http_function()}


HEAD_AS_GET = {"get_health", "get_batch", "get_openapi"}


async def handed_over(name: str, method: str, monkeypatch: pytest.MonkeyPatch) -> http.Request:
    """Return what a function hands over of a request with a body."""
    given: list[http.Request] = []

    async def answer(request: http.Request, *_: Any, **__: Any) -> http.Response:
        given.append(request)
        return http.respond(200, {}, request)

    monkeypatch.setattr(function_app, "runtime", SimpleNamespace(answer=answer))
    await FUNCTIONS[name].get_user_function()(func.HttpRequest(method, "https://app/api", body=b"sent"), CONTEXT)
    (request,) = given
    return request


def test_monitors_and_gateways_may_ask_by_head() -> None:
    """Other routes answer 404: the host knows no HEAD where a function does not say so."""
    methods = {name: {one.value for one in cast("Any", each.get_trigger()).methods} for name, each in FUNCTIONS.items()}
    assert {name for name, known in methods.items() if known == {"GET", "HEAD"}} == HEAD_AS_GET
    assert {name for name, known in methods.items() if "HEAD" in known} == HEAD_AS_GET


@pytest.mark.parametrize("name", sorted(HEAD_AS_GET))
async def test_head_is_answered_as_get_without_a_body(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async def answer(request: http.Request, *_: Any, **__: Any) -> http.Response:
        assert request.body == b""
        return http.respond(200, {"status": "healthy"}, request, {"Retry-After": "5"})

    monkeypatch.setattr(function_app, "runtime", SimpleNamespace(answer=answer))
    function = FUNCTIONS[name].get_user_function()
    get, head = [
        await function(func.HttpRequest(one, "https://app/api", body=b"sent"), CONTEXT) for one in ("GET", "HEAD")
    ]
    assert (head.status_code, dict(head.headers)) == (get.status_code, dict(get.headers))
    assert (head.get_body(), get.get_body()) == (b"", b'{"status": "healthy"}')


@pytest.mark.parametrize("method", ["GET", "DELETE"])
@pytest.mark.parametrize("name", FUNCTIONS)
async def test_nobody_reads_the_body_of_what_should_have_none(
    name: str, method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Some of these routes need no key, and a body can have 64 MiB."""
    assert (await handed_over(name, method, monkeypatch)).body == b""


async def test_a_post_is_handed_over_with_its_body(monkeypatch: pytest.MonkeyPatch) -> None:
    assert (await handed_over("create_batch", "POST", monkeypatch)).body == b"sent"


def test_no_id_of_a_person_or_an_activity_stands_in_a_path() -> None:
    """The platform logs the paths of all requests, but not their queries."""
    triggers = [trigger for one in FUNCTIONS.values() if (trigger := one.get_trigger())]
    routes = [str(trigger.get_dict_repr()["route"]) for trigger in triggers]
    assert len(routes) == len(FUNCTIONS)
    assert any("{batchId}" in route for route in routes)
    assert {name for route in routes for name in re.findall(r"{(.*?)}", route)} == {"batchId"}
