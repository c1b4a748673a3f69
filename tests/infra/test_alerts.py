"""What an alert says holds until somebody reads it: what waits for a person does not end by itself."""

import pytest

from tests.infra import bicep

ALERTS = "infra/modules/alerts.bicep"
# What passes without anybody's help; everything else waits.
PASSING = {"server-errors", "throttling"}


def rules(file: bicep.File) -> dict[str, dict[str, bicep.Value]]:
    listed = file.variables["rules"]
    assert isinstance(listed, list)
    return {str(one["name"]): one for one in listed if isinstance(one, dict)}


def test_only_what_passes_ends_by_itself() -> None:
    """Stateful alerts are resolved after two to three quiet periods, and say nothing more until then.

    Source: https://learn.microsoft.com/azure/azure-monitor/alerts/alerts-overview#alerts-and-state
    """
    file = bicep.files()[ALERTS]
    assert {name for name, rule in rules(file).items() if rule["endsByItself"]} == PASSING
    [resolves] = file.properties("autoMitigate")
    assert isinstance(resolves, bicep.Expression)
    assert resolves.text == "rule.endsByItself"


def test_the_guide_says_how_the_other_is_closed() -> None:
    guide = " ".join((bicep.ROOT / "docs" / "for-admins-look-after.md").read_text(encoding="utf-8").split())
    assert "*Change user response*" in guide


@pytest.mark.parametrize("name", ["alert-server-errors", "latency", "latency-over-time"])
def test_no_query_counts_addresses_that_nobody_has(name: str) -> None:
    """``requests`` leaves them out; the table itself has them."""
    text = (bicep.INFRA / "modules" / "queries" / f"{name}.kql").read_text(encoding="utf-8")
    assert "requests" in text
    assert "AppRequests" not in text
    file = bicep.files()[ALERTS if name.startswith("alert") else "infra/modules/workbook.bicep"]
    [query] = [
        one
        for one in file.values
        if isinstance(one, bicep.Expression) and f"/{name}.kql" in one.text and one.text.startswith("'$")
    ]
    assert query.text.index("${requests}") < query.text.index(f"/{name}.kql")


def test_a_request_has_failed_when_the_answer_says_so() -> None:
    """The host calls each one a success that did not raise: https://github.com/Azure/azure-functions-host/issues/6511."""
    text = (bicep.INFRA / "modules" / "queries" / "requests.kql").read_text(encoding="utf-8")
    assert "IsFailed = Success == false or toint(ResultCode) >= 500" in text
    others = [one.name for one in (bicep.INFRA / "modules" / "queries").glob("*.kql") if one.name != "requests.kql"]
    assert [
        name for name in others if "Success" in (bicep.INFRA / "modules" / "queries" / name).read_text(encoding="utf-8")
    ] == []
