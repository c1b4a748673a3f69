"""The app's own identity: a token for whoever asks inside the app, or words that an admin can act on."""

import asyncio
from typing import Any

from azure.core.credentials import AccessToken
from azure.core.credentials_async import AsyncTokenCredential
from azure.core.exceptions import AzureError, ClientAuthenticationError
from azure.identity.aio import ManagedIdentityCredential

from activities import telemetry
from activities.errors import ActivityError, ErrorCode, TransientError

IDENTITY_SECONDS = 8.0
RETRY_AFTER_SECONDS = 30.0


def managed_identity(client_id: str | None) -> "PatientCredential":
    """Return the credential of a user-assigned identity, or with None of the system-assigned one; close it at the end.

    Source: https://learn.microsoft.com/python/api/azure-identity/azure.identity.aio.managedidentitycredential
    """
    # The library's own retry would spend IDENTITY_SECONDS on its first two pauses.
    return PatientCredential(ManagedIdentityCredential(client_id=client_id, retry_total=2))


class PatientCredential(AsyncTokenCredential):
    """A credential that answers or fails in words within ``IDENTITY_SECONDS``, asking only once for all who wait.

    Args:
        credential: Who is asked.

    Raises:
        ActivityError: What the credential said in words of its own.
        TransientError: ``identityUnavailable``, whatever the identity library raised: nothing else can have failed.
    """

    def __init__(self, credential: AsyncTokenCredential) -> None:
        self._credential = credential
        self._asking: dict[tuple[object, ...], asyncio.Task[AccessToken]] = {}

    async def get_token(self, *scopes: str, **options: Any) -> AccessToken:
        """Return a token that is in the credential's cache, or ask the identity endpoint; with claims, ask it."""
        question = (*scopes, options.get("claims"))
        asking = self._asking.get(question)
        if asking is None or asking.done():
            asking = self._asking[question] = asyncio.create_task(self._ask(*scopes, **options))
        try:
            # A caller that gives up must not take the answer from the others.
            return await asyncio.shield(asking)
        except ActivityError as error:
            telemetry.failure("identityFailed", error)
            raise

    async def _ask(self, *scopes: str, **options: Any) -> AccessToken:
        try:
            async with asyncio.timeout(IDENTITY_SECONDS):
                return await self._credential.get_token(*scopes, **options)
        except ActivityError:
            raise
        except Exception as error:
            raise _identity_unavailable(error) from error

    async def close(self) -> None:
        """Close the connection to the identity endpoint."""
        for asking in self._asking.values():
            asking.cancel()
        await self._credential.close()

    async def __aexit__(self, *_: object) -> None:
        await self.close()


def _identity_unavailable(error: Exception) -> TransientError:
    match error:
        # CredentialUnavailableError is one, too: the endpoint is missing or said no.
        case ClientAuthenticationError():
            advice = (
                "An admin has to check that the function app has a managed identity and that the settings "
                "AZURE_CLIENT_ID and AzureWebJobsStorage__clientId, where they are there, are the client ID of an "
                "identity assigned to the app."
            )
        case TimeoutError() | AzureError():
            advice = (
                "The identity service did not answer; it usually does again within a minute. If not, an admin has to "
                "check the function app's managed identity."
            )
        case _:
            advice = (
                "The identity service answered, but with no token in the form that Azure documents. If it stays so, "
                "an admin has to check that nothing but the platform sets IDENTITY_ENDPOINT."
            )
    return TransientError(
        ErrorCode.IDENTITY_UNAVAILABLE,
        f"The function app could not get a token for its managed identity; nothing was done. {advice}",
        retry_after_seconds=RETRY_AFTER_SECONDS,
    )
