"""Where each operation is served, read from the function app itself."""

from dataclasses import dataclass

from azure.functions.decorators.function_app import Function

import function_app


@dataclass(frozen=True, slots=True)
class Route:
    """An address below ``/api``, and whether the Functions host asks for a key there."""

    method: str
    path: str
    needs_key: bool


def served() -> dict[str, Route]:
    """Return every HTTP route of the app by the name of its function, without HEAD: it says no more than GET."""
    routes: dict[str, Route] = {}
    for function in functions():
        trigger = function.get_trigger()
        said = trigger.get_dict_repr() if trigger else {}
        if said.get("type") == "httpTrigger":
            (method,) = [one for one in said["methods"] if one.value != "HEAD"]
            needs_key = said["authLevel"].value != "anonymous"
            routes[function.get_function_name() or ""] = Route(method.value.lower(), f"/{said['route']}", needs_key)
    return routes


def functions() -> list[Function]:
    """Return every function of the app; however often it is asked."""
    # The app remembers the names that it has told, and takes the second time for doubles.
    function_app.app.functions_bindings = None
    found: list[Function] = function_app.app.get_functions()
    function_app.app.functions_bindings = None
    return found
