"""The way to Graph where providers are in several tenants: each request goes to the tenant of its provider.

Each tenant's gateway has its own token, its own throttling and its own memory of what Graph takes there.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from activities.contract.activity import StoredActivity
from activities.errors import ActivityError
from activities.execution.gateway import ExternalKey, GraphGateway, Write
from activities.identity.federated_identity import federated_identity
from activities.identity.managed_identity import PatientCredential
from activities.settings import Application

if TYPE_CHECKING:
    from activities.execution.directory import Absence, Content, ContentList, Finding, Name, Person
    from activities.execution.names import NameResolver


def open_tenants(
    application: Application,
    identity: PatientCredential,
    open_graph: Callable[[PatientCredential], GraphGateway],
    *,
    default_registration_id: str,
) -> "TenantsGraph":
    """Return the way to the tenants in which an application acts; it closes the identity, too.

    Args:
        application: As whom the app acts, and where.
        identity: The managed identity that vouches for the application.
        open_graph: Opens the gateway for who has a credential.
        default_registration_id: The provider whose tenant the check of the identity is about.
    """
    return TenantsGraph(
        lambda tenant_id: open_graph(federated_identity(application, tenant_id, identity)),
        home_tenant_id=application.tenant_id,
        tenant_ids=application.tenant_ids,
        default_registration_id=default_registration_id,
        closing=identity.close,
    )


class TenantsGraph:
    """The gateway that parts requests by the tenants of their providers, and sends the parts side by side.

    Args:
        open_tenant: Opens the gateway to a tenant; called once for each.
        home_tenant_id: The tenant of providers that are not listed; None means the app's own.
        tenant_ids: Of the other tenants, by the registration ids of their providers in small letters.
        default_registration_id: The provider whose tenant the check of the identity is about.
        closing: Closes what the tenants' gateways share.
    """

    def __init__(
        self,
        open_tenant: Callable[[str | None], GraphGateway],
        *,
        home_tenant_id: str | None,
        tenant_ids: Mapping[str, str],
        default_registration_id: str,
        closing: Callable[[], Awaitable[None]],
    ) -> None:
        self._home_tenant_id = home_tenant_id
        self._tenant_ids = tenant_ids
        self._tenants = {one: open_tenant(one) for one in {home_tenant_id, *tenant_ids.values()}}
        self._default_registration_id = default_registration_id
        self._closing = closing

    async def write(self, writes: Sequence[Write], *, timeout_seconds: float) -> list[StoredActivity | ActivityError]:
        """Send writes. See ``GraphGateway``."""
        return await _in_parts(
            writes, self._tenant_of, lambda tenant, some: tenant.write(some, timeout_seconds=timeout_seconds)
        )

    async def find(
        self, keys: Sequence[ExternalKey], *, timeout_seconds: float
    ) -> list[StoredActivity | ActivityError | None]:
        """Look activities up. See ``GraphGateway``."""
        return await _in_parts(
            keys, self._tenant_of, lambda tenant, some: tenant.find(some, timeout_seconds=timeout_seconds)
        )

    async def get(
        self, graph_ids: Sequence[str], *, timeout_seconds: float
    ) -> list[StoredActivity | ActivityError | None]:
        """Look activities up by Graph's ids, which name no provider: in every tenant. See ``GraphGateway``."""
        told = await asyncio.gather(
            *(tenant.get(graph_ids, timeout_seconds=timeout_seconds) for tenant in self._tenants.values())
        )
        return [_clearest(ends) for ends in zip(*told, strict=True)]

    @cached_property
    def names(self) -> "NameResolver":
        """What finds the ids of people and courses in the tenant of each provider. See ``GraphGateway``."""
        from activities.execution.names import NameResolver

        return NameResolver(lambda: TenantsDirectory(self._tenant_of))

    def check_open(self, registration_id: str) -> None:
        """Refuse while a provider is throttled. See ``GraphGateway``."""
        self._tenant_of(registration_id).check_open(registration_id)

    async def check_identity(self) -> frozenset[str] | None:
        """Get a token for the tenant of the default provider. See ``GraphGateway``."""
        return await self._tenant_of(self._default_registration_id).check_identity()

    async def close(self) -> None:
        """Close the connections to all tenants."""
        for tenant in self._tenants.values():
            await tenant.close()
        await self._closing()

    def _tenant_of(self, registration_id: str) -> GraphGateway:
        return self._tenants[self._tenant_ids.get(registration_id.casefold(), self._home_tenant_id)]


class TenantsDirectory:
    """The directory that looks names up in the tenant of their provider.

    Args:
        tenant_of: Returns the gateway to the tenant of a provider.
    """

    def __init__(self, tenant_of: Callable[[str], GraphGateway]) -> None:
        self._tenant_of = tenant_of

    async def find(self, names: "Sequence[Name]", *, timeout_seconds: float) -> "list[Finding]":
        """Look names up. See ``Directory``."""
        return await _in_parts(
            names,
            self._tenant_of,
            lambda tenant, some: tenant.names.directory.find(some, timeout_seconds=timeout_seconds),
        )

    async def person(self, said: str, registration_id: str, *, timeout_seconds: float) -> "Person | None":
        """Look up everything that a person is called. See ``Directory``."""
        directory = self._tenant_of(registration_id).names.directory
        return await directory.person(said, registration_id, timeout_seconds=timeout_seconds)

    async def content_named(self, name: "Name", *, timeout_seconds: float) -> "Content | Absence":
        """Look a content up by its name. See ``Directory``."""
        directory = self._tenant_of(name.registration_id).names.directory
        return await directory.content_named(name, timeout_seconds=timeout_seconds)

    async def contents_of(self, registration_id: str, *, timeout_seconds: float) -> "ContentList":
        """List a provider's contents. See ``Directory``."""
        directory = self._tenant_of(registration_id).names.directory
        return await directory.contents_of(registration_id, timeout_seconds=timeout_seconds)


async def _in_parts[Sent: (Write, ExternalKey, Name), Answer](
    requests: Sequence[Sent],
    tenant_of: Callable[[str], GraphGateway],
    send: Callable[[GraphGateway, Sequence[Sent]], Awaitable[list[Answer]]],
) -> list[Answer]:
    """Send each request to the tenant of its provider, all parts side by side; answers keep the requests' places."""
    places: dict[GraphGateway, list[int]] = {}
    for place, request in enumerate(requests):
        places.setdefault(tenant_of(request.registration_id), []).append(place)
    parts = await asyncio.gather(
        *(send(tenant, [requests[place] for place in some]) for tenant, some in places.items())
    )
    ends = {
        place: end
        for some, part in zip(places.values(), parts, strict=True)
        for place, end in zip(some, part, strict=True)
    }
    return [ends[place] for place in range(len(requests))]


def _clearest(ends: Sequence[StoredActivity | ActivityError | None]) -> StoredActivity | ActivityError | None:
    """Return what one of the tenants has; else why one could not tell; None if all say that there is none."""
    stored = (end for end in ends if isinstance(end, StoredActivity))
    return next(stored, None) or next((end for end in ends if end is not None), None)
