"""What storage fails with: what passes when it is sent again, and in words: one error, and what an admin does about it.

Sources:
    https://learn.microsoft.com/azure/storage/tables/scalability-targets#partition-scalability (back off, on 503)
    https://learn.microsoft.com/rest/api/storageservices/table-service-error-codes
"""

import re
from collections.abc import Iterator
from http import HTTPStatus

from azure.core.exceptions import AzureError, HttpResponseError

from activities import telemetry
from activities.errors import ErrorCode, TransientError
from activities.execution import patience

# All of them together stay within the time that storage has.
PAUSES_SECONDS = (0.2, 0.4, 0.8, 1.6, 3.2)
_PASSING = frozenset(
    {
        HTTPStatus.REQUEST_TIMEOUT,
        HTTPStatus.TOO_MANY_REQUESTS,
        HTTPStatus.INTERNAL_SERVER_ERROR,
        HTTPStatus.BAD_GATEWAY,
        HTTPStatus.SERVICE_UNAVAILABLE,
        HTTPStatus.GATEWAY_TIMEOUT,
    }
)


def pauses_seconds(jitter: patience.Jitter = patience.random_jitter) -> Iterator[float]:
    """Yield how long to wait before each repetition, so that what storage is too busy for does not return together."""
    return (pause * (1 + jitter()) / 2 for pause in PAUSES_SECONDS)


def passes(error: AzureError) -> bool:
    """Tell whether the same request may succeed in a moment: storage was busy or broken, or its answer was lost."""
    return not isinstance(error, HttpResponseError) or error.status_code in _PASSING


def is_being_deleted(error: HttpResponseError) -> bool:
    """Tell whether a table or a queue cannot be made because somebody has deleted it: for half a minute or longer."""
    return error.status_code == HTTPStatus.CONFLICT and "BeingDeleted" in str(error)


def storage_unavailable() -> TransientError:
    """Return the error for a storage account that does not answer or does not let the app in."""
    return TransientError(
        ErrorCode.STORAGE_UNAVAILABLE,
        "The function app cannot reach its storage account, so it cannot tell whether this was done before. It usually "
        "passes within a minute; if not, an admin has to check the setting AzureWebJobsStorage and the roles of the "
        "app's identity.",
        retry_after_seconds=30.0,
    )


_REFUSED = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN})
# Nobody but an admin can change a refusal, and what they change takes some minutes to work.
_REFUSED_SECONDS = 300.0
# What an admin does about a refusal, by storage's own code for it.
# Source: https://learn.microsoft.com/rest/api/storageservices/common-rest-api-error-codes
_ADVICE = {
    "AuthorizationPermissionMismatch": "An admin has to give the app's identity the roles Storage Queue Data "
    "Contributor and Storage Table Data Contributor on the storage account. If it has them, it takes up to ten minutes "
    "until they work.",
    "AuthorizationFailure": "An admin has to check whether the network rules of the storage account let the app in.",
    "KeyBasedAuthenticationNotPermitted": "The storage account takes no keys: an admin has to remove the setting "
    "AzureWebJobsStorage and set AzureWebJobsStorage__accountName, AzureWebJobsStorage__credential and "
    "AzureWebJobsStorage__clientId.",
}
_OTHER_ADVICE = (
    "An admin has to check the settings that begin with AzureWebJobsStorage, and that the app's identity belongs to "
    "the storage account's tenant and has its roles there."
)
# Some of the library's methods raise without the code; their error's text holds the answer, in JSON or XML.
_CODE = re.compile(r"""(?:"code" *: *"|<(?:\w+:)?code>)(\w{1,60})""", re.ASCII | re.IGNORECASE)


def translate(error: Exception) -> TransientError:
    """Return ``storageUnavailable`` for what a storage library raised, and log why; a refusal says who has to act."""
    status = error.status_code if isinstance(error, HttpResponseError) else None
    code = getattr(error, "error_code", None)
    if not code and status is not None:
        code = found[1] if (found := _CODE.search(str(error))) else ""
    code = str(getattr(code, "value", code or ""))
    telemetry.event("storageFailed", kind=type(error).__name__, status=status, storageCode=code)
    if status not in _REFUSED:
        return storage_unavailable()
    return TransientError(
        ErrorCode.STORAGE_UNAVAILABLE,
        f"The storage account refuses the function app ({code or status}), so it cannot tell whether this was done "
        f"before. {_ADVICE.get(code, _OTHER_ADVICE)}",
        retry_after_seconds=_REFUSED_SECONDS,
    )
