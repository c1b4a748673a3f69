"""What is printed and written: tables with the ratios first, pictures that any browser shows, the document's parts."""

import re
from xml.etree import ElementTree as ET

import pytest

from bench import cases, report
from bench.figures import Figures
from bench.markdown import number, sections, table
from bench.pictures import pictures
from bench.plots import Bar, bars

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture
def figures() -> Figures:
    """Return some of what a run measures."""
    made = Figures()
    for key, ready, first in (("app", 0.6, 0.1), ("plain", 0.7, 1.0), ("floor", 0.4, 0.01)):
        row = made.row(cases.VALID, key)
        row.add("ready_seconds", ready)
        row.add("first_create_seconds", first)
        row.add("cold_seconds", ready + first)
    for key, seconds in (("app", 0.1), ("batch", 0.4)):
        for count in (1, 100, 10_000):
            made.add("growth_seconds", cases.activities(count), key, seconds * count)
    return made


def test_the_ratios_come_first_with_goal_and_verdict(figures: Figures) -> None:
    first = report.text(figures).splitlines()
    assert [cell.strip() for cell in first[2].strip("|").split("|")] == [
        "Cold start, valid bytecode ÷ plain SDK",
        "0.41",
        "≤ 0.45",
        "yes",
    ]
    assert "| no " in first[3]  # 1.71 times the floor.


def test_what_was_not_measured_has_no_table(figures: Figures) -> None:
    assert set(sections(figures)) == {"ratios", "cold", "growth"}


def test_every_row_of_a_table_has_the_same_width() -> None:
    lines = table(["a", "long head"], [["longer cell", "1"], ["", ""]]).splitlines()
    assert len(lines) == 4
    assert len({len(line) for line in lines}) == 1


@pytest.mark.parametrize(("value", "text"), [(1234.5, "1,234"), (12.34, "12.3"), (0.456, "0.46")])
def test_a_number_has_the_digits_that_count(value: float, text: str) -> None:
    assert number(value) == text


def test_pictures_are_svg_for_light_and_dark_pages(figures: Figures) -> None:
    made = pictures(figures)
    assert set(made) == {"cold-start.svg", "growth.svg"}
    for picture in made.values():
        assert ET.fromstring(picture).tag == f"{SVG}svg"  # noqa: S314 (made here)
        assert "prefers-color-scheme: dark" in picture


def test_bars_are_as_long_as_what_they_stand_for() -> None:
    drawn = ET.fromstring(bars("a < b", {"group": [Bar("one", "app", [1, 3], ""), Bar("two", "plain", [2], "")]}))  # noqa: S314 (made here)
    first, second, third = (float(bar.attrib["width"]) for bar in drawn.iter(f"{SVG}rect"))
    assert second == pytest.approx(3 * first, abs=0.2)
    assert third == pytest.approx(2 * first, abs=0.2)
    assert drawn.findtext(f"{SVG}title") == "a < b"


def test_only_what_stands_between_marks_is_replaced() -> None:
    document = "a\n<!-- bench: cold -->\nold\n<!-- /bench -->\nb\n<!-- bench: warm -->\nkept\n<!-- /bench -->\n"
    filled = report.filled(document, {"cold": "new"})
    assert filled == document.replace("\nold\n", "\nnew\n")
    assert report.filled(filled, {"cold": "new"}) == filled


def test_the_document_has_a_place_for_every_table_and_picture() -> None:
    document = report.DOCUMENT.read_text(encoding="utf-8")
    assert set(re.findall(r"<!-- bench: (\w+) -->", document)) == {
        *("machine", "ratios", "cold", "warm", "cpu", "queue", "batch", "memory", "bodies", "growth")
    }
    assert set(re.findall(r"performance/([\w-]+\.svg)", document)) == {
        *("cold-start.svg", "creates.svg", "queue.svg", "batch.svg", "memory.svg", "growth.svg")
    }


def test_nothing_that_is_told_of_the_machine_identifies_it() -> None:
    assert set(report.machine()) == {"cores", "system", "architecture", "python", "packages"}
