"""The applications of Microsoft Entra ID that the app's identity may vouch for, and which providers are whose.

Data that a test can change, as a whole; it decides nothing but which providers somebody sees.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from local.emulators.identity_endpoint import SYSTEM_ASSIGNED_CLIENT_ID, TENANT_ID, Grant, principal_id_of
from local.emulators.tenant import Tenant
from local.environment import CLIENT_ID, GRAPH_CLIENT_ID

# The application of `local.environment`, for which either of the app's identities may vouch at home.
READY: Mapping[str, Any] = {
    "applications": {
        GRAPH_CLIENT_ID: {
            "homeTenantId": TENANT_ID,
            "federatedCredentials": [
                {
                    "issuer": f"https://login.microsoftonline.com/{TENANT_ID}/v2.0",
                    "subject": principal_id_of(identity),
                }
                for identity in (SYSTEM_ASSIGNED_CLIENT_ID, CLIENT_ID)
            ],
            "tenants": {TENANT_ID: Tenant().roles},
            "enabled": True,
        }
    },
    "providers": {},
}


class ApplicationsError(ValueError):
    """What is said of the applications makes no sense; the message says why."""


@dataclass(frozen=True, slots=True)
class Application:
    """An application, registered in `home_tenant_id`.

    `trusted` holds the issuer and the subject of each federated credential, `tenants` its roles in each tenant where it
    is known, None where nobody has consented to it.
    """

    home_tenant_id: str
    trusted: frozenset[tuple[str, str]]
    tenants: Mapping[str, tuple[str, ...] | None]
    enabled: bool


@dataclass(frozen=True, slots=True)
class Applications:
    """The applications by their client ids, and of some providers who registered them, and in which other tenant.

    A provider of which nothing is said is in the tenant of the app's identity, and anybody's. All ids are lower case.
    """

    by_client_id: Mapping[str, Application]
    registered_by: Mapping[str, str]
    provider_tenants: Mapping[str, str]
    said: Mapping[str, Any]

    @classmethod
    def from_json(cls, said: Any) -> "Applications":
        """Read all of it from the form in which `/_emulator/applications` takes and shows it.

        Raises:
            ApplicationsError: it has another form.
        """
        try:
            return cls(
                {client_id.lower(): _application(one) for client_id, one in said["applications"].items()},
                _ids_in(said["providers"], "registeredBy"),
                _ids_in(said["providers"], "tenantId"),
                said,
            )
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise ApplicationsError(
                '{"applications": {CLIENT-ID: {"homeTenantId", "federatedCredentials": [{"issuer", "subject"}],'
                ' "tenants": {TENANT-ID: [ROLE] or null}, "enabled"}}, "providers": {REGISTRATION-ID: {"registeredBy"?,'
                ' "tenantId"?}}} is the form.'
            ) from error

    def tenant_seen_by(self, caller: Grant, tenant: Tenant) -> Tenant:
        """Return the tenant with only those providers that are the caller's, and in the caller's tenant.

        An unpublished draft of the API says that a provider belongs to the application that registered it.
        """
        seen = {
            provider: enabled
            for provider, enabled in tenant.sync_enabled.items()
            if self.registered_by.get(provider, caller.client_id.lower()) == caller.client_id.lower()
            and self.provider_tenants.get(provider, TENANT_ID) == caller.tenant_id
        }
        return replace(tenant, sync_enabled=seen)


def _application(said: Mapping[str, Any]) -> Application:
    return Application(
        said["homeTenantId"].lower(),
        frozenset((one["issuer"], one["subject"].lower()) for one in said["federatedCredentials"]),
        {tenant.lower(): None if roles is None else tuple(roles) for tenant, roles in said["tenants"].items()},
        said["enabled"] is True,
    )


def _ids_in(providers: Mapping[str, Mapping[str, str]], name: str) -> dict[str, str]:
    return {provider.lower(): said[name].lower() for provider, said in providers.items() if name in said}
