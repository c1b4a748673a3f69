"""Whom and what a check of a tenant tries everything with, and how that stands in a message of a queue. Pure."""

import json
from dataclasses import asdict, dataclass
from typing import Self

_BEGINNING = '{"tenantCheck": '


@dataclass(frozen=True, slots=True)
class Subject:
    """A test person and a course of the provider; what is empty is not tried."""

    registration_id: str
    learner_user_id: str
    learning_content_id: str = ""
    learning_content_external_id: str = ""
    assigner_user_id: str = ""
    unlicensed_learner_user_id: str = ""
    foreign_learning_content_id: str = ""


@dataclass(frozen=True, slots=True)
class Order:
    """That a check is to be made, by the id under which its progress is told."""

    check_id: str
    subject: Subject

    def encode(self) -> str:
        """Return the message."""
        return f"{_BEGINNING}{json.dumps({'checkId': self.check_id, **asdict(self.subject)})}}}"

    @classmethod
    def decode(cls, body: bytes) -> Self | None:
        """Read a message; None for one that is about something else."""
        if not body.startswith(_BEGINNING.encode()):
            return None
        said = json.loads(body)["tenantCheck"]
        return cls(said.pop("checkId"), Subject(**said))
