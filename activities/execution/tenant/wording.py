"""What came of a request of the check, in words that name nobody. Pure."""

from activities.contract.activity import StoredActivity
from activities.errors import ActivityError, PermanentError, TransientError
from activities.execution.tenant.findings import discreet
from activities.execution.tenant.specimens import Tried
from activities.execution.tenant.subject import Subject
from activities.execution.witness import Seen


class Wording:
    """Tells what Graph answered.

    Args:
        subject: Whose ids may not be told.
    """

    def __init__(self, subject: Subject) -> None:
        self._secrets = (
            subject.learning_content_id,
            subject.learning_content_external_id,
            subject.foreign_learning_content_id,
        )

    def told(self, tried: Tried) -> str:
        """Return what came of a request, as Graph said it and as the app reads it; without a full stop."""
        read = f", which the app reads as {tried.end.code}" if isinstance(tried.end, ActivityError) else ""
        return f"{self.answer(tried.answer) if tried.answer else 'Microsoft Graph gave no answer'}{read}"

    def answer(self, seen: Seen) -> str:
        """Return one answer of Graph: status, code and words."""
        words = f': "{self.discreet(seen.words)}"' if seen.words else ""
        return f"{' '.join(filter(None, (str(seen.status), seen.code)))}{words}"

    def discreet(self, words: str) -> str:
        """Return words that may be told."""
        return discreet(words, self._secrets)


def unless_transient(end: StoredActivity | ActivityError, *, holds: bool) -> bool | None:
    """Return whether an assumption holds; None where Graph only could not answer at the moment."""
    return None if isinstance(end, TransientError) and not end.may_have_executed else holds


def is_refusal(end: StoredActivity | ActivityError) -> bool:
    """Tell whether Graph refused for good."""
    return isinstance(end, PermanentError)
