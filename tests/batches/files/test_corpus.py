"""Files as people have them mean what they mean, whatever they are called on their way."""

import pytest

from activities.batches.requests import parse, parse_file
from tests.batches.files.corpus import CORPUS, CSV_FILES, WORKBOOKS, Sample

SAMPLES = [pytest.param(one, id=name) for name, one in CORPUS.items()]


def test_the_corpus_is_large_enough_to_mean_something() -> None:
    assert len(CORPUS) >= 40


@pytest.mark.parametrize("sample", SAMPLES)
def test_a_file_means_its_records(sample: Sample) -> None:
    read = parse_file(sample.body, query=sample.query)
    sent = [record for record in read.records if not record.problem]
    assert [record.content for record in sent] == list(sample.records)
    assert all(any(words in remark for remark in read.origin.remarks) for words in sample.remarks), read.origin.remarks
    refused = {record.index: record.problem.message for record in read.records if record.problem}
    assert refused.keys() == sample.refused.keys(), refused
    assert all(sample.refused[index] in message for index, message in refused.items())


@pytest.mark.parametrize("sample", [pytest.param(one, id=name) for name, one in CSV_FILES.items()])
def test_a_csv_file_is_the_same_batch_when_it_is_called_one(sample: Sample) -> None:
    assert parse(sample.body, media_type="text/csv", query=sample.query) == parse_file(sample.body, query=sample.query)


@pytest.mark.parametrize("media_type", ["", "application/json", "text/csv", "application/octet-stream"])
@pytest.mark.parametrize("sample", [pytest.param(one, id=name) for name, one in WORKBOOKS.items()])
def test_a_workbook_is_a_workbook_whatever_it_is_called(sample: Sample, media_type: str) -> None:
    assert parse(sample.body, media_type=media_type, query=sample.query) == parse_file(sample.body, query=sample.query)
