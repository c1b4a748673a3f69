"""Which function answers a request: the Functions host's routing, without any I/O.

Templates are ASP.NET's (https://learn.microsoft.com/azure/azure-functions/functions-bindings-http-webhook-trigger):
literal segments, `{name}`, `{name?}` at the end and `{*rest}` at the end. Constraints (`{id:int}`) are not supported.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import unquote

_PARAMETER = re.compile(r"\{(\*?)(\w+)(\??)\}")
_ENCODED_SLASH = re.compile("%2f", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Route[Target]:
    """A template such as `api/batches/{batchId}`, the methods it answers (none: all) and what it leads to."""

    template: str
    methods: frozenset[str]
    target: Target

    def allows(self, method: str) -> bool:
        """Say whether the route answers a method. HEAD is a method like any other: GET does not include it."""
        return not self.methods or method in self.methods


class RouteTable[Target]:
    """Routes in the order in which they are tried: the first that matches answers, however special a later one is.

    Source: `WebJobsRouter` in
    https://github.com/Azure/azure-functions-host/tree/dev/src/WebJobs.Script.WebHost

    Raises:
        ValueError: a template uses what is not supported.
    """

    def __init__(self, routes: Iterable[Route[Target]]) -> None:
        self._routes = [(_pattern(route.template), route) for route in routes]

    def find(self, method: str, path: str) -> tuple[Target, dict[str, str]] | None:
        """Return the target for a path, percent-encoded as received, and its route parameters, decoded.

        A wrong method is no match, exactly like a wrong path: the host answers 404 to both.
        """
        path = path.removeprefix("/").removesuffix("/")
        for pattern, route in self._routes:
            match = pattern.fullmatch(path)
            if match and route.allows(method):
                return route.target, {name: _decoded(text) for name, text in match.groupdict().items() if text}
        return None


def _decoded(text: str) -> str:
    # As Kestrel decodes a path: everything but an encoded slash.
    return unquote(_ENCODED_SLASH.sub("%252F", text))


def _pattern(template: str) -> re.Pattern[str]:
    expression = ""
    for index, segment in enumerate(template.strip("/").split("/")):
        slash = "/" if index else ""
        parameter = _PARAMETER.fullmatch(segment)
        if parameter is None and ("{" in segment or "}" in segment):
            raise ValueError(f"the route template {template!r} uses {segment!r}, which the local host does not support")
        if parameter is None:
            expression += slash + re.escape(segment)
            continue
        rest, name, optional = parameter.groups()
        if rest:
            expression += f"(?:{slash}(?P<{name}>.*))?"
        elif optional:
            expression += f"(?:{slash}(?P<{name}>[^/]+))?"
        else:
            expression += f"{slash}(?P<{name}>[^/]+)"
    return re.compile(expression, re.IGNORECASE)
