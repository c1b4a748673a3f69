"""Whose a record is: what it says as its learner decides, and what says nothing there is searched for the learner."""

import base64
import json
from typing import Any

import pytest

from activities.contract.learner import Learner

ID = "7ba2228a-e020-11ec-9d64-0242ac120002"
OTHER = "decade00-e020-11ec-9d64-0242ac120002"
ADDRESS = "ann.smith@contoso.com"
ANN = Learner.of([f" {ID.upper()} ", "Ann.Smith@Contoso.com"])


@pytest.mark.parametrize("said", [ID, ID.upper(), f" {ID}\n", ADDRESS, "ANN.SMITH@contoso.com", f"Ann <{ADDRESS}>"])
@pytest.mark.parametrize("name", ["learnerUserId", "LearnerUserID"])
def test_what_a_record_says_as_its_learner_decides(name: str, said: str) -> None:
    assert ANN.is_meant_by({name: said, "assignerUserId": OTHER})
    assert not ANN.is_meant_by({name: OTHER, "assignerUserId": said, "notes": f"Ask {said}."})


@pytest.mark.parametrize(
    "record",
    [
        {"learner": ADDRESS},
        {"learnerUserId": "", "id": f"{ID}:749c8786-99bb-4b3b-8d5d-586428f6aaa3"},
        {"learnerUserId": None, "to": [{"mail": f"mailto:{ADDRESS}"}]},
        {ADDRESS: 1},
        [{"learnerUserId": ID}],
        json.dumps({"learnerUserId": ID}),
    ],
)
def test_a_record_that_names_no_learner_is_the_learners_if_it_names_the_learner_anywhere(record: Any) -> None:
    assert ANN.is_meant_by(record)


@pytest.mark.parametrize(
    "record", [{}, {"assignerUserId": ID}, {"learnerUserId": 5}, None, 5, [], "", {"notes": OTHER}]
)
def test_nobody_is_meant_by_a_record_without_the_learner(record: Any) -> None:
    assert not ANN.is_meant_by(record)


@pytest.mark.parametrize(
    "other",
    ["joann.smith@contoso.com", "x.ann.smith@contoso.com", f"{ADDRESS}.au", f"{ADDRESS}m", f"{ID}0", f"a{ID}", "ann"],
)
def test_a_longer_name_is_somebody_elses(other: str) -> None:
    assert not ANN.is_meant_by({"learnerUserId": other})


@pytest.mark.parametrize("text", [f"It is {ADDRESS}.", f"<{ADDRESS}>", f"{ADDRESS}, {OTHER}", f"{{{ID}}}", f"{ID}:1"])
def test_a_name_ends_where_a_sentence_goes_on(text: str) -> None:
    assert ANN.is_named_in(text)


@pytest.mark.parametrize(
    "body",
    [
        ID.encode(),
        b'no JSON, but "' + ADDRESS.encode(),
        json.dumps({"learnerUserId": ADDRESS}).replace("@", r"\u0040").encode(),
        base64.b64encode(json.dumps({"learnerUserId": ADDRESS}).encode()),
        base64.encodebytes(b"no JSON, but " + ID.encode() + b" and more, so that there is a second line"),
        json.dumps([{"learnerUserId": OTHER}, {"learnerUserId": ID}]).encode(),
    ],
)
def test_a_message_that_could_not_be_read_is_searched_in_every_reading(body: bytes) -> None:
    assert ANN.is_meant_by_body(body)


@pytest.mark.parametrize("body", [b"", b"\xff\xfe", b"[" * 100_000, OTHER.encode(), b"AAAA"])
def test_any_bytes_can_be_searched(body: bytes) -> None:
    assert not ANN.is_meant_by_body(body)


@pytest.mark.parametrize(("said", "meant"), [("E42", True), (" e42 ", True), ("E421", False), (42, False)])
def test_an_employee_id_means_somebody_only_where_one_is_said(said: object, meant: bool) -> None:  # noqa: FBT001
    ann = Learner.of([ID, ADDRESS], employee_id="E42")
    assert ann.is_meant_by({"learnerEmployeeId": said}) is meant
    assert not ann.is_meant_by({"notes": "Room E42"})
    assert not ann.is_meant_by({"learnerUserId": OTHER, "learnerEmployeeId": "E42"})
    assert not ANN.is_meant_by({"learnerEmployeeId": said, "notes": ADDRESS})
