"""The tenant's people as Graph shows them: one by a key, a list by a filter, each only with what a permission covers.

It knows the forms of filter that are documented for these properties, and refuses every other.
https://learn.microsoft.com/graph/api/user-get
https://learn.microsoft.com/graph/api/user-list
"""

import re
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any
from urllib.parse import unquote

from local.emulators.exchange import GraphError

# https://learn.microsoft.com/graph/permissions-reference
READ_BASIC = "User.ReadBasic.All"
READ_ALL = "User.Read.All"

NO_PRIVILEGES = "Insufficient privileges to complete the operation."
TOO_MANY_CLAUSES = "Too many child clauses specified in search filter expression containing 'OR' operators"
MOST_CLAUSES = 15
LONGEST_VALUE = 120
PAGE = 100

_BASIC = {"id", "displayName", "givenName", "surname", "mail", "userPrincipalName"}
_MORE = {"employeeId", "proxyAddresses", "otherMails", "accountEnabled"}
_PROPERTIES = _BASIC | _MORE
_TEXT = r"'((?:[^']|'')*)'"
# Of clauses whose texts are replaced by their numbers.
_EQUALS = re.compile(r"(\w+) eq '(\d+)'")
_ONE_OF = re.compile(r"(\w+) in \(('\d+'(?:, ?'\d+')*)\)")
_ANY = re.compile(r"(\w+)/any\((\w):\2 eq '(\d+)'\)")
_LISTS = {"proxyAddresses", "otherMails"}
_QUOTED_KEY = re.compile(rf"users\({_TEXT}\)")


class PersonError(ValueError):
    """A person makes no sense; the message says why."""


class People:
    """The users of the tenant.

    `not_found_status` is what Graph answers for a key that nobody has: 404, or 400 for one that it takes for no key;
    `not_listed` are the ids of those who are so new that no list has them.
    """

    def __init__(self) -> None:
        self.everybody: list[dict[str, Any]] = []
        self.not_found_status = 404
        self.not_listed: set[str] = set()

    def add(self, content: Any) -> None:
        """Add a person or a list of them, each with at least an id and a userPrincipalName.

        Raises:
            PersonError: one of them makes no sense; nobody is added then.
        """
        people = content if isinstance(content, list) else [content]
        for person in people:
            if not isinstance(person, dict) or not person.keys() <= _PROPERTIES:
                raise PersonError(f"A person is an object with some of: {', '.join(sorted(_PROPERTIES))}.")
            if not all(isinstance(person.get(name), str) for name in ("id", "userPrincipalName")):
                raise PersonError("A person has an id and a userPrincipalName.")
        self.everybody += people

    def clear(self) -> None:
        """Forget everybody."""
        self.everybody.clear()
        self.not_found_status = 404
        self.not_listed.clear()

    def answer(self, resource: str, query: Mapping[str, str], roles: AbstractSet[str]) -> dict[str, Any]:
        """Answer what is asked for, as `resource_in` returns it.

        Raises:
            GraphError: for every documented reason.
        """
        return self._list(query, roles) if resource == "users" else self._get(resource, query, roles)

    def _get(self, resource: str, query: Mapping[str, str], roles: AbstractSet[str]) -> dict[str, Any]:
        quoted = _QUOTED_KEY.fullmatch(resource)
        key = quoted[1].replace("''", "'") if quoted else resource.removeprefix("users/")
        if not quoted and key.startswith("$"):
            raise GraphError(400, "BadRequest", f"Resource not found for the segment '{key}'.")
        selected = _selected(query, roles)
        for person in self.everybody:
            if key.lower() in {person["id"].lower(), person["userPrincipalName"].lower()}:
                return _shown(person, selected)
        if self.not_found_status == 400:  # noqa: PLR2004 - An HTTP status.
            raise GraphError(400, "Request_BadRequest", f"Invalid object identifier '{key}'.")
        message = f"Resource '{key}' does not exist or one of its queried reference-property objects are not present."
        raise GraphError(404, "Request_ResourceNotFound", message)

    def _list(self, query: Mapping[str, str], roles: AbstractSet[str]) -> dict[str, Any]:
        selected = _selected(query, roles)
        wanted = _clauses(query.get("$filter", ""), roles)
        people = [one for one in self.everybody if one["id"] not in self.not_listed]
        if wanted:
            people = [one for one in people if any(_texts(one, name) & values for name, values in wanted)]
        page: dict[str, Any] = {"value": [_shown(person, selected) for person in people[:PAGE]]}
        if len(people) > PAGE:
            page["@odata.nextLink"] = "https://graph.microsoft.com/v1.0/users?$skiptoken=2"
        return page


def resource_in(path: str) -> str:
    """Return what of the people a path asks for, percent-decoded; empty when it asks for something else."""
    resource = unquote(path.removeprefix("/v1.0/"))
    is_key = path.startswith("/v1.0/users/") and "/" not in path.removeprefix("/v1.0/users/")
    return resource if is_key or resource == "users" or _QUOTED_KEY.fullmatch(resource) else ""


def _selected(query: Mapping[str, str], roles: AbstractSet[str]) -> set[str]:
    if not roles & {READ_BASIC, READ_ALL}:
        raise _refused()
    if "$select" not in query:
        # Reported of an application with User.ReadBasic.All alone.
        if READ_ALL not in roles:
            raise _refused()
        return _BASIC
    selected = set(query["$select"].split(","))
    for name in selected:
        _check(name, roles)
    return selected


def _check(name: str, roles: AbstractSet[str]) -> None:
    if name not in _PROPERTIES:
        raise GraphError(400, "BadRequest", f"Could not find a property named '{name}' on type 'microsoft.graph.user'.")
    if name in _MORE and READ_ALL not in roles:
        raise _refused()


def _clauses(query_filter: str, roles: AbstractSet[str]) -> list[tuple[str, AbstractSet[str]]]:
    """Return the properties that a filter names, each with its values."""
    texts: list[str] = []

    def number(found: re.Match[str]) -> str:
        texts.append(found[1].replace("''", "'").lower())
        return f"'{len(texts) - 1}'"

    numbered = re.sub(_TEXT, number, query_filter)
    clauses = [_clause(clause, roles, texts) for clause in numbered.split(" or ") if numbered]
    if sum(len(values) for _, values in clauses) > MOST_CLAUSES:
        raise GraphError(400, "Request_UnsupportedQuery", TOO_MANY_CLAUSES)
    if any(len(text) > LONGEST_VALUE for text in texts):
        raise GraphError(400, "Request_BadRequest", "Invalid filter clause")
    return clauses


def _clause(clause: str, roles: AbstractSet[str], texts: Sequence[str]) -> tuple[str, AbstractSet[str]]:
    is_any, found = _ANY.fullmatch(clause), _EQUALS.fullmatch(clause) or _ONE_OF.fullmatch(clause)
    match = is_any or found
    if match is None:
        raise GraphError(400, "BadRequest", "Invalid filter clause")
    name = match[1]
    _check(name, roles)
    if (name in _LISTS) != bool(is_any):
        raise GraphError(400, "Request_UnsupportedQuery", f"Unsupported Query Filter on '{name}'.")
    return name, {texts[int(number)] for number in re.findall(r"\d+", clause[match.end(1) :])}


def _texts(person: Mapping[str, Any], name: str) -> AbstractSet[str]:
    value = person.get(name)
    return {text.lower() for text in (value if isinstance(value, list) else [value]) if isinstance(text, str)}


def _shown(person: Mapping[str, Any], selected: AbstractSet[str]) -> dict[str, Any]:
    return {name: person.get(name, [] if name in _LISTS else None) for name in selected}


def _refused() -> GraphError:
    return GraphError(403, "Authorization_RequestDenied", NO_PRIVILEGES)
