"""Questions to Microsoft Graph about people: by address, employee id or secondary address, and how answers are read.

Sends nothing. Only what ``User.ReadBasic.All`` covers is selected and filtered by, unless a question needs more.
Sources:
    https://learn.microsoft.com/graph/api/user-get
    https://learn.microsoft.com/graph/api/user-list
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import batched
from typing import Any

from kiota_abstractions.base_request_configuration import RequestConfiguration

from activities.errors import TransientError
from activities.execution.directory import Name
from activities.graph import permissions
from activities.graph.questions import Answers, Hits, Question, quoted, unclear
from activities.graph.sdk import leave_unopened

leave_unopened("msgraph")
from msgraph.generated.users.item.user_item_request_builder import UserItemRequestBuilder  # noqa: E402
from msgraph.generated.users.users_request_builder import UsersRequestBuilder  # noqa: E402

# The most that ``or`` joins. Source: https://learn.microsoft.com/graph/errors (Request_UnsupportedQuery)
MOST_CLAUSES = 15
_SELECTED = ("id", "mail", "userPrincipalName")
# Behind /users/ the address of a principal name that begins with $ breaks OData's rules, and a quote is not clear
# there. Source: https://learn.microsoft.com/graph/api/user-get#http-request
_BY_QUOTED_NAME = "{+baseurl}/users('{user%2Did}'){?%24expand,%24select}"


class People:
    """Asks about people through the SDK's request builders.

    Args:
        adapter: As much of the SDK's adapter as its builders need.
    """

    def __init__(self, adapter: Any) -> None:
        self._users = UsersRequestBuilder(adapter, {})

    def with_addresses(self, names: Sequence[Name]) -> Iterator[Question]:
        """Ask for all whose principal name or main e-mail address is one of these."""
        for some in batched(names, MOST_CLAUSES // 2, strict=False):
            clauses = [f"{name} eq {quoted(one.text)}" for one in some for name in ("userPrincipalName", "mail")]
            yield self._listing(some, clauses, ("userPrincipalName", "mail"), permissions.FIND_PEOPLE)

    def with_employee_ids(self, names: Sequence[Name]) -> Iterator[Question]:
        """Ask for all whose employee id is one of these."""
        for some in batched(names, MOST_CLAUSES, strict=False):
            clauses = [f"employeeId eq {quoted(one.text)}" for one in some]
            yield self._listing(some, clauses, ("employeeId",), permissions.FIND_PEOPLE_BY_MORE)

    def with_secondary_addresses(self, names: Sequence[Name]) -> Iterator[Question]:
        """Ask for all who have one of these as any of their addresses, where the app may see those."""
        for some in batched(names, MOST_CLAUSES, strict=False):
            clauses = [f"proxyAddresses/any(p:p eq {quoted(f'smtp:{one.text}')})" for one in some]
            question = self._listing(some, clauses, ("proxyAddresses",), permissions.FIND_PEOPLE_BY_MORE)
            yield replace(question, optional=True)

    def with_principal_name(self, name: Name) -> Question:
        """Ask for the one who has this principal name: a new account is there before it is in a list."""
        has_to_be_quoted = name.text.startswith("$") or "'" in name.text
        user = self._users.by_user_id(name.text.replace("'", "''") if has_to_be_quoted else name.text)
        parameters = UserItemRequestBuilder.UserItemRequestBuilderGetQueryParameters(select=[*_SELECTED])
        information = user.to_get_request_information(RequestConfiguration(query_parameters=parameters))
        if has_to_be_quoted:
            information.url_template = _BY_QUOTED_NAME
        return Question(
            (name,),
            information,
            permissions.FIND_PEOPLE,
            lambda entity: {name: frozenset({str(entity["id"])})},
            by_key=True,
        )

    def _listing(
        self, names: Sequence[Name], clauses: Sequence[str], properties: tuple[str, ...], permission: str
    ) -> Question:
        parameters = UsersRequestBuilder.UsersRequestBuilderGetQueryParameters(
            filter=" or ".join(clauses), select=[*dict.fromkeys((*_SELECTED, *properties))]
        )
        information = self._users.to_get_request_information(RequestConfiguration(query_parameters=parameters))
        return Question(tuple(names), information, permission, lambda page: _read(page, names, properties))


def _read(page: Any, names: Sequence[Name], properties: Sequence[str]) -> Answers:
    """Return who of a list is meant by which name: Graph says only that each is meant by one of them."""
    people = [(str(user["id"]), set(_texts(user, properties))) for user in page["value"]]
    answers: dict[Name, Hits] = {
        name: frozenset(user_id for user_id, texts in people if name.text in texts) for name in names
    }
    if "@odata.nextLink" not in page:
        return answers
    # So many have one of these names that they do not fit on a page: only who is ambiguous is known. That is kept, so
    # that the others are asked for without it the next time.
    return {name: hits if len(hits) > 1 else _too_many() for name, hits in answers.items()}


def _texts(user: Any, properties: Sequence[str]) -> Iterator[str]:
    for name in properties:
        value = user.get(name)
        for text in value if isinstance(value, list) else [value]:
            if isinstance(text, str):
                yield text.lower().removeprefix("smtp:")


def _too_many() -> TransientError:
    return unclear("Microsoft Graph found too many people at once.")
