"""The emulated tenant: who is registered, licensed and permitted, as data that a test can change.

It decides nothing itself.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from local.emulators.schema import EXTERNAL_ID_SPELLINGS
from local.emulators.world_names import WORLDS
from local.environment import LEARNING_PROVIDER_ID

# Those of Microsoft's examples for "Create learningCourseActivity".
OTHER_LEARNING_PROVIDER_ID = "13727311-e7bb-470d-8b20-6a23d9030d70"
LEARNING_CONTENT_ID = "57baf9dc-e020-11ec-9d64-0242ac120002"

# Nobody has this id.
NOBODY = "00000000-0000-4000-8000-000000000000"

# https://learn.microsoft.com/graph/permissions-reference
ASSIGNED_READ = "LearningAssignedCourse.Read.All"
ASSIGNED_WRITE = "LearningAssignedCourse.ReadWrite.All"
SELF_INITIATED_READ = "LearningSelfInitiatedCourse.Read.All"
SELF_INITIATED_WRITE = "LearningSelfInitiatedCourse.ReadWrite.All"

# The fields that take one of some texts.
_CHOICES = {
    "externalIdSpelling": ("external_id_spelling", {"", *EXTERNAL_ID_SPELLINGS}),
    "world": ("world", {"", *WORLDS}),
}


class TenantError(ValueError):
    """A change of the tenant makes no sense; the message says why."""


@dataclass(frozen=True, slots=True)
class Tenant:
    """What Graph knows before a request comes.

    `sync_enabled` holds every registered provider and whether it may manage activities, `content_providers` whose a
    piece of content is (content that is not listed is anybody's), `roles` what the identity is granted, `identities`
    the client ids of the app's user-assigned identities (with none, whoever asks gets a token). Roles go into a token
    when it is issued, so a change reaches a client only with its next token, as in Azure. Ids are lower case. `world`
    is one of `WORLDS`; empty where everything is as the API pages say.
    """

    sync_enabled: Mapping[str, bool] = field(
        default_factory=lambda: {LEARNING_PROVIDER_ID: True, OTHER_LEARNING_PROVIDER_ID: True}
    )
    content_providers: Mapping[str, str] = field(default_factory=lambda: {LEARNING_CONTENT_ID: LEARNING_PROVIDER_ID})
    unlicensed_learners: frozenset[str] = frozenset()
    service_plan: bool = True
    roles: tuple[str, ...] = (ASSIGNED_READ, ASSIGNED_WRITE, SELF_INITIATED_READ, SELF_INITIATED_WRITE)
    identities: tuple[str, ...] = ()
    external_id_spelling: str = ""
    world: str = ""

    @property
    def granted(self) -> tuple[str, ...]:
        """What a token carries."""
        return tuple(role for role in self.roles if self.world != "tokenRoles" or role != SELF_INITIATED_READ)

    @property
    def spelling(self) -> str:
        """How external ids are spelled in answers; empty for as they were sent."""
        return EXTERNAL_ID_SPELLINGS[1] if self.world == "externalIdSpelling" else self.external_id_spelling

    def as_json(self) -> dict[str, Any]:
        """Return the tenant as `GET /_emulator/tenant` shows it."""
        return {
            "providers": {provider: {"syncEnabled": enabled} for provider, enabled in self.sync_enabled.items()},
            "contents": dict(self.content_providers),
            "unlicensedLearners": sorted(self.unlicensed_learners),
            "servicePlan": self.service_plan,
            "roles": list(self.roles),
            "identities": list(self.identities),
            "externalIdSpelling": self.external_id_spelling,
            "world": self.world,
        }

    def patched(self, changes: Any) -> "Tenant":
        """Return the tenant with some of its parts replaced; each part that is given is given completely.

        Raises:
            TenantError: a part is unknown or has another form than `as_json` shows.
        """
        if not isinstance(changes, dict):
            raise TenantError("A change of the tenant is an object.")
        fields: dict[str, Any] = {}
        for name, value in changes.items():
            match name, value:
                case "providers", dict() if all(_is_provider(provider) for provider in value.values()):
                    fields["sync_enabled"] = {key.lower(): provider["syncEnabled"] for key, provider in value.items()}
                case "contents", dict() if _are_strings(value.values()):
                    fields["content_providers"] = {key: provider.lower() for key, provider in value.items()}
                case "unlicensedLearners", list() if _are_strings(value):
                    fields["unlicensed_learners"] = frozenset(learner.lower() for learner in value)
                case "servicePlan", bool():
                    fields["service_plan"] = value
                case "roles", list() if _are_strings(value):
                    fields["roles"] = tuple(value)
                case "identities", list() if _are_strings(value):
                    fields["identities"] = tuple(client_id.lower() for client_id in value)
                case "externalIdSpelling" | "world", str() if value in _CHOICES[name][1]:
                    fields[_CHOICES[name][0]] = value
                case _:
                    parts = ", ".join(self.as_json())
                    raise TenantError(
                        f"The tenant has no {name!r} of this form. It has: {parts}; GET shows their forms."
                    )
        return replace(self, **fields)


def _is_provider(value: Any) -> bool:
    return isinstance(value, dict) and value.keys() == {"syncEnabled"} and isinstance(value["syncEnabled"], bool)


def _are_strings(values: Any) -> bool:
    return all(isinstance(value, str) for value in values)
