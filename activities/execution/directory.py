"""What the product needs of people and courses, in its own words. Implemented by ``graph`` and in memory, for tests."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol, Self

from activities.errors import ActivityError


class Kind(StrEnum):
    """What a name is."""

    ADDRESS = "address"
    EMPLOYEE_ID = "employeeId"
    CONTENT = "content"


@dataclass(frozen=True, slots=True)
class Name:
    """What somebody or something is called; equal for two spellings that mean the same. Shows nobody's name in a log.

    Args:
        registration_id: The provider, in whose tenant people are looked for, and whose contents.
        kind: What ``text`` is.
        text: An address (user principal name or e-mail), an employee id, or a content's id in the LMS.
    """

    registration_id: str
    kind: Kind
    text: str = field(repr=False)

    @classmethod
    def of_person(cls, registration_id: str, kind: Kind, text: str) -> Self:
        """Return a person's name: Microsoft Entra ID makes no difference between capitals and small letters."""
        return cls(registration_id.casefold(), kind, text.strip().lower())

    @classmethod
    def of_content(cls, registration_id: str, text: str) -> Self:
        """Return a content's name, as its LMS spells it."""
        return cls(registration_id.casefold(), Kind.CONTENT, text.strip())


class Absence(StrEnum):
    """Why a name stands for no id."""

    NOTHING = "nothing"
    SEVERAL = "several"
    INACTIVE = "inactive"


type Finding = str | Absence | ActivityError


@dataclass(frozen=True, slots=True)
class Content:
    """A piece of learning content."""

    id: str
    external_id: str
    title: str
    is_active: bool


@dataclass(frozen=True, slots=True)
class ContentList:
    """The contents of a provider, and whether there are more than were read."""

    contents: tuple[Content, ...]
    truncated: bool


class Directory(Protocol):
    """Knows which ids names stand for."""

    async def find(self, names: Sequence[Name], *, timeout_seconds: float) -> list[Finding]:
        """Look names up, several at a time; what was found keeps the names' places.

        Returns:
            For each the id; an ``Absence``; or an error that says nothing about the name: ``graphPermissionMissing``,
            one about the provider, or a ``TransientError``, after which nothing has been executed.
        """

    async def contents_of(self, registration_id: str, *, timeout_seconds: float) -> ContentList:
        """List a provider's contents.

        Raises:
            ActivityError: as ``find``.
        """
