"""What is logged is kept as long as the guide says, and what logs nothing raises an alert all the same."""

import re

import pytest

from tests.infra import bicep

MONITORING = "infra/modules/monitoring.bicep"
ALERTS = "infra/modules/alerts.bicep"
# What Application Insights writes into: https://learn.microsoft.com/azure/azure-monitor/app/data-model-complete
TABLES = {
    *("AppAvailabilityResults", "AppBrowserTimings", "AppDependencies", "AppEvents", "AppExceptions", "AppMetrics"),
    *("AppPageViews", "AppPerformanceCounters", "AppRequests", "AppSystemEvents", "AppTraces"),
}


def params(path: str, module: str) -> dict[str, bicep.Value]:
    [found] = [one for one in bicep.files()[path].modules.values() if f"/{module}:" in one.type]
    return found.params


def text(value: bicep.Value) -> str:
    return value.text if isinstance(value, bicep.Expression) else str(value)


def test_every_table_keeps_what_it_gets_as_long_as_was_said() -> None:
    """Each has 90 days of its own, whatever the workspace says.

    Source: https://learn.microsoft.com/azure/azure-monitor/logs/data-retention-configure
    """
    listed = bicep.files()[MONITORING].variables["tables"]
    assert isinstance(listed, list)
    assert set(map(str, listed)) == TABLES
    workspace = params(MONITORING, "workspace")
    [kept] = [one for one in bicep.walk(workspace["tables"]) if isinstance(one, dict)]
    assert {name: text(value) for name, value in kept.items()} == {
        "name": "table",
        "retentionInDays": "logRetentionDays",
        "totalRetentionInDays": "logRetentionDays",
    }
    assert text(workspace["dataRetention"]) == "logRetentionDays"


def test_the_modules_defaults_that_would_be_wrong_are_not_left_to_them() -> None:
    """They keep callers' addresses, and saved queries in a storage account that nobody has linked."""
    assert params(MONITORING, "component")["disableIpMasking"] is False
    assert params(MONITORING, "component")["kind"] == "web"
    assert params(MONITORING, "workspace")["forceCmkForQuery"] is False


def test_nothing_is_sent_or_read_with_a_key() -> None:
    assert params(MONITORING, "component")["disableLocalAuth"] is True
    features = params(MONITORING, "workspace")["features"]
    assert isinstance(features, dict)
    assert features["disableLocalAuth"] is True


def test_a_dead_app_raises_an_alert() -> None:
    """It logs nothing, so one alert asks it, and one counts in storage what it does not take."""
    file = bicep.files()[ALERTS]
    test = params(ALERTS, "webtest")
    assert text(test["request"]) == "{'RequestUrl': Expression(text='healthUrl', parts=()), 'HttpVerb': 'GET'}"
    main = bicep.files()["infra/main.bicep"].modules["alerts"].params
    assert "/api/health'" in text(main["healthUrl"])
    criteria = [file.modules[name].params["criteria"] for name in ("unavailable", "waiting")]
    kinds = [str(one["odata.type"]).rpartition(".")[2] for one in criteria if isinstance(one, dict)]
    assert kinds == ["WebtestLocationAvailabilityCriteria", "SingleResourceMultipleMetricCriteria"]
    metrics = [one["metricName"] for one in bicep.walk(criteria[1]) if isinstance(one, dict) and "metricName" in one]
    assert metrics == ["QueueMessageCount"]


def test_one_place_that_cannot_reach_the_app_is_no_alert() -> None:
    criteria = bicep.files()[ALERTS].modules["unavailable"].params["criteria"]
    locations = params(ALERTS, "webtest")["locations"]
    assert isinstance(criteria, dict)
    assert isinstance(locations, list)
    failed = criteria["failedLocationCount"]
    assert isinstance(failed, int)
    assert 1 < failed < len(locations)


@pytest.mark.parametrize("name", ["unavailable", "waiting", "alerts"])
def test_every_alert_tells_the_same_people(name: str) -> None:
    [told] = [one for key, one in bicep.files()[ALERTS].modules[name].params.items() if key == "actions"]
    assert "actionGroupIds" in repr(told)


def test_whoever_may_call_whoever_asks_for_health_may_too() -> None:
    main = bicep.files()["infra/main.bicep"]
    assert text(main.modules["functionApp"].params["callerNetworks"]) == "concat(networks, testers)"
    assert "'ApplicationInsightsAvailability'" in text(main.variables["testers"])


def test_a_rule_leaves_the_windows_to_the_one_that_runs_it() -> None:
    """Its own windows begin whenever it runs, and not with the clock: a count in pieces stays under its threshold."""
    queries = {path.name: path.read_text(encoding="utf-8") for path in bicep.INFRA.rglob("alert-*.kql")}
    assert len(queries) == len(re.findall(r"queries/alert-[\w-]+\.kql", bicep.files()[ALERTS].text))
    assert [name for name, query in queries.items() if re.search(r"\bbin\(|\bsummarize\b", query)] == []
