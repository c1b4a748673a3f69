"""Finding the function for a request, as the Functions host does."""

import pytest

from local.host.route_table import Route, RouteTable


def table(*templates: str, methods: str = "GET") -> RouteTable[str]:
    return RouteTable(Route(template=text, methods=frozenset(methods.split()), target=text) for text in templates)


@pytest.mark.parametrize("path", ["/api/health", "/API/Health", "/api/health/"])
def test_a_literal_route_is_found_in_any_case_and_with_a_closing_slash(path: str) -> None:
    assert table("api/health").find("GET", path) == ("api/health", {})


@pytest.mark.parametrize("path", ["/", "/api", "/api/health/x", "/api//health", "/health"])
def test_another_path_leads_nowhere(path: str) -> None:
    assert table("api/health", "api/batches/{id}").find("GET", path) is None


def test_a_method_that_a_route_does_not_name_is_like_a_path_that_does_not_exist() -> None:
    assert table("api/health").find("HEAD", "/api/health") is None
    assert table("api/batches/{id}").find("POST", "/api/batches/1") is None


def test_a_route_without_methods_answers_all() -> None:
    assert table("api/health", methods="").find("PURGE", "/api/health") == ("api/health", {})


def test_parameters_are_decoded_but_for_an_encoded_slash() -> None:
    found = table("api/{a}/parts/{b}").find("GET", "/api/caf%C3%A9%20x/parts/1%2f2")

    assert found == ("api/{a}/parts/{b}", {"a": "café x", "b": "1%2F2"})


@pytest.mark.parametrize(
    ("templates", "path"),
    [
        (("api/{id}", "api/new"), "/api/new"),
        (("api/new", "api/{id}"), "/api/new"),
        (("api/{*rest}", "api/{id}/status"), "/api/1/status"),
        (("api/{id}/{part}", "api/{id}/status"), "/api/1/status"),
    ],
)
def test_of_several_routes_that_match_the_first_one_answers(templates: tuple[str, ...], path: str) -> None:
    """However special another one is: the order, which the functions' names make, decides."""
    found = table(*templates).find("GET", path)

    assert found is not None
    assert found[0] == templates[0]


def test_a_later_route_answers_the_method_that_the_first_one_does_not() -> None:
    routes = RouteTable(
        [
            Route(template="api/new", methods=frozenset({"GET"}), target="literal"),
            Route(template="api/{id}", methods=frozenset({"POST"}), target="parameter"),
        ]
    )

    assert routes.find("POST", "/api/new") == ("parameter", {"id": "new"})


def test_an_optional_parameter_may_be_absent() -> None:
    routes = table("api/items/{id?}")

    assert routes.find("GET", "/api/items") == ("api/items/{id?}", {})
    assert routes.find("GET", "/api/items/1") == ("api/items/{id?}", {"id": "1"})


@pytest.mark.parametrize("template", ["api/{id:int}", "api/a{id}", "api/{id"])
def test_what_is_not_supported_is_refused_by_name(template: str) -> None:
    with pytest.raises(ValueError, match="which the local host does not support"):
        table(template)
