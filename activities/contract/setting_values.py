"""What one setting can hold, and in which words it is told what is wrong with it. Pure."""

import re
from collections.abc import Callable, Mapping
from datetime import tzinfo
from typing import Annotated
from urllib.parse import SplitResult, urlsplit

from pydantic import AfterValidator, BeforeValidator
from pydantic_core import PydanticCustomError

from activities.contract import dates, json_text, values
from activities.errors import ActivityError

GRAPH_BASE_URL = "https://graph.microsoft.com/v1.0"
AUTHORITY_HOST = "https://login.microsoftonline.com"

# Viva Learning's activities exist in the global cloud alone.
# Source: https://learn.microsoft.com/graph/deployments#microsoft-graph-and-graph-explorer-service-root-endpoints
_NATIONAL_CLOUDS = frozenset({"graph.microsoft.us", "dod-graph.microsoft.us", "microsoftgraph.chinacloudapi.cn"})

# The SDK sends a token over http to these names only.
_THIS_MACHINE = frozenset({"localhost", "127.0.0.1", "::1"})

LONGEST_SUFFIX = len("-batches-poison")  # Of the queues that belong to it.
# Source: https://learn.microsoft.com/rest/api/storageservices/naming-queues-and-metadata
LONGEST_QUEUE_NAME = 63
_LONGEST_OWN = LONGEST_QUEUE_NAME - LONGEST_SUFFIX
# What one of them has to name, of which the storage libraries need all.
_CONNECTION_STRINGS = (
    {"usedevelopmentstorage"},
    {"accountname", "accountkey"},
    {"accountname", "sharedaccesssignature"},
    {"tableendpoint", "queueendpoint", "sharedaccesssignature"},
)
# The account is in the host's name; in the path only where there is no such name: an IP address, a name without a dot.
_SERVICE_URL = re.compile(
    r"https://(?:[a-z0-9.-]+(?::\d{1,5})?|(?:\d+(?:\.\d+){3}|[a-z0-9-]+)(?::\d{1,5})?/[a-z0-9]{3,24})/?",
    re.ASCII | re.IGNORECASE,
)


def wrong(must: str) -> PydanticCustomError:
    """Return the error for a value that is not as it must be."""
    return PydanticCustomError("setting", "must {must}", {"must": must})


def flag(value: object) -> bool:
    """Return whether a text says true; anything but true and false is wrong."""
    if str(value).casefold() not in {"true", "false"}:
        raise wrong("be true or false")
    return str(value).casefold() == "true"


def _must(must: str, holds: Callable[[str], object]) -> AfterValidator:
    def validate(value: str) -> str:
        if not holds(value):
            raise wrong(must)
        return value

    return AfterValidator(validate)


def _ids(value: object) -> object:
    if not isinstance(value, str):
        return value
    ids = frozenset(one.strip().casefold() for one in value.split(",") if one.strip())
    # Only commas would otherwise mean "any", the opposite of what somebody wanted.
    if not ids or not all(map(values.is_guid, ids)):
        raise wrong("be GUIDs with commas between them")
    return ids


def _zone(value: object) -> tzinfo:
    zone = value if isinstance(value, tzinfo) else dates.find_zone(str(value))
    if zone is None:
        raise wrong('be an IANA or Windows time zone such as "Europe/Berlin"')
    return zone


def _plain(url: str, example: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        _ = parts.port  # Parsed only when it is asked for.
    except ValueError:
        raise wrong("be a URL") from None
    if not parts.hostname or parts.query or parts.fragment or parts.username or parts.password:
        raise wrong(f"be a plain URL such as {example}")
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in _THIS_MACHINE):
        raise wrong("start with https:// (http:// only for a server on this machine)")
    return parts


def _graph(url: str) -> str:
    if _plain(url, GRAPH_BASE_URL).hostname in _NATIONAL_CLOUDS:
        raise wrong("be in the global cloud: national clouds do not offer learning course activities")
    return url.rstrip("/")


def _public(url: str) -> str:
    if _plain(url, "https://api.contoso.com/learning").path.rstrip("/").endswith("/api"):
        raise wrong("be without /api at its end, which follows by itself")
    return url.rstrip("/")


def _tenants_of_providers(value: object) -> object:
    if not isinstance(value, str):
        return value
    try:
        said = json_text.decode(value.encode())
        found = {provider.casefold(): tenant.casefold() for provider, tenant in said.items()}
    except (ActivityError, AttributeError):
        found = {}
    if not found or not all(map(values.is_guid, (*found, *found.values()))):
        raise wrong('be JSON such as {"<registration id>": "<tenant id>"}, with GUIDs')
    return found


def _providers_of_clients(value: object) -> object:
    if not isinstance(value, str):
        return value
    try:
        said = json_text.decode(value.encode())
        found = {client.casefold(): frozenset(map(str.casefold, ids)) for client, ids in said.items()}
    except (ActivityError, AttributeError, TypeError):
        found = {}
    # A client with an empty list could write to nothing: then it is not to be listed as one that may call.
    if not found or not all(ids and all(map(values.is_guid, (client, *ids))) for client, ids in found.items()):
        raise wrong('be JSON such as {"<client id>": ["<registration id>"]}, with GUIDs')
    return found


def _is_connection_string(text: str) -> bool:
    names = {name.strip().casefold() for name, _, value in (part.partition("=") for part in text.split(";")) if value}
    return any(needed <= names for needed in _CONNECTION_STRINGS)


def address(service: str) -> AfterValidator:
    """Return the rule for the address of a service of the storage account."""

    def validate(url: str) -> str:
        if not _SERVICE_URL.fullmatch(url):
            raise wrong(f"be a URL such as https://contoso.{service}.core.windows.net")
        return url.rstrip("/")

    return AfterValidator(validate)


def whole(unit: str) -> BeforeValidator:
    """Return the rule for a whole number of something."""

    def validate(value: object) -> int:
        if not re.fullmatch(r"[1-9]\d{0,3}", str(value), re.ASCII):
            raise wrong(f"be a whole number of {unit} from 1 to 9999")
        return int(str(value))

    return BeforeValidator(validate)


GraphUrl = Annotated[str, AfterValidator(_graph)]
PublicUrl = Annotated[str, AfterValidator(_public)]
# The managed identity's assertion goes there, so never without TLS. A name alone is taken, as azure-identity does.
AuthorityHost = Annotated[
    str,
    _must(
        f"be a host such as {AUTHORITY_HOST}",
        re.compile(r"(?:https://)?[a-z0-9.-]+(?::\d{1,5})?/?", re.ASCII | re.IGNORECASE).fullmatch,
    ),
]
ConnectionString = Annotated[str, _must("be a connection string", _is_connection_string)]
TimeZone = Annotated[tzinfo, BeforeValidator(_zone)]
ProvidersOfClients = Annotated[Mapping[str, frozenset[str]], BeforeValidator(_providers_of_clients)]
TenantsOfProviders = Annotated[Mapping[str, str], BeforeValidator(_tenants_of_providers)]
Guid = Annotated[str, _must("be a GUID", values.is_guid)]
Ids = Annotated[frozenset[str], BeforeValidator(_ids)]
Account = Annotated[
    str, _must("be a storage account: 3 to 24 letters and digits", re.compile(r"[a-z0-9]{3,24}", re.ASCII).fullmatch)
]
QueueName = Annotated[
    str,
    _must(
        f"be a queue name: small letters, digits and single hyphens, 3 to {_LONGEST_OWN} characters",
        re.compile(rf"(?=.{{3,{_LONGEST_OWN}}}$)[a-z0-9]+(?:-[a-z0-9]+)*", re.ASCII).fullmatch,
    ),
]
