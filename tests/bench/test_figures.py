"""What the figures come to: medians of rounds, and ratios of what was measured in the same round."""

import pytest

from bench import cases
from bench.figures import Figures, Spread, in_turn, percentile
from bench.goals import GOALS, Goal


def figures_of(**values: list[float]) -> Figures:
    """Return figures of one measure in one case."""
    figures = Figures()
    for candidate, rounds in values.items():
        for value in rounds:
            figures.row("case", candidate).add("measure", value)
    return figures


def test_a_spread_is_the_median_and_the_ends() -> None:
    assert figures_of(app=[3, 1, 8]).spread("measure", "case", "app") == Spread(3, 1, 8)


def test_a_ratio_is_taken_round_by_round() -> None:
    """A round in which the machine was busy slows both sides down: the ratio of the medians would be 20."""
    figures = figures_of(app=[100, 20, 30], plain=[50, 10, 1.5])
    assert figures.ratio("measure", "case", "app", "plain") == Spread(2, 2, 20)


def test_what_was_not_measured_has_neither_spread_nor_ratio() -> None:
    figures = figures_of(app=[1])
    assert figures.spread("measure", "case", "plain") is None
    assert figures.ratio("measure", "case", "app", "plain") is None
    assert figures.ratio("measure", "case", "plain", "app") is None


def test_rounds_that_do_not_belong_together_make_no_ratio() -> None:
    with pytest.raises(ValueError, match="zip"):
        figures_of(app=[1, 2], plain=[1]).ratio("measure", "case", "app", "plain")


def test_figures_survive_the_file() -> None:
    figures = figures_of(app=[1.5, 2], plain=[3])
    assert Figures.from_json(figures.to_json()).values == figures.values


@pytest.mark.parametrize(("share", "value"), [(0.5, 51), (0.99, 100), (1.0, 100)])
def test_a_percentile_is_one_of_the_values(share: float, value: float) -> None:
    assert percentile(list(range(100, 0, -1)), share) == value


def test_every_candidate_is_first_in_some_round() -> None:
    assert [in_turn("abc", number)[0] for number in range(4)] == ["a", "b", "c", "a"]
    assert sorted(in_turn("abc", 2)) == ["a", "b", "c"]


@pytest.mark.parametrize(("at_least", "ratio", "met"), [(True, 5, True), (True, 4.9, False), (False, 5.1, False)])
def test_a_goal_is_met_by_the_median(at_least: bool, ratio: float, met: bool) -> None:  # noqa: FBT001 (a parameter)
    goal = Goal("goal", "measure", "case", "app", "plain", 5, at_least=at_least)
    assert goal.is_met_by(Spread(ratio, 0, 100)) is met


def test_the_package_is_held_against_the_others_best_case() -> None:
    figures = Figures()
    figures.add("cold_seconds", cases.PACKAGED, "package", 1)
    figures.add("cold_seconds", cases.VALID, "plain", 4)
    assert [goal.reached(figures) for goal in GOALS if goal.one == "package" and goal.other == "plain"] == [
        Spread(0.25, 0.25, 0.25)
    ]
