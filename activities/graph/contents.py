"""Questions to Microsoft Graph about a provider's learning contents, and how answers are read. Pure: sends nothing.

Sources:
    https://learn.microsoft.com/graph/api/learningcontent-get
    https://learn.microsoft.com/graph/api/learningprovider-list-learningcontents
"""

from typing import Any

from kiota_abstractions.base_request_configuration import RequestConfiguration
from kiota_abstractions.request_information import RequestInformation

from activities.execution.directory import Absence, Content, Name
from activities.graph import permissions
from activities.graph.questions import Answers, Question
from activities.graph.sdk import leave_unopened

leave_unopened("msgraph")
from msgraph.generated.employee_experience.learning_providers.item.learning_contents import (  # noqa: E402
    learning_contents_request_builder as listing,
)
from msgraph.generated.employee_experience.learning_providers.item.learning_contents_with_external_id import (  # noqa: E402
    learning_contents_with_external_id_request_builder as finding,
)
from msgraph.generated.employee_experience.learning_providers.learning_providers_request_builder import (  # noqa: E402
    LearningProvidersRequestBuilder,
)

_SELECTED = ("id", "externalId", "title", "isActive")


class Contents:
    """Asks about contents through the SDK's request builders.

    Args:
        adapter: As much of the SDK's adapter as its builders need.
    """

    def __init__(self, adapter: Any) -> None:
        self._providers = LearningProvidersRequestBuilder(adapter, {})

    def with_external_id(self, name: Name) -> Question:
        """Ask for the content with this id of the provider's own."""
        provider = self._providers.by_learning_provider_id(name.registration_id)
        # OData doubles a quote inside a quoted key; the SDK only percent-encodes it.
        content = provider.learning_contents_with_external_id(name.text.replace("'", "''"))
        parameters = finding.LearningContentsWithExternalIdRequestBuilder
        query = parameters.LearningContentsWithExternalIdRequestBuilderGetQueryParameters(select=[*_SELECTED])
        information: RequestInformation = content.to_get_request_information(
            RequestConfiguration(query_parameters=query)
        )
        return Question(
            (name,), information, permissions.FIND_CONTENTS, lambda entity: _found(name, entity), by_key=True
        )

    def all_of(self, registration_id: str, *, page: str = "") -> RequestInformation:
        """Ask for a provider's contents, from the first page on or for the page that Graph has named."""
        contents = self._providers.by_learning_provider_id(registration_id).learning_contents
        parameters = listing.LearningContentsRequestBuilder.LearningContentsRequestBuilderGetQueryParameters
        first = RequestConfiguration(query_parameters=parameters(select=[*_SELECTED]))
        information: RequestInformation = (
            contents.with_url(page).to_get_request_information() if page else contents.to_get_request_information(first)
        )
        return information


def page_of(page: Any) -> tuple[list[Content], str]:
    """Read a page of contents, and the address of the next one if there is one."""
    return [_content_of(entity) for entity in page["value"]], str(page.get("@odata.nextLink") or "")


def _content_of(entity: Any) -> Content:
    """Read a content; what Graph does not say about it is empty, and active."""
    return Content(
        id=str(entity["id"]),
        external_id=str(entity.get("externalId") or ""),
        title=str(entity.get("title") or ""),
        is_active=entity.get("isActive") is not False,
    )


def _found(name: Name, entity: Any) -> Answers:
    content = _content_of(entity)
    return {name: frozenset({content.id}) if content.is_active else Absence.INACTIVE}
