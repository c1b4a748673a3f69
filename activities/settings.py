"""The app's settings: the environment, read once, checked completely, frozen. Nothing else reads the environment."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, tzinfo
from typing import Annotated, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, ValidationInfo
from pydantic_core import PydanticCustomError

from activities.contract import dates, values
from activities.errors import Problem, SettingsError

GRAPH_BASE_URL = "https://graph.microsoft.com/v1.0"

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


@dataclass(frozen=True, slots=True)
class Storage:
    """Where the function app's storage is: a connection string, or addresses and an identity.

    Source: https://learn.microsoft.com/azure/azure-functions/functions-reference#connecting-to-host-storage-with-an-identity
    """

    connection_string: str | None = None
    queue_url: str = ""
    table_url: str = ""
    client_id: str | None = None


def _wrong(must: str) -> PydanticCustomError:
    return PydanticCustomError("setting", "must {must}", {"must": must})


def _must(must: str, holds: Callable[[str], object]) -> AfterValidator:
    def validate(value: str) -> str:
        if not holds(value):
            raise _wrong(must)
        return value

    return AfterValidator(validate)


def _ids(value: object) -> object:
    if not isinstance(value, str):
        return value
    ids = frozenset(one.strip().casefold() for one in value.split(",") if one.strip())
    # Only commas would otherwise mean "any", the opposite of what somebody wanted.
    if not ids or not all(map(values.is_guid, ids)):
        raise _wrong("be GUIDs with commas between them")
    return ids


def _zone(value: object) -> tzinfo:
    zone = value if isinstance(value, tzinfo) else dates.find_zone(str(value))
    if zone is None:
        raise _wrong('be an IANA or Windows time zone such as "Europe/Berlin"')
    return zone


def _graph(url: str) -> str:
    try:
        parts = urlsplit(url)
        _ = parts.port  # Parsed only when it is asked for.
    except ValueError:
        raise _wrong("be a URL") from None
    if not parts.hostname or parts.query or parts.fragment or parts.username or parts.password:
        raise _wrong("be a plain URL such as https://graph.microsoft.com/v1.0")
    if parts.hostname in _NATIONAL_CLOUDS:
        raise _wrong("be in the global cloud: national clouds do not offer learning course activities")
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in _THIS_MACHINE):
        raise _wrong("start with https:// (http:// only for a server on this machine)")
    return url.rstrip("/")


def _flag(value: object) -> bool:
    if str(value).casefold() not in {"true", "false"}:
        raise _wrong("be true or false")
    return str(value).casefold() == "true"


def _guarded(wanted: object, info: ValidationInfo) -> bool:
    """Let Microsoft Entra ID replace the function key only where the platform checks who signed in.

    Without App Service Authentication, anybody could write its header. The platform says whether it is on.
    Source: https://learn.microsoft.com/azure/app-service/reference-app-settings
    """
    wants = _flag(wanted)
    environ: Mapping[str, str] = info.context or {}
    on_azure, guarded = "WEBSITE_SITE_NAME" in environ, environ.get("WEBSITE_AUTH_ENABLED", "").strip().casefold()
    if wants and guarded != "true" and (on_azure or guarded):
        raise _wrong("be false unless App Service Authentication is on; WEBSITE_AUTH_ENABLED says otherwise")
    return wants


def _somebody(applications: frozenset[str], info: ValidationInfo) -> frozenset[str]:
    if info.data.get("entra_auth") and not applications:
        raise _wrong("name the applications that may call, if ENTRA_AUTH is true")
    return applications


def _allowed(provider: str | None, info: ValidationInfo) -> str | None:
    allowed = info.data.get("allowed_learning_provider_ids")
    if allowed and provider and provider.casefold() not in allowed:
        raise _wrong("be among ALLOWED_LEARNING_PROVIDER_IDS")
    return provider


def _is_connection_string(text: str) -> bool:
    names = {name.strip().casefold() for name, _, value in (part.partition("=") for part in text.split(";")) if value}
    return any(needed <= names for needed in _CONNECTION_STRINGS)


def _address(service: str) -> AfterValidator:
    def validate(url: str) -> str:
        if not _SERVICE_URL.fullmatch(url):
            raise _wrong(f"be a URL such as https://contoso.{service}.core.windows.net")
        return url.rstrip("/")

    return AfterValidator(validate)


def _whole(unit: str) -> BeforeValidator:
    def validate(value: object) -> int:
        if not re.fullmatch(r"[1-9]\d{0,3}", str(value), re.ASCII):
            raise _wrong(f"be a whole number of {unit} from 1 to 9999")
        return int(str(value))

    return BeforeValidator(validate)


_Guid = Annotated[str, _must("be a GUID", values.is_guid)]
_Ids = Annotated[frozenset[str], BeforeValidator(_ids)]
_Account = Annotated[
    str, _must("be a storage account: 3 to 24 letters and digits", re.compile(r"[a-z0-9]{3,24}", re.ASCII).fullmatch)
]
_QueueName = Annotated[
    str,
    _must(
        f"be a queue name: small letters, digits and single hyphens, 3 to {_LONGEST_OWN} characters",
        re.compile(rf"(?=.{{3,{_LONGEST_OWN}}}$)[a-z0-9]+(?:-[a-z0-9]+)*", re.ASCII).fullmatch,
    ),
]


class Settings(BaseModel):
    """The settings by their meaning; README.md says what each is for. Later fields are checked knowing earlier ones."""

    model_config = ConfigDict(frozen=True, populate_by_name=True, arbitrary_types_allowed=True, validate_default=True)

    azure_client_id: _Guid | None = Field(None, alias="AZURE_CLIENT_ID")
    graph_base_url: Annotated[str, AfterValidator(_graph)] = Field(GRAPH_BASE_URL, alias="GRAPH_BASE_URL")
    allowed_learning_provider_ids: _Ids = Field(frozenset(), alias="ALLOWED_LEARNING_PROVIDER_IDS")
    learning_provider_id: Annotated[_Guid | None, AfterValidator(_allowed)] = Field(None, alias="LEARNING_PROVIDER_ID")
    default_time_zone: Annotated[tzinfo, BeforeValidator(_zone)] = Field(UTC, alias="DEFAULT_TIME_ZONE")
    activity_queue: _QueueName = Field("learning-activities", alias="ACTIVITY_QUEUE")
    claim_lease_seconds: Annotated[int, _whole("seconds")] = Field(60, alias="CLAIM_LEASE_SECONDS")
    batch_retention_days: Annotated[int, _whole("days")] = Field(30, alias="BATCH_RETENTION_DAYS")
    queue_results: Annotated[bool, BeforeValidator(_flag)] = Field(default=False, alias="QUEUE_RESULTS")
    entra_auth: Annotated[bool, BeforeValidator(_guarded)] = Field(default=False, alias="ENTRA_AUTH")
    allowed_client_applications: Annotated[_Ids, AfterValidator(_somebody)] = Field(
        frozenset(), alias="ALLOWED_CLIENT_APPLICATIONS"
    )
    storage_connection_string: Annotated[str, _must("be a connection string", _is_connection_string)] | None = Field(
        None, alias="AzureWebJobsStorage"
    )
    storage_account: _Account | None = Field(None, alias="AzureWebJobsStorage__accountName")
    storage_queue_url: Annotated[str, _address("queue")] | None = Field(
        None, alias="AzureWebJobsStorage__queueServiceUri"
    )
    storage_table_url: Annotated[str, _address("table")] | None = Field(
        None, alias="AzureWebJobsStorage__tableServiceUri"
    )
    storage_client_id: _Guid | None = Field(None, alias="AzureWebJobsStorage__clientId")

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> Self:
        """Read the settings; a blank one counts as not set.

        Raises:
            SettingsError: one problem for each setting that cannot be used.
        """
        given = {name: value for name in NAMES if (value := environ.get(name, "").strip())}
        try:
            return cls.model_validate(given, context=environ)
        except ValidationError as error:
            found = error.errors(include_url=False, include_input=False)
        # A default is found wrong under the field's own name.
        names = {field: one.alias or "" for field, one in cls.model_fields.items()}
        wrong = [(names.get(str(one["loc"][0]), str(one["loc"][0])), one["msg"]) for one in found]
        # Outside of the block: the library's error holds the values, and one may be a secret.
        raise SettingsError([Problem("invalidSetting", f"{name} {message}.", name) for name, message in wrong])

    @property
    def storage(self) -> Storage | None:
        """Where the storage is; None where no account is set."""
        if self.storage_connection_string:
            return Storage(self.storage_connection_string)
        queue_url, table_url = self.storage_queue_url, self.storage_table_url
        if self.storage_account:
            # The Functions host, too, asks for the account first: both have to mean the same queues.
            queue_url, table_url = (
                f"https://{self.storage_account}.{one}.core.windows.net" for one in ("queue", "table")
            )
        return Storage(None, queue_url, table_url, self.storage_client_id) if queue_url and table_url else None


NAMES = tuple(one.alias or "" for one in Settings.model_fields.values())


def wants_entra_auth(environ: Mapping[str, str]) -> bool:
    """Tell whether callers are let in by Microsoft Entra ID instead of a function key; anything but "true" is no."""
    return environ.get("ENTRA_AUTH", "").strip().casefold() == "true"
