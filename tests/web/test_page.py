"""The page of a batch as bytes: what it says at every stage, and that nothing a caller wrote becomes markup."""

import re
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from activities.batches.results import NO_FILE, Batch, Progress
from activities.contract.activity import Outcome
from activities.contract.actors import Actor
from activities.contract.advice import ADVICE, advice_on
from activities.errors import ErrorCode
from activities.execution.result import Result
from activities.web.page import frame, render
from tests.support.batch_pages import (
    ALL_SUCCEEDED,
    BATCH,
    COMPLETED,
    FAILED,
    NOW,
    RUNNING,
    SENT,
    STARTED,
    URL,
    WAITING,
    failure,
)
from tests.support.html_tree import Element, parse
from tests.support.page_site import assert_only_its_own_runs

STAGES = {
    "started": (STARTED, []),
    "running": (RUNNING, FAILED),
    "waiting": (WAITING, FAILED),
    "completed": (COMPLETED, FAILED),
    "all succeeded": (ALL_SUCCEEDED, []),
}
# Plain text hardly ever holds what a browser would take for markup.
MARKUP = ["<b>", "</title>", "</p>", "</script>", "<script>", "<!--", "-->", "<![CDATA[", "&lt;", "&amp", *"&\"'>"]
TEXTS = st.lists(st.sampled_from(MARKUP) | st.text(), min_size=1).map("".join).filter(bool)
every_stage = pytest.mark.parametrize(("progress", "failed"), STAGES.values(), ids=STAGES)


def rendered(
    progress: Progress = RUNNING, failed: list[Result] = FAILED, *, url: str = URL, now: datetime = NOW
) -> Element:
    return parse(render.render(progress, failed, url=url, now=now))


def counts(root: Element) -> dict[str, str]:
    return {
        term.text: str(count.children[0]).strip() for term, count in zip(root.all("dt"), root.all("dd"), strict=True)
    }


def titles(root: Element) -> list[str]:
    return [reason.one("h3").text for reason in root.all(".reason")]


def cells(reason: Element) -> list[list[str]]:
    return [[cell.text for cell in row.children if isinstance(cell, Element)] for row in reason.one("tbody").all("tr")]


class TestProgress:
    @every_stage
    def test_it_counts_all_records(self, progress: Progress, failed: list[Result]) -> None:
        assert counts(rendered(progress, failed)) == {
            "Total": "200",
            "Succeeded": str(progress.succeeded),
            "Failed": str(progress.failed),
            "Still to do": str(200 - progress.succeeded - progress.failed),
        }

    def test_it_says_how_records_succeeded_where_there_are_any(self) -> None:
        outcomes = {Outcome.SUPERSEDED: 2, Outcome.CREATED: 1_200, Outcome.DELETED: 1, Outcome.FAILED: 12}
        [small] = rendered(replace(RUNNING, outcomes=outcomes)).all("small")
        assert small.text == "1,200 created, 1 deleted, 2 superseded by something newer"
        [small] = rendered(replace(RUNNING, outcomes={Outcome.UPDATED: 3, Outcome.UNCHANGED: 4})).all("small")
        assert small.text == "3 updated, 4 unchanged"
        assert [one.text for one in rendered(STARTED, []).all("small")] == [""]

    def test_the_bar_stands_where_the_batch_stands(self) -> None:
        bar = rendered().one("progress")
        assert (bar.attributes["value"], bar.attributes["max"], bar.text) == ("192", "200", "96 %")

    @pytest.mark.parametrize(
        ("progress", "title", "state"),
        [
            (STARTED, "0 % \u2013 Safety training, autumn term", "In progress"),
            (RUNNING, "96 % \u2013 Safety training, autumn term", "In progress, more than three quarters are done"),
            (WAITING, "96 % \u2013 Safety training, autumn term", "Waiting for Microsoft Graph; it goes on by itself"),
            (COMPLETED, "12 failed \u2013 Safety training, autumn term", "Completed, 12 failed"),
            (ALL_SUCCEEDED, "All succeeded \u2013 Safety training, autumn term", "Completed, all succeeded"),
        ],
    )
    def test_title_and_state_say_the_stage(self, progress: Progress, title: str, state: str) -> None:
        root = rendered(progress)
        assert root.one("title").text == title
        assert root.one(".state").text == state

    @pytest.mark.parametrize(("done", "percent"), [(0, 0), (1, 0), (10, 1), (999, 99), (1000, 100)])
    def test_percents_are_rounded_down_so_that_only_the_end_is_100(self, done: int, percent: int) -> None:
        root = rendered(Progress(replace(BATCH, total=1000), succeeded=done), [])
        assert root.one("progress").text == f"{percent} %"

    def test_a_batch_without_a_name_is_called_batch(self) -> None:
        for name in ("", " \n"):
            root = rendered(replace(RUNNING, batch=replace(BATCH, name=name)))
            assert root.one("h1").text == "Batch"
            assert root.one("title").text == "96 % \u2013 Batch"

    def test_an_empty_batch_is_completed(self) -> None:
        root = rendered(Progress(replace(BATCH, total=0)), [])
        assert root.one("progress").attributes["max"] == "1"
        assert root.one(".state").text == "Completed, all succeeded"

    def test_more_results_than_records_break_nothing(self) -> None:
        root = rendered(replace(COMPLETED, succeeded=250))
        assert root.one("progress").attributes["value"] == "200"
        assert counts(root)["Still to do"] == "0"

    @pytest.mark.parametrize(
        ("succeeded", "changed", "now", "pace"),
        [
            (100, 240, 241, "done 25 per minute, about 4 minutes left."),
            (9, 120, 120, "done 4.5 per minute, about 43 minutes left."),
            (0, None, 5, "done The first results are on their way."),
            (3, 0, 5, "done The first results are on their way."),
        ],
    )
    def test_a_running_batch_says_how_fast_it_is_once_there_is_a_result_to_estimate_from(
        self, succeeded: int, changed: int | None, now: int, pace: str
    ) -> None:
        changed_at = None if changed is None else SENT + timedelta(seconds=changed)
        progress = Progress(BATCH, succeeded=succeeded, changed_at=changed_at)
        assert rendered(progress, [], now=SENT + timedelta(seconds=now)).one(".pace").text.endswith(pace)

    def test_a_batch_that_waits_for_graph_says_for_how_long_and_that_nobody_has_to_act(self) -> None:
        root = rendered(WAITING)
        assert root.one(".pause").text == (
            "Microsoft Graph takes no more requests for about 3 minutes. Then the app goes on by itself; "
            "there is nothing to do."
        )
        assert root.one(".pace").text.endswith("63 per minute, about 4 minutes left.")

    @pytest.mark.parametrize("progress", [replace(RUNNING, waiting_until=NOW), replace(COMPLETED, waiting_until=NOW)])
    def test_a_wait_that_is_over_is_not_told(self, progress: Progress) -> None:
        assert rendered(progress).all(".pause") == []

    def test_a_completed_batch_never_waits(self) -> None:
        assert rendered(replace(COMPLETED, waiting_until=NOW + timedelta(hours=1))).all(".waiting") == []

    def test_a_batch_without_results_for_long_promises_nothing(self) -> None:
        root = rendered(RUNNING, FAILED, now=NOW + timedelta(minutes=11))
        assert root.one(".pause").text.startswith("No result has come in for about 12 minutes.")
        assert "left" not in root.one(".pace").text

    @pytest.mark.parametrize(
        ("seconds", "words"),
        [
            (0.4, "less than a second"),
            (1, "1 second"),
            (61, "1 minute 1 second"),
            (3600, "1 hour"),
            (7325, "2 hours 2 minutes"),
            (90061, "1 day 1 hour"),
        ],
    )
    def test_a_completed_batch_says_how_long_it_took(self, seconds: float, words: str) -> None:
        root = rendered(replace(ALL_SUCCEEDED, changed_at=SENT + timedelta(seconds=seconds)), [])
        assert root.one(".pace").text.endswith(f"It took {words}.")

    @pytest.mark.parametrize(
        ("seconds", "words"),
        [
            (3, "a few seconds"),
            (11, "about 20 seconds"),
            (60, "about 60 seconds"),
            (61, "about 2 minutes"),
            (7200, "about 120 minutes"),
            (7201, "about 3 hours"),
            (172801, "about 3 days"),
        ],
    )
    def test_what_nobody_knows_exactly_is_rounded_up(self, seconds: float, words: str) -> None:
        root = rendered(replace(STARTED, waiting_until=NOW + timedelta(seconds=seconds)), [])
        assert f"for {words}." in root.one(".pause").text

    def test_it_says_when_the_batch_was_sent(self) -> None:
        time = rendered().one("time")
        assert (time.attributes["datetime"], time.text) == ("2026-10-05T06:41:12+00:00", "5 October 2026 at 06:41 UTC")


class TestFailures:
    def test_nothing_failed_nothing_said(self) -> None:
        root = rendered(ALL_SUCCEEDED, [])
        assert root.all(".failed") == []
        assert root.all("a") == []

    def test_the_most_frequent_reason_comes_first(self) -> None:
        assert titles(rendered()) == [
            "The learner has no licence: 7 rows",
            "Something is missing or wrong: 3 rows",
            "The content belongs to another provider: 2 rows",
        ]

    def test_a_reason_has_its_message_its_advice_its_code_and_its_rows(self) -> None:
        reason = rendered().all(".reason")[1]
        assert [paragraph.text for paragraph in reason.all("p")] == [
            'dueDateTime "3/4/2026" could be a day in March or in April: write it as 2026-04-03.',
            "For the sender: Correct what the message names, and send it again.",
        ]
        assert reason.one("code").text == "invalidRequest"
        assert [heading.text for heading in reason.one("thead").all("th")] == ["Row", "External id", "Field"]
        assert cells(reason) == [
            ["11", "safety-2026-1009", "dueDateTime"],
            ["33", "safety-2026-1031", "dueDateTime"],
            ["99", "safety-2026-1097", "dueDateTime"],
        ]

    def test_a_batch_that_came_as_json_has_indexes_as_in_its_report(self) -> None:
        reason = rendered(replace(RUNNING, batch=replace(BATCH, origin=NO_FILE))).all(".reason")[1]
        assert reason.one("thead").all("th")[0].text == "Index"
        assert [row[0] for row in cells(reason)] == ["9", "31", "97"]
        assert reason.one("h3").text == "Something is missing or wrong: 3 records"

    def test_the_same_code_with_other_words_is_another_reason(self) -> None:
        failed = [failure(index, "invalidRequest", f"Message {index % 2}") for index in range(4)]
        assert [reason.all("p")[0].text for reason in rendered(failed=failed).all(".reason")] == [
            "Message 0",
            "Message 1",
        ]

    def test_messages_that_each_came_once_share_one_reason(self) -> None:
        """The messages of ``activityExists`` name an id: a thousand of them would be a thousand reasons."""
        failed = [failure(index, "activityExists", f"It has the id {index}.") for index in range(3)]
        reason = rendered(failed=failed).one(".reason")
        assert reason.one("thead").all("th")[-1].text == "Message"
        assert [row[-1] for row in cells(reason)] == ["It has the id 0.", "It has the id 1.", "It has the id 2."]
        assert reason.one("h3").text == "The external id is taken: 3 rows"

    def test_a_single_failure_is_told_in_the_singular(self) -> None:
        reason = rendered(failed=[failure(0, "throttled", "Busy.")]).one(".reason")
        assert reason.one("h3").text == "Microsoft Graph was too busy: 1 row"
        assert reason.one("summary").text == "The row"

    def test_an_empty_external_id_is_a_dash(self) -> None:
        result = Result(0, Outcome.FAILED, error_code="throttled", error_message="Busy.")
        assert cells(rendered(failed=[result]).one(".reason")) == [["2", "\u2013"]]

    def test_few_rows_are_shown_at_once_and_many_on_demand(self) -> None:
        assert ["open" in details.attributes for details in rendered().all("details")] == [False, True, True]

    def test_more_failures_than_are_shown_are_counted_and_the_download_has_them(self) -> None:
        root = rendered(Progress(replace(BATCH, total=5000), succeeded=1, failed=4321, changed_at=NOW))
        assert "The first 12 of 4,321 are shown here; the download has all of them." in root.one(".failed").text
        assert root.one(".failed").one("h2").text == "4,321 failed so far"
        assert "are shown here" not in rendered().text

    def test_the_download_is_the_report_as_csv_and_says_what_is_left_out(self) -> None:
        root = rendered()
        assert root.one("a").attributes["href"] == f"{URL}?failedOnly=true&format=csv"
        said = root.one(".download").text
        for words in (
            "send it again",
            "learners and assigners",
            "notes",
            "cells empty",
            "Everybody who has the address",
        ):
            assert words in said

    @pytest.mark.parametrize("code", ErrorCode)
    def test_every_error_has_advice(self, code: ErrorCode) -> None:
        advice = ADVICE[code]
        assert advice.title
        assert advice.text.endswith(".")
        assert 1 <= len(re.findall(r"\.(?: |$)", advice.text)) <= 2, "one or two sentences"
        assert advice.actor is not Actor.ADMIN or re.search("admin|Administrator|Whoever manages", advice.text)

    def test_titles_tell_errors_apart(self) -> None:
        alike = {ErrorCode.GRAPH_FAULT, ErrorCode.GRAPH_UNAVAILABLE}
        names = [advice.title for code, advice in ADVICE.items() if code not in alike]
        assert len(set(names)) == len(names)

    @pytest.mark.parametrize("code", ["", "ofTheNextVersion"])
    def test_an_unknown_code_has_advice_too(self, code: str) -> None:
        assert advice_on(code) not in ADVICE.values()
        assert titles(rendered(failed=[failure(0, code, "So.")])) == ["It could not be carried out: 1 row"]


class TestSafety:
    @given(st.lists(TEXTS, min_size=6, max_size=6))
    def test_no_text_becomes_markup(self, texts: list[str]) -> None:
        """Any text leads to the same elements and attributes as a harmless one, and can be read as it was written."""

        def shown(name: str, url: str, *texts: str) -> Element:
            results = [Result(index, Outcome.FAILED, "", *texts) for index in (0, 1)]
            return rendered(replace(RUNNING, batch=replace(BATCH, name=f"-{name}")), results, url=url)

        # A lone surrogate is no character, and no text in UTF-8 can hold it.
        readable = [text.encode(errors="replace").decode() for text in texts]
        root = shown(*texts)
        assert root.shape() == shown(*"abcdef").shape()
        assert root.one("h1").raw_text == f"-{readable[0]}".strip()
        assert root.one("title").raw_text == f"96 % \u2013 -{readable[0]}".strip()
        reason = root.one(".reason")
        cell, code, message, target = readable[2:]
        assert [one.raw_text for one in reason.one("tbody").all("td")] == [cell, target] * 2
        assert reason.one("code").raw_text == code
        assert reason.all("p")[0].raw_text == message
        assert root.one("a").attributes["href"] == f"{readable[1]}?failedOnly=true&format=csv"

    @every_stage
    def test_style_and_script_are_the_same_for_every_batch(self, progress: Progress, failed: list[Result]) -> None:
        root = rendered(progress, failed)
        assert root.one("style").raw_text == frame.text_of("page.css")
        assert root.one("script").raw_text == frame.text_of("page.js")
        assert "</" not in frame.text_of("page.css") + frame.text_of("page.js")

    def test_the_policy_allows_the_pages_own_style_and_script_and_nothing_else(self) -> None:
        root = rendered()
        assert_only_its_own_runs(root, render.headers())

    def test_the_headers_keep_the_address_secret(self) -> None:
        """The address is the permission to read the page."""
        assert render.headers().items() >= {
            ("Content-Type", "text/html; charset=utf-8"),
            ("Referrer-Policy", "no-referrer"),
            ("Cache-Control", "no-store"),
            ("X-Robots-Tag", "noindex, nofollow"),
            ("X-Content-Type-Options", "nosniff"),
            ("X-Frame-Options", "DENY"),
        }

    @every_stage
    def test_nothing_is_loaded_and_nothing_is_styled_in_place(self, progress: Progress, failed: list[Result]) -> None:
        document = render.render(progress, failed, url=URL, now=NOW).decode()
        assert re.findall(r"""\s(?:src|srcset|style|on\w+)=|@import|url\(|<link|<img|<iframe""", document) == []
        assert re.findall(r"https?://[^\s\"'<]+", document) == [f"{URL}?failedOnly=true&amp;format=csv"] * bool(
            progress.failed
        )

    def test_the_id_of_a_created_activity_which_names_its_learner_is_never_shown(self) -> None:
        result = replace(FAILED[0], id="learner:activity")
        assert b"learner:activity" not in render.render(RUNNING, [result], url=URL, now=NOW)


class TestDocument:
    @every_stage
    def test_without_javascript_it_reloads_itself_while_the_batch_runs(
        self, progress: Progress, failed: list[Result]
    ) -> None:
        refreshes = [meta for meta in rendered(progress, failed).all("meta") if "http-equiv" in meta.attributes]
        assert [meta.attributes["content"] for meta in refreshes] == ([] if progress.completed else ["5"])
        assert len(rendered(progress, failed).all("noscript")) == len(refreshes)

    @every_stage
    def test_the_script_sees_whether_the_batch_runs(self, progress: Progress, failed: list[Result]) -> None:
        expected = "completed" if progress.completed else "running"
        assert rendered(progress, failed).one("main").attributes["data-status"] == expected

    @every_stage
    def test_headings_go_down_one_level_at_a_time(self, progress: Progress, failed: list[Result]) -> None:
        levels = [
            int(level) for level in re.findall("<h([1-6])", render.render(progress, failed, url=URL, now=NOW).decode())
        ]
        assert levels[0] == 1
        assert levels.count(1) == 1
        assert all(after <= before + 1 for before, after in pairwise(levels))

    @every_stage
    def test_every_id_is_there_once_and_every_label_leads_to_one(
        self, progress: Progress, failed: list[Result]
    ) -> None:
        document = render.render(progress, failed, url=URL, now=NOW).decode()
        ids = re.findall(r' id="([^"]*)"', document)
        assert len(set(ids)) == len(ids)
        assert set(re.findall(r' aria-labelledby="([^"]*)"', document)) <= set(ids)

    def test_language_size_and_schemes_are_declared(self) -> None:
        root = rendered()
        assert root.one("html").attributes["lang"] == "en"
        metas = {meta.attributes.get("name"): meta.attributes["content"] for meta in root.all("meta")[1:]}
        assert metas["viewport"] == "width=device-width, initial-scale=1"
        assert metas["color-scheme"] == "light dark"

    @given(st.integers(1, 10**6), st.integers(0, 10**6))
    def test_the_announced_line_changes_a_few_times_only(self, total: int, done: int) -> None:
        """A screen reader reads it out at each change."""
        progress = Progress(Batch("id", total, SENT), succeeded=min(done, total - 1))
        assert rendered(progress, []).one(".state").text in {
            "In progress",
            "In progress, more than a quarter is done",
            "In progress, more than half is done",
            "In progress, more than three quarters are done",
        }

    def test_nothing_moves_for_readers_who_want_no_motion(self) -> None:
        moving = re.compile(r"transition|animation|scroll-behavior")
        allowed = re.compile(r"@media \(prefers-reduced-motion: no-preference\) \{.*?\n\}", re.DOTALL)
        calm = allowed.sub("", frame.text_of("page.css"))
        assert moving.search(frame.text_of("page.css"))
        assert not moving.search(calm)

    def test_a_thousand_failures_make_a_page_that_can_be_sent_every_few_seconds(self) -> None:
        failed = [failure(index, "activityExists", f"It has the id {index}. " * 5) for index in range(1000)]
        assert len(render.render(replace(RUNNING, failed=1000), failed, url=URL, now=NOW)) < 400_000


class TestUnknown:
    def test_a_batch_that_does_not_exist_has_a_page_of_its_own(self) -> None:
        root = parse(render.render_unknown())
        assert root.one("h1").text == "There is no such batch"
        assert "removed" in root.one("main").text
        assert root.all("script") + root.all("noscript") == []

    def test_it_is_styled_under_the_same_policy(self) -> None:
        assert parse(render.render_unknown()).one("style").raw_text == frame.text_of("page.css")
