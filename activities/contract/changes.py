"""The models of what is not a whole activity: the parts that an update changes, the name under which one is deleted.

Made from the models of the two kinds, so that every property has one definition: each may be missing here.
"""

from copy import copy
from typing import Any

from pydantic import create_model
from pydantic.fields import FieldInfo

from activities.contract.models import Assignment, CourseActivity, SelfInitiatedCourse


def _partly[Kind: CourseActivity](kind: type[Kind], **more: Any) -> type[Kind]:
    fields: Any = {name: _optional(field) for name, field in kind.model_fields.items() if field.is_required()} | more
    return create_model(f"Partial{kind.__name__}", __base__=kind, **fields)


def _optional(field: FieldInfo) -> tuple[Any, FieldInfo]:
    optional = copy(field)
    optional.default = None
    return field.annotation, optional


# Of the kind that nobody has named yet: Graph or the ledger knows which it is.
_OF_EITHER: dict[str, Any] = {
    name: _optional(field)
    for kind in (Assignment, SelfInitiatedCourse)
    for name, field in kind.model_fields.items()
    if name not in CourseActivity.model_fields
}
PARTIAL: dict[type[CourseActivity], type[CourseActivity]] = {
    Assignment: _partly(Assignment),
    SelfInitiatedCourse: _partly(SelfInitiatedCourse),
    CourseActivity: _partly(CourseActivity, **_OF_EITHER),
}
