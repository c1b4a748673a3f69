"""The app's settings: the environment, read once, checked completely, frozen. Nothing else reads the environment."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC
from typing import Annotated, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, ValidationInfo

from activities.contract.setting_values import (
    AUTHORITY_HOST,
    GRAPH_BASE_URL,
    Account,
    AuthorityHost,
    ConnectionString,
    GraphUrl,
    Guid,
    Ids,
    ProvidersOfClients,
    PublicUrl,
    QueueName,
    TenantsOfProviders,
    TimeZone,
    address,
    flag,
    whole,
    wrong,
)
from activities.errors import Problem, SettingsError


@dataclass(frozen=True, slots=True)
class Storage:
    """Where the function app's storage is: a connection string, or addresses and an identity.

    Source: https://learn.microsoft.com/azure/azure-functions/functions-reference#connecting-to-host-storage-with-an-identity
    """

    connection_string: str | None = None
    queue_url: str = ""
    table_url: str = ""
    client_id: str | None = None


@dataclass(frozen=True, slots=True)
class SignIn:
    """Who may sign in with Microsoft Entra ID.

    Args:
        client_ids: Of the applications that may call, in small letters.
        application_id: The client id of the application that they ask a token for, in small letters; "" where nobody
            signs in in a browser.
    """

    client_ids: frozenset[str]
    application_id: str = ""


@dataclass(frozen=True, slots=True)
class Application:
    """As which application the app acts in Microsoft Graph, in place of its managed identity.

    Args:
        client_id: Of the application.
        tenant_id: Where it acts for providers that are not in ``tenant_ids``; None means the app's own tenant.
        authority_host: Where Microsoft Entra ID is.
        tenant_ids: Of the other tenants, by the registration ids of their providers in small letters.
    """

    client_id: str
    tenant_id: str | None
    authority_host: str
    tenant_ids: Mapping[str, str]


def _guarded(wanted: object, info: ValidationInfo) -> bool:
    """Let Microsoft Entra ID replace the function key only where the platform says that it checks who signed in.

    Without App Service Authentication, anybody could write its header.
    Source: https://learn.microsoft.com/azure/app-service/reference-app-settings
    """
    wants = flag(wanted)
    environ: Mapping[str, str] = info.context or {}
    if wants and environ.get("WEBSITE_AUTH_ENABLED", "").strip().casefold() != "true":
        raise wrong("be false unless App Service Authentication is on: WEBSITE_AUTH_ENABLED does not say true")
    return wants


def _somebody(applications: frozenset[str], info: ValidationInfo) -> frozenset[str]:
    if info.data.get("entra_auth") and not applications:
        raise wrong("name the applications that may call, if ENTRA_AUTH is true")
    return applications


def _allowed(provider: str | None, info: ValidationInfo) -> str | None:
    allowed = info.data.get("allowed_learning_provider_ids")
    if allowed and provider and provider.casefold() not in allowed:
        raise wrong("be among ALLOWED_LEARNING_PROVIDER_IDS")
    return provider


def _with_application(tenants: Mapping[str, str], info: ValidationInfo) -> Mapping[str, str]:
    if tenants and not info.data.get("graph_client_id"):
        raise wrong("not be set without GRAPH_CLIENT_ID: a managed identity acts in its own tenant alone")
    return tenants


class Settings(BaseModel):
    """The settings by their meaning; README.md says what each is for. Later fields are checked knowing earlier ones."""

    model_config = ConfigDict(frozen=True, populate_by_name=True, arbitrary_types_allowed=True, validate_default=True)

    azure_client_id: Guid | None = Field(None, alias="AZURE_CLIENT_ID")
    graph_base_url: GraphUrl = Field(GRAPH_BASE_URL, alias="GRAPH_BASE_URL")
    graph_client_id: Guid | None = Field(None, alias="GRAPH_CLIENT_ID")
    graph_tenant_id: Guid | None = Field(None, alias="GRAPH_TENANT_ID")
    authority_host: AuthorityHost = Field(AUTHORITY_HOST, alias="AZURE_AUTHORITY_HOST")
    provider_tenants: Annotated[TenantsOfProviders, AfterValidator(_with_application)] = Field(
        default_factory=dict, alias="PROVIDER_TENANTS"
    )
    allowed_learning_provider_ids: Ids = Field(frozenset(), alias="ALLOWED_LEARNING_PROVIDER_IDS")
    learning_provider_id: Annotated[Guid | None, AfterValidator(_allowed)] = Field(None, alias="LEARNING_PROVIDER_ID")
    default_time_zone: TimeZone = Field(UTC, alias="DEFAULT_TIME_ZONE")
    activity_queue: QueueName = Field("learning-activities", alias="ACTIVITY_QUEUE")
    claim_lease_seconds: Annotated[int, whole("seconds")] = Field(60, alias="CLAIM_LEASE_SECONDS")
    retention_days: Annotated[int, whole("days")] = Field(30, alias="RETENTION_DAYS")
    queue_results: Annotated[bool, BeforeValidator(flag)] = Field(default=False, alias="QUEUE_RESULTS")
    entra_auth: Annotated[bool, BeforeValidator(_guarded)] = Field(default=False, alias="ENTRA_AUTH")
    allowed_client_applications: Annotated[Ids, AfterValidator(_somebody)] = Field(
        frozenset(), alias="ALLOWED_CLIENT_APPLICATIONS"
    )
    auth_client_id: Guid | None = Field(None, alias="WEBSITE_AUTH_CLIENT_ID")
    client_application_providers: ProvidersOfClients = Field(default_factory=dict, alias="CLIENT_APPLICATION_PROVIDERS")
    public_base_url: PublicUrl | None = Field(None, alias="PUBLIC_BASE_URL")
    storage_connection_string: ConnectionString | None = Field(None, alias="AzureWebJobsStorage")
    storage_account: Account | None = Field(None, alias="AzureWebJobsStorage__accountName")
    storage_queue_url: Annotated[str, address("queue")] | None = Field(
        None, alias="AzureWebJobsStorage__queueServiceUri"
    )
    storage_table_url: Annotated[str, address("table")] | None = Field(
        None, alias="AzureWebJobsStorage__tableServiceUri"
    )
    storage_client_id: Guid | None = Field(None, alias="AzureWebJobsStorage__clientId")

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> Self:
        """Read the settings; a blank one counts as not set.

        Raises:
            SettingsError: one problem for each setting that cannot be used.
        """
        set_by = {name: name for name in NAMES} | {new: old for old, new in superseded(environ).items()}
        given = {name: value for name, given in set_by.items() if (value := environ.get(given, "").strip())}
        try:
            return cls.model_validate(given, context=environ)
        except ValidationError as error:
            found = error.errors(include_url=False, include_input=False)
        # A default is found wrong under the field's own name.
        names = {field: one.alias or "" for field, one in cls.model_fields.items()}
        wrong_ones = [(names.get(str(one["loc"][0]), str(one["loc"][0])), one["msg"]) for one in found]
        told = [(set_by[name], message) for name, message in wrong_ones]
        # Outside of the block: the library's error holds the values, and one may be a secret.
        raise SettingsError([Problem("invalidSetting", f"{name} {message}.", name) for name, message in told])

    @property
    def sign_in(self) -> SignIn | None:
        """Who may sign in; None where function keys let callers in."""
        if not self.entra_auth:
            return None
        return SignIn(self.allowed_client_applications, (self.auth_client_id or "").casefold())

    @property
    def application(self) -> Application | None:
        """As which application the app acts in Microsoft Graph; None where it acts as its managed identity."""
        if self.graph_client_id is None:
            return None
        tenant_id = self.graph_tenant_id.casefold() if self.graph_tenant_id else None
        return Application(self.graph_client_id, tenant_id, self.authority_host, self.provider_tenants)

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
# What settings were called before; they still count where the new one is not set.
_FORMER_NAMES = {"BATCH_RETENTION_DAYS": "RETENTION_DAYS"}


def superseded(environ: Mapping[str, str]) -> dict[str, str]:
    """Return which settings count that are set under a former name: that name, and the one to set instead."""
    return {
        old: new
        for old, new in _FORMER_NAMES.items()
        if environ.get(old, "").strip() and not environ.get(new, "").strip()
    }


def wants_entra_auth(environ: Mapping[str, str]) -> bool:
    """Tell whether callers are let in by Microsoft Entra ID instead of a function key; anything but "true" is no."""
    return environ.get("ENTRA_AUTH", "").strip().casefold() == "true"
