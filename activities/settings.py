"""The app's settings: the environment, read once, checked completely, frozen. Nothing else reads the environment."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, tzinfo
from urllib.parse import urlsplit

from activities import dates, forms
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
)


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings by their meaning; README.md says what each is for."""

    azure_client_id: str | None = None
    graph_base_url: str = GRAPH_BASE_URL
    learning_provider_id: str | None = None
    allowed_learning_provider_ids: frozenset[str] = frozenset()
    default_time_zone: tzinfo = UTC

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> "Settings":
        """Read the settings; a blank one counts as not set.

        Raises:
            SettingsError: one problem for each setting that cannot be used.
        """
        said = {name: value for name in NAMES if (value := environ.get(name, "").strip())}
        problems: list[Problem] = []

        def refuse(name: str, must: str) -> None:
            problems.append(Problem("invalidSetting", f"{name} {must}.", name))

        for name in ("AZURE_CLIENT_ID", "LEARNING_PROVIDER_ID"):
            if name in said and not forms.is_guid(said[name]):
                refuse(name, "must be a GUID")
        allowed = frozenset(one.strip().casefold() for one in said.get("ALLOWED_LEARNING_PROVIDER_IDS", "").split(","))
        allowed -= {""}
        provider = said.get("LEARNING_PROVIDER_ID")
        # Only commas would otherwise mean "any provider", the opposite of what somebody wanted.
        if "ALLOWED_LEARNING_PROVIDER_IDS" in said and not (allowed and all(forms.is_guid(one) for one in allowed)):
            refuse("ALLOWED_LEARNING_PROVIDER_IDS", "must be GUIDs with commas between them")
        elif allowed and provider and provider.casefold() not in allowed:
            refuse("LEARNING_PROVIDER_ID", "must be among ALLOWED_LEARNING_PROVIDER_IDS")
        base_url = said.get("GRAPH_BASE_URL", GRAPH_BASE_URL).rstrip("/")
        if reason := _why_no_graph(base_url):
            refuse("GRAPH_BASE_URL", reason)
        zone = dates.find_zone(said.get("DEFAULT_TIME_ZONE", "UTC"))
        if zone is None:
            refuse("DEFAULT_TIME_ZONE", 'must be an IANA or Windows time zone such as "Europe/Berlin"')
        if problems or zone is None:
            raise SettingsError(problems)
        return cls(
            azure_client_id=said.get("AZURE_CLIENT_ID"),
            graph_base_url=base_url,
            learning_provider_id=provider,
            allowed_learning_provider_ids=allowed,
            default_time_zone=zone,
        )


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
