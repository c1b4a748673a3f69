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
    """Routes, arranged once so that finding one is a dictionary look-up or a few pattern matches.

    Raises:
        ValueError: a template uses what is not supported.
    """

    def __init__(self, routes: Iterable[Route[Target]]) -> None:
        self._literal: dict[str, list[Route[Target]]] = {}
        patterns = []
        for route in routes:
            if "{" in route.template:
                patterns.append((_precedence(route.template), _pattern(route.template), route))
            else:
                self._literal.setdefault(route.template.strip("/").lower(), []).append(route)
        patterns.sort(key=lambda entry: entry[0])
        self._patterns = [(pattern, route) for _, pattern, route in patterns]

    def find(self, method: str, path: str) -> tuple[Target, dict[str, str]] | None:
        """Return the target for a path, percent-encoded as received, and its route parameters, decoded.

        A wrong method is no match, exactly like a wrong path: the host answers 404 to both.
        """
        path = path.removeprefix("/").removesuffix("/")
        for route in self._literal.get(path.lower(), ()):
            if route.allows(method):
                return route.target, {}
        for pattern, route in self._patterns:
            match = pattern.fullmatch(path)
            if match and route.allows(method):
                return route.target, {name: _decoded(text) for name, text in match.groupdict().items() if text}
        return None


def _decoded(text: str) -> str:
    # As Kestrel decodes a path: everything but an encoded slash.
    return unquote(_ENCODED_SLASH.sub("%252F", text))


def _precedence(template: str) -> list[int]:
    # As ASP.NET orders candidates: segment by segment, literals before parameters before catch-alls.
    return [0 if "{" not in segment else 2 if "{*" in segment else 1 for segment in template.split("/")]


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
