"""What a check of a tenant found, as it is kept and told. It is meant for bug reports, so it names nobody. Pure."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Self

from activities.execution.tenant.assumptions import ASSUMPTIONS, Name

_LONGEST = 400
_GUID = re.compile(r"[0-9a-f]{8}(?:-?[0-9a-f]{4}){3}-?[0-9a-f]{12}", re.ASCII | re.IGNORECASE)
_ADDRESS = re.compile(r"[^\s@'\"<>]+@[^\s@'\"<>]+")


@dataclass(frozen=True, slots=True)
class Finding:
    """What was observed of one assumption; ``holds`` is None where it could not be told."""

    name: Name
    observed: str
    holds: bool | None = field(kw_only=True)

    def to_json(self) -> dict[str, Any]:
        """Return the finding as it is told; what follows from it is empty where nothing does."""
        assumption = ASSUMPTIONS[self.name]
        return {
            "name": self.name,
            "assumed": assumption.assumed,
            "observed": self.observed,
            "holds": self.holds,
            "consequence": assumption.consequence if self.holds is False else "",
            "action": assumption.action if self.holds is False else "",
        }


@dataclass(frozen=True, slots=True)
class Checked:
    """A check that has come to its end.

    Args:
        checked_at: When it began.
        findings: One for each assumption, in the order of the table.
        leftovers: The external ids of its activities that may still be there.
        broken_off: Whether it did not come to its end by itself.
    """

    checked_at: datetime
    findings: Sequence[Finding] = ()
    leftovers: Sequence[str] = ()
    broken_off: bool = False

    @property
    def holding(self) -> int:
        """How many assumptions hold."""
        return sum(one.holds is True for one in self.findings)

    def to_json(self) -> dict[str, Any]:
        """Return the result as it is told."""
        return {
            "status": "brokenOff" if self.broken_off else "completed",
            "checkedAt": self.checked_at.isoformat(timespec="seconds"),
            "summary": self.summary(),
            "checks": [one.to_json() for one in self.findings],
            "leftovers": list(self.leftovers),
        }

    def summary(self) -> str:
        """Return the result in a few sentences."""
        if self.broken_off:
            said = ["The check broke off. Start it again: that takes away what it has left."]
        elif failed := [one.name for one in self.findings if one.holds is False]:
            said = [f"{self.holding} of {len(self.findings)} assumptions hold. Not so: {', '.join(failed)}."]
        else:
            said = [f"{self.holding} of {len(self.findings)} assumptions hold, and none was found to be wrong."]
        if untold := sum(one.holds is None for one in self.findings):
            said.append(f"{untold} could not be tried.")
        if self.leftovers:
            said.append(f"Test activities that may still be there: {len(self.leftovers)}.")
        return " ".join(said)

    def to_kept(self) -> dict[str, Any]:
        """Return what is kept of the result: the words of the table are not."""
        return {
            "checkedAt": self.checked_at.isoformat(),
            "findings": [[one.name, one.holds, one.observed] for one in self.findings],
            "leftovers": list(self.leftovers),
        }

    @classmethod
    def of_kept(cls, kept: Mapping[str, Any]) -> Self:
        """Read what ``to_kept`` wrote; an assumption that this version does not know any more is left out."""
        known = {str(one) for one in Name}
        return cls(
            datetime.fromisoformat(kept["checkedAt"]),
            [Finding(Name(name), observed, holds=holds) for name, holds, observed in kept["findings"] if name in known],
            kept["leftovers"],
        )


def in_order(findings: Mapping[Name, Finding], *, why_not: str) -> list[Finding]:
    """Return a finding for each assumption; of those that nothing is known of it says why."""
    return [findings.get(name) or Finding(name, why_not, holds=None) for name in ASSUMPTIONS]


def discreet(words: str, secrets: Iterable[str] = ()) -> str:
    """Return somebody else's words without ids, addresses and ``secrets``, in one line that is not too long."""
    for secret in filter(None, secrets):
        words = re.sub(re.escape(secret), "…", words, flags=re.IGNORECASE)
    words = _ADDRESS.sub("<address>", _GUID.sub("<id>", " ".join(words.split())))
    return words if len(words) <= _LONGEST else f"{words[:_LONGEST]}…"
