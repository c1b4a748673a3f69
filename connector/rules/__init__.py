"""What Power Platform asks of a connector, as small rules that can be checked without signing in.

Microsoft's own validator runs only behind a sign-in. A rule that stands among its published rules has the name that it
has there, in snake case; its docstring is the reason. A rule looks at a package and gives the places that break it.
Source: https://learn.microsoft.com/connectors/custom-connectors/certification-swagger-validator-rules
"""

from collections.abc import Callable
from dataclasses import dataclass

from connector.rules import choices, connections, documents, operations, parameters, schemas
from connector.rules.package import Package, Place, Problems

__all__ = ["RULES", "Finding", "Package", "Place", "Rule", "check", "name_of"]

type Rule = Callable[[Package], Problems]

RULES: tuple[Rule, ...] = (
    *documents.RULES,
    *operations.RULES,
    *parameters.RULES,
    *schemas.RULES,
    *choices.RULES,
    *connections.RULES,
)


@dataclass(frozen=True, slots=True)
class Finding:
    """One place that breaks a rule."""

    rule: str
    place: Place
    message: str
    reason: str

    def __str__(self) -> str:
        """Return it for a person: where, what, and which rule asks for it."""
        return f"{'.'.join(map(str, self.place)) or '(all of it)'}: {self.message} [{self.rule}: {self.reason}]"


def check(package: Package) -> list[Finding]:
    """Return everything that breaks a rule."""
    return [
        Finding(name_of(rule), place, message, (rule.__doc__ or "").strip())
        for rule in RULES
        for place, message in rule(package)
    ]


def name_of(rule: Rule) -> str:
    """Return a rule's name as Microsoft writes it: ``operation_id_required`` as OperationIdRequired."""
    return "".join(word.capitalize() for word in getattr(rule, "__name__", "").split("_"))
