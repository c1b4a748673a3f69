"""Tries how Graph refuses what can never be carried out, in which words, and whether the app reads them rightly."""

from activities.contract.models import Json
from activities.errors import ErrorCode, PermanentError, TransientError
from activities.execution.tenant import trial_bodies
from activities.execution.tenant.assumptions import Name
from activities.execution.tenant.findings import Finding
from activities.execution.tenant.specimens import Specimens, external_id
from activities.execution.tenant.subject import Subject
from activities.execution.tenant.wording import Wording


async def refusals(specimens: Specimens, body: Json, subject: Subject, wording: Wording) -> list[Finding]:
    """Create what has to be refused: each case for which the subject has an id."""
    unlicensed, foreign = subject.unlicensed_learner_user_id, subject.foreign_learning_content_id
    cases = (
        (Name.UNKNOWN_LEARNER_REFUSED, {"learnerUserId": trial_bodies.NOBODY}, None, ""),
        (
            Name.UNLICENSED_LEARNER_REFUSED,
            {"learnerUserId": unlicensed},
            ErrorCode.LEARNER_NOT_LICENSED,
            "" if unlicensed else "unlicensedLearnerUserId",
        ),
        (
            Name.FOREIGN_CONTENT_REFUSED,
            {"learningContentId": foreign},
            ErrorCode.CONTENT_NOT_OWNED_BY_PROVIDER,
            "" if foreign else "foreignLearningContentId",
        ),
    )
    findings = []
    for number, (name, wrong, code, lacking) in enumerate(cases, start=5):
        if lacking:
            findings.append(Finding(name, f"Not tried: the request has no {lacking}.", holds=None))
            continue
        said = {"externalCourseActivityId": external_id(specimens.run_id, number)}
        (tried,), _ = await specimens.create([{**body, **wrong, **said}])
        told = f"{wording.told(tried)}."
        match tried.end:
            case PermanentError() as error:
                findings.append(Finding(name, told, holds=code in {None, error.code}))
            case TransientError() as error if not error.may_have_executed:
                findings.append(Finding(name, told, holds=None))
            case _:
                findings.append(Finding(name, f"It was not refused: {told}", holds=False))
    return findings
