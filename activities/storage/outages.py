"""What storage fails with, in words: one error, and for a refusal what an admin does about it."""

import re
from http import HTTPStatus

from azure.core.exceptions import (
    HttpResponseError,
)

from activities import telemetry
from activities.errors import ErrorCode, TransientError


def storage_unavailable() -> TransientError:
    """Return the error for a storage account that does not answer or does not let the app in."""
    return TransientError(
        ErrorCode.STORAGE_UNAVAILABLE,
        "The function app cannot reach its storage account, so it cannot tell whether this was done before; nothing "
        "was created. It usually passes within a minute; if not, an admin has to check the setting AzureWebJobsStorage "
        "and the roles of the app's identity.",
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
        f"before; nothing was created. {_ADVICE.get(code, _OTHER_ADVICE)}",
        retry_after_seconds=_REFUSED_SECONDS,
    )
