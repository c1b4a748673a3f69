"""The app's settings: the environment, read once, checked completely, frozen. Nothing else reads the environment."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, tzinfo
from urllib.parse import urlsplit

from activities.contract import dates, values
from activities.errors import Problem, SettingsError

GRAPH_BASE_URL = "https://graph.microsoft.com/v1.0"

# Viva Learning's activities exist in the global cloud alone.
# Source: https://learn.microsoft.com/graph/deployments#microsoft-graph-and-graph-explorer-service-root-endpoints
_NATIONAL_CLOUDS = frozenset({"graph.microsoft.us", "dod-graph.microsoft.us", "microsoftgraph.chinacloudapi.cn"})

# The SDK sends a token over http to these names only.
_THIS_MACHINE = frozenset({"localhost", "127.0.0.1", "::1"})

NAMES = (
    "AZURE_CLIENT_ID",
    "GRAPH_BASE_URL",
    "LEARNING_PROVIDER_ID",
    "ALLOWED_LEARNING_PROVIDER_IDS",
    "DEFAULT_TIME_ZONE",
    "ACTIVITY_QUEUE",
    "CLAIM_LEASE_SECONDS",
    "BATCH_RETENTION_DAYS",
    "ENTRA_AUTH",
    "ALLOWED_CLIENT_APPLICATIONS",
    "AzureWebJobsStorage",
    "AzureWebJobsStorage__accountName",
    "AzureWebJobsStorage__queueServiceUri",
    "AzureWebJobsStorage__tableServiceUri",
    "AzureWebJobsStorage__clientId",
)
ACTIVITY_QUEUE = "learning-activities"
CLAIM_LEASE_SECONDS = "60"
BATCH_RETENTION_DAYS = "30"
LONGEST_SUFFIX = len("-batches-poison")  # Of the queues that belong to it.
# Source: https://learn.microsoft.com/rest/api/storageservices/naming-queues-and-metadata
LONGEST_QUEUE_NAME = 63
_QUEUE_NAME = re.compile(rf"(?=.{{3,{LONGEST_QUEUE_NAME - LONGEST_SUFFIX}}}$)[a-z0-9]+(?:-[a-z0-9]+)*", re.ASCII)
# What one of them has to name, of which the storage libraries need all.
_CONNECTION_STRINGS = (
    {"usedevelopmentstorage"},
    {"accountname", "accountkey"},
    {"accountname", "sharedaccesssignature"},
    {"tableendpoint", "queueendpoint", "sharedaccesssignature"},
)
_STORAGE_ACCOUNT = re.compile(r"[a-z0-9]{3,24}", re.ASCII)
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


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings by their meaning; README.md says what each is for."""

    azure_client_id: str | None = None
    graph_base_url: str = GRAPH_BASE_URL
    learning_provider_id: str | None = None
    allowed_learning_provider_ids: frozenset[str] = frozenset()
    default_time_zone: tzinfo = UTC
    activity_queue: str = ACTIVITY_QUEUE
    claim_lease_seconds: float = 60.0
    batch_retention_days: int = 30
    entra_auth: bool = False
    allowed_client_applications: frozenset[str] = frozenset()
    storage: Storage | None = None

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> "Settings":
        """Read the settings; a blank one counts as not set.

        Raises:
            SettingsError: one problem for each setting that cannot be used.
        """
        said = {name: value for name in NAMES if (value := environ.get(name, "").strip())}
        problems = [
            Problem("invalidSetting", f"{name} {must}.", name)
            for name, must in (
                *_wrong_forms(said),
                *_wrong_providers(said),
                *_wrong_storage(said),
                *_wrong_entra_auth(environ, said),
            )
            if must
        ]
        zone = dates.find_zone(said.get("DEFAULT_TIME_ZONE", "UTC"))
        if problems or zone is None:
            raise SettingsError(problems)
        return cls(
            azure_client_id=said.get("AZURE_CLIENT_ID"),
            graph_base_url=_graph_base_url(said),
            learning_provider_id=said.get("LEARNING_PROVIDER_ID"),
            allowed_learning_provider_ids=_ids(said, "ALLOWED_LEARNING_PROVIDER_IDS"),
            default_time_zone=zone,
            activity_queue=said.get("ACTIVITY_QUEUE", ACTIVITY_QUEUE),
            claim_lease_seconds=float(said.get("CLAIM_LEASE_SECONDS", CLAIM_LEASE_SECONDS)),
            batch_retention_days=int(said.get("BATCH_RETENTION_DAYS", BATCH_RETENTION_DAYS)),
            entra_auth=wants_entra_auth(environ),
            allowed_client_applications=_ids(said, "ALLOWED_CLIENT_APPLICATIONS"),
            storage=_storage(said),
        )


def wants_entra_auth(environ: Mapping[str, str]) -> bool:
    """Tell whether callers are let in by Microsoft Entra ID instead of a function key; anything but "true" is no."""
    return environ.get("ENTRA_AUTH", "").strip().casefold() == "true"


def _wrong_forms(said: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Yield each setting and what it must be, if its value alone is wrong, else an empty text."""
    for name in ("AZURE_CLIENT_ID", "LEARNING_PROVIDER_ID"):
        yield name, "" if name not in said or values.is_guid(said[name]) else "must be a GUID"
    yield "GRAPH_BASE_URL", _why_no_graph(_graph_base_url(said)) or ""
    known = dates.find_zone(said.get("DEFAULT_TIME_ZONE", "UTC"))
    yield "DEFAULT_TIME_ZONE", "" if known else 'must be an IANA or Windows time zone such as "Europe/Berlin"'
    queue = said.get("ACTIVITY_QUEUE", ACTIVITY_QUEUE)
    longest = LONGEST_QUEUE_NAME - LONGEST_SUFFIX
    name_rule = f"must be a queue name: small letters, digits and single hyphens, 3 to {longest} characters"
    yield "ACTIVITY_QUEUE", "" if _QUEUE_NAME.fullmatch(queue) else name_rule
    lease = said.get("CLAIM_LEASE_SECONDS", CLAIM_LEASE_SECONDS)
    whole = re.fullmatch(r"[1-9]\d{0,3}", lease, re.ASCII)
    yield "CLAIM_LEASE_SECONDS", "" if whole else "must be a whole number of seconds from 1 to 9999"
    days = re.fullmatch(r"[1-9]\d{0,3}", said.get("BATCH_RETENTION_DAYS", BATCH_RETENTION_DAYS), re.ASCII)
    yield "BATCH_RETENTION_DAYS", "" if days else "must be a whole number of days from 1 to 9999"


def _wrong_providers(said: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Yield what is wrong with the providers that may be written to."""
    allowed, provider = _ids(said, "ALLOWED_LEARNING_PROVIDER_IDS"), said.get("LEARNING_PROVIDER_ID")
    # Only commas would otherwise mean "any provider", the opposite of what somebody wanted.
    if "ALLOWED_LEARNING_PROVIDER_IDS" in said and not (allowed and all(values.is_guid(one) for one in allowed)):
        yield "ALLOWED_LEARNING_PROVIDER_IDS", "must be GUIDs with commas between them"
    elif allowed and provider and provider.casefold() not in allowed:
        yield "LEARNING_PROVIDER_ID", "must be among ALLOWED_LEARNING_PROVIDER_IDS"


def _wrong_storage(said: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Yield each setting of the storage account that the storage libraries could not use."""
    parts = said.get("AzureWebJobsStorage", "").split(";")
    names = {name.strip().casefold() for name, _, value in (part.partition("=") for part in parts) if value}
    known = any(needed <= names for needed in _CONNECTION_STRINGS)
    yield "AzureWebJobsStorage", "" if "AzureWebJobsStorage" not in said or known else "must be a connection string"
    account = said.get("AzureWebJobsStorage__accountName")
    named = account is None or _STORAGE_ACCOUNT.fullmatch(account)
    yield "AzureWebJobsStorage__accountName", "" if named else "must be a storage account: 3 to 24 letters and digits"
    for service in ("queue", "table"):
        name = f"AzureWebJobsStorage__{service}ServiceUri"
        plain = name not in said or _SERVICE_URL.fullmatch(said[name])
        yield name, "" if plain else f"must be a URL such as https://contoso.{service}.core.windows.net"
    name = "AzureWebJobsStorage__clientId"
    yield name, "" if name not in said or values.is_guid(said[name]) else "must be a GUID"


def _wrong_entra_auth(environ: Mapping[str, str], said: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Yield why nobody, or everybody, would get in."""
    applications = _ids(said, "ALLOWED_CLIENT_APPLICATIONS")
    if "ENTRA_AUTH" in said and said["ENTRA_AUTH"].casefold() not in {"true", "false"}:
        yield "ENTRA_AUTH", "must be true or false"
    if not all(values.is_guid(one) for one in applications):
        yield "ALLOWED_CLIENT_APPLICATIONS", "must be GUIDs with commas between them"
    if not wants_entra_auth(environ):
        return
    # Without App Service Authentication, anybody could write its header. The platform says whether it is on.
    # Source: https://learn.microsoft.com/azure/app-service/reference-app-settings
    on_azure, guarded = "WEBSITE_SITE_NAME" in environ, environ.get("WEBSITE_AUTH_ENABLED", "").strip().casefold()
    if guarded != "true" and (on_azure or guarded):
        yield (
            "ENTRA_AUTH",
            "must be false unless App Service Authentication is on; WEBSITE_AUTH_ENABLED says otherwise",
        )
    if not applications:
        yield "ALLOWED_CLIENT_APPLICATIONS", "must name the applications that may call, if ENTRA_AUTH is true"


def _ids(said: Mapping[str, str], name: str) -> frozenset[str]:
    return frozenset(one.strip().casefold() for one in said.get(name, "").split(",") if one.strip())


def _graph_base_url(said: Mapping[str, str]) -> str:
    return said.get("GRAPH_BASE_URL", GRAPH_BASE_URL).rstrip("/")


def _storage(said: Mapping[str, str]) -> Storage | None:
    if "AzureWebJobsStorage" in said:
        return Storage(connection_string=said["AzureWebJobsStorage"])
    account = said.get("AzureWebJobsStorage__accountName")
    # The Functions host, too, asks for the account first: both have to mean the same queues.
    urls = {
        service: f"https://{account}.{service}.core.windows.net"
        if account
        else said.get(f"AzureWebJobsStorage__{service}ServiceUri", "").rstrip("/")
        for service in ("queue", "table")
    }
    if not all(urls.values()):
        return None
    return Storage(None, urls["queue"], urls["table"], said.get("AzureWebJobsStorage__clientId"))


def _why_no_graph(url: str) -> str | None:
    try:
        parts = urlsplit(url)
        _ = parts.port  # Parsed only when it is asked for.
    except ValueError:
        return "must be a URL"
    if not parts.hostname or parts.query or parts.fragment or parts.username or parts.password:
        return "must be a plain URL such as https://graph.microsoft.com/v1.0"
    if parts.hostname in _NATIONAL_CLOUDS:
        return "names a national cloud, where Microsoft Graph does not offer learning course activities"
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in _THIS_MACHINE):
        return "must start with https:// (http:// only for a server on this machine)"
    return None
