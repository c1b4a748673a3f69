"""The app as an application of Microsoft Entra ID, without a secret: its managed identity vouches for it.

The managed identity's token goes to Entra's token endpoint as the application's assertion, and nowhere else.
Source: https://learn.microsoft.com/entra/workload-id/workload-identity-federation-config-app-trust-managed-identity
"""

import base64
import json
from typing import Any

from azure.core.credentials import AccessToken
from azure.core.credentials_async import AsyncTokenCredential
from azure.core.exceptions import AzureError, ClientAuthenticationError
from azure.identity.aio import ClientAssertionCredential

from activities.identity import entra_refusals
from activities.identity.managed_identity import PatientCredential
from activities.settings import Application

ASSERTION_SCOPE = "api://AzureADTokenExchange/.default"


def federated_identity(
    application: Application, tenant_id: str | None, identity: AsyncTokenCredential
) -> PatientCredential:
    """Return the application's credential in one tenant; close it at the end.

    Args:
        application: As whom the app acts.
        tenant_id: Where it acts; None means the tenant of the managed identity.
        identity: The managed identity, which is lent: whoever opened it closes it.
    """
    return PatientCredential(FederatedCredential(application, tenant_id, identity))


class FederatedCredential(AsyncTokenCredential):
    """Gets tokens as an application, with a token of the managed identity in place of a secret. See above.

    Raises:
        ActivityError: The managed identity has no token for this, or Entra refuses the application.
    """

    def __init__(self, application: Application, tenant_id: str | None, identity: AsyncTokenCredential) -> None:
        self._application = application
        self._tenant_id = tenant_id
        self._identity = identity
        self._assertion = ""
        self._entra: ClientAssertionCredential | None = None

    async def get_token(self, *scopes: str, **options: Any) -> AccessToken:
        """Return a token that is in the library's cache, or ask Entra for one."""
        # The library asks for it synchronously; the identity's own cache gives the same one for hours.
        self._assertion = (await self._identity.get_token(ASSERTION_SCOPE)).token
        if self._entra is None:
            self._tenant_id = self._tenant_id or _tenant_of(self._assertion)
            self._entra = ClientAssertionCredential(
                self._tenant_id,
                self._application.client_id,
                lambda: self._assertion,
                authority=self._application.authority_host,
                # As with the managed identity: the library's own pauses would take all the time that there is.
                retry_total=2,
            )
        try:
            return await self._entra.get_token(*scopes, **options)
        except ClientAuthenticationError as error:
            raise entra_refusals.translate(str(error.message), tenant_id=self._tenant_id or "") from error
        except AzureError as error:
            raise entra_refusals.unreachable() from error

    async def close(self) -> None:
        """Close the connection to Entra."""
        if self._entra is not None:
            await self._entra.close()

    async def __aexit__(self, *_: object) -> None:
        await self.close()


def _tenant_of(assertion: str) -> str:
    """Return the tenant that a token of the managed identity is from.

    Source: https://learn.microsoft.com/entra/identity-platform/access-token-claims-reference#payload-claims
    """
    try:
        payload = assertion.split(".")[1]
        tenant_id = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))["tid"]
    except (IndexError, KeyError, TypeError, ValueError, RecursionError):
        tenant_id = None
    if not isinstance(tenant_id, str):
        raise entra_refusals.unknown_tenant()
    return tenant_id
