"""Who acts on an error, and in what words they are told to. The errors themselves are in ``advice``."""

from dataclasses import dataclass
from enum import StrEnum


class Actor(StrEnum):
    """Who has to act before the same thing can succeed, as the page of a batch says it."""

    SENDER = "For the sender"
    ADMIN = "For an admin"
    NOBODY = "Nothing to correct"


@dataclass(frozen=True, slots=True, kw_only=True)
class Advice:
    """What an error means and how to get rid of it.

    Args:
        meaning: In one sentence, for who reads documents.
        title: In a few words, for who reads a report.
        actor: Who acts first.
        then_admin: Whether an admin has to act where that did not help.
        waited_for: Whether it is the tenant or the app that an admin has to set up: a queue waits a little for that.
        text: What they do, in one or two sentences.
        in_reports: What reports say instead of the error's message, where that holds somebody else's words: whoever has
            the address of a report can read it.
    """

    meaning: str
    title: str
    actor: Actor
    text: str
    then_admin: bool = False
    waited_for: bool = False
    in_reports: str = ""
