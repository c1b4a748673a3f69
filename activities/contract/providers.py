"""Which learning provider a record or a query means, and who may write to it. Pure."""

from activities.contract import values
from activities.contract.models import Defaults, Json
from activities.contract.problems import CONTRADICTION, INVALID, NOT_ALLOWED, REQUIRED, refusal
from activities.errors import ErrorCode, PermanentError, Problem

NAMES = ("registrationId", "learningProviderId")  # Two names for one thing.


def registration_id_of(properties: Json, defaults: Defaults, problems: list[Problem]) -> str | None:
    """Return the provider that a record names, or the default one; add what is wrong with it."""
    given = {name: properties[name] for name in NAMES if name in properties}
    if not given:
        if defaults.registration_id is None:
            message = "registrationId is required: the learning provider's registration ID, a GUID."
            problems.append(Problem(REQUIRED, message, "registrationId"))
        return defaults.registration_id
    said = {name: values.bare(value) for name, value in given.items() if isinstance(value, str)}
    if not said:
        return None  # The models say what is wrong with it.
    if len({one.casefold() for one in said.values()}) > 1:
        message = "registrationId and learningProviderId both name the provider, but they differ: send one."
        problems.append(Problem(CONTRADICTION, message, "registrationId"))
    name, registration_id = next(iter(said.items()))
    allowed = defaults.allowed_registration_ids
    if allowed and values.is_guid(registration_id) and registration_id.casefold() not in allowed:
        message = f"{name} is not one of the learning providers that this app may write to; its admin can allow it."
        problems.append(Problem(NOT_ALLOWED, message, name))
    return registration_id


def parse_provider(said: str, defaults: Defaults) -> str:
    """Return the provider that a query names, or the default one.

    Raises:
        PermanentError: ``invalidRequest``, ``notAllowed``; as of a record.
    """
    name, problems = NAMES[0], list[Problem]()
    try:
        given = {} if values.is_blank(said) else {name: values.guid(said)}
    except values.InvalidValueError as error:
        raise refusal([Problem(INVALID, f"{name} {error}.", name)]) from error
    registration_id = registration_id_of(given, defaults, problems)
    if registration_id is None or problems:
        raise refusal(problems)
    check_client(defaults, registration_id)
    return registration_id


def check_client(defaults: Defaults, registration_id: str) -> None:
    """Refuse a client application that may not write to a provider.

    Raises:
        PermanentError: ``notAllowed``.
    """
    limited = defaults.registration_ids_of_clients.get(defaults.client_id)
    if limited is not None and registration_id.casefold() not in limited:
        message = (
            "The application that sent this may not write to this learning provider. An admin can allow it in the "
            "setting CLIENT_APPLICATION_PROVIDERS."
        )
        raise PermanentError(ErrorCode.NOT_ALLOWED, message, target=NAMES[0])
