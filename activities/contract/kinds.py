"""The two kinds of activity, by every name that callers give them. Pure."""

import re

from activities.contract import made_by_machines, values
from activities.contract.limits import LONGEST_TEXT
from activities.contract.models import Assignment, CourseActivity, Json, SelfInitiatedCourse
from activities.contract.problems import CONTRADICTION, INVALID, REQUIRED
from activities.errors import Problem

# Two names for one thing: Graph's, and one without a dot, which the designer of flows can fill in.
TYPES = ODATA_TYPE, TYPE = "@odata.type", "type"
_MODELS: tuple[type[CourseActivity], ...] = (Assignment, SelfInitiatedCourse)
# The API page's text calls the second type by a shorter name, too.
_KINDS = {model.type_name.casefold(): model for model in _MODELS} | {"selfinitiated": SelfInitiatedCourse}
_BY_TYPE = {model.odata_type: model for model in _MODELS}


def kind_of(
    record: Json, expected: type[CourseActivity] | None, problems: list[Problem], *, needed: bool
) -> type[CourseActivity] | None:
    """Return the kind of a record, if it says one; add what is wrong.

    Args:
        record: What JSON gave.
        expected: The kind that the route stands for, if it does.
        problems: What is wrong so far.
        needed: Whether what is to be done with it needs the kind.
    """
    said = {name: record[name] for name in TYPES if not values.is_blank(record.get(name))}
    if not said and expected is None and needed:
        message = f"{ODATA_TYPE} is required: write {_types(ODATA_TYPE)}; or {TYPE}: {_types(TYPE)}."
        problems.append(Problem(REQUIRED, message, ODATA_TYPE))
    kinds = {name: kind_named(value) for name, value in said.items()}
    for name, kind in kinds.items():
        if kind is None:
            message = f"{name} {_why_no_kind(said[name])}: write {_types(name)}."
            problems.append(Problem(INVALID, message, name))
        elif expected not in {None, kind}:
            message = (
                f"{name} says {kind.spoken_name}, but this operation is for {expected.spoken_name}: "
                "use the operation for the other type, or correct it."
            )
            problems.append(Problem(CONTRADICTION, message, name))
    known = [kind for kind in kinds.values() if kind]
    if expected is None and len(set(known)) > 1:
        message = f"{' and '.join(TYPES)} both say which kind of activity it is, but they differ: send one."
        problems.append(Problem(CONTRADICTION, message, TYPE))
    return expected or next(iter(known), None)


def kind_named(said: object) -> type[CourseActivity] | None:
    """Return the kind that a caller means by a name ("#microsoft.graph.learningAssignment", "Assignment"), if any."""
    if isinstance(said, str) and (exact := _BY_TYPE.get(said)):
        return exact
    name = re.sub(r"[\s_-]", "", said[:LONGEST_TEXT]) if isinstance(said, str) else ""
    name = made_by_machines.trimmed(name).casefold().removeprefix("#")
    return _KINDS.get(name.removeprefix("microsoft.graph.").removeprefix("learning"))


def _why_no_kind(said: object) -> str:
    try:
        values.meant(said[:LONGEST_TEXT] if isinstance(said, str) else "")
    except values.InvalidValueError as error:
        return str(error)
    return "is not a type that can be created"


def _types(name: str) -> str:
    return " or ".join(f'"{model.odata_type if name == ODATA_TYPE else model.type_name}"' for model in _MODELS)
