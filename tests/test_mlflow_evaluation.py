"""Evaluation datasets and evaluations, as the unmodified mlflow client logs them."""

import time

import mlflow
import pandas as pd
import pytest
import requests
from mlflow.exceptions import MlflowException
from mlflow.genai import datasets

pytestmark = pytest.mark.usefixtures("tracking")


@pytest.fixture
def experiment(request):
    return mlflow.set_experiment(f"{request.node.name}-{time.time_ns()}").experiment_id


@pytest.fixture
def dataset(experiment):
    return datasets.create_dataset(name=f"qa-{time.time_ns()}", experiment_id=[experiment], tags={"team": "ops", "n": "1"})


RECORDS = [
    {"inputs": {"q": "what?", "k": 1}, "outputs": {"a": "this"}, "expectations": {"answer": "that"}, "tags": {"t": "1"}},
    {"inputs": {"q": "who?", "k": 2}},
]


def test_a_dataset_is_kept_whole(dataset, experiment):
    got = datasets.get_dataset(dataset_id=dataset.dataset_id)
    assert (got.name, got.tags["team"], got.experiment_ids, got.digest) == (dataset.name, "ops", [experiment], dataset.digest)
    assert got.dataset_id.startswith("d-") and got.created_time == got.last_update_time and got.schema is None
    datasets.delete_dataset(dataset_id=dataset.dataset_id)
    with pytest.raises(MlflowException, match="not found"):
        datasets.get_dataset(dataset_id=dataset.dataset_id)


def test_records_are_merged_by_their_inputs(dataset):
    dataset.merge_records(RECORDS)
    dataset.merge_records([{"inputs": {"k": 1, "q": "what?"}, "expectations": {"more": 2}, "tags": {"u": "2"}}])
    got = mlflow.MlflowClient().get_dataset(dataset.dataset_id)
    one, other = got.records
    assert (one.inputs, one.outputs, one.expectations) == ({"q": "what?", "k": 1}, {"a": "this"}, {"answer": "that", "more": 2})
    assert (one.tags["t"], one.tags["u"]) == ("1", "2") and other.expectations is None
    assert len(got.to_df()) == 2 and got.profile == '{"num_records": 2}'
    assert '"k":"integer"' in got.schema.replace(" ", "")
    assert got.delete_records([one.dataset_record_id]) == 1
    assert datasets.get_dataset(dataset_id=dataset.dataset_id).profile == '{"num_records": 1}'


def test_records_come_from_traces(dataset, experiment):
    with mlflow.start_span("s") as span:
        span.set_inputs({"q": "from a trace?"})
        span.set_outputs("yes")
    mlflow.flush_trace_async_logging()
    mlflow.log_expectation(trace_id=span.trace_id, name="answer", value="yes")
    dataset.merge_records(mlflow.search_traces(locations=[experiment]))
    (record,) = mlflow.MlflowClient().get_dataset(dataset.dataset_id).records
    assert (record.inputs, record.expectations, record.source_id, record.source_type) == ({"q": "from a trace?"}, {"answer": "yes"}, span.trace_id, "TRACE")


def test_datasets_are_found(dataset, experiment):
    other = datasets.create_dataset(name=f"other-{time.time_ns()}", experiment_id=experiment)
    names = lambda **options: [d.name for d in datasets.search_datasets(experiment_ids=experiment, **options)]
    assert names() == [other.name, dataset.name]
    assert names(filter_string="tags.team = 'ops'") == [dataset.name]
    assert names(filter_string="name LIKE 'other-%'") == [other.name]
    assert names(order_by=["created_time ASC"], max_results=1) == [dataset.name]
    with pytest.raises(MlflowException, match="Invalid attribute key 'color'"):
        names(filter_string="color = 'red'")


def test_tags_and_experiments_change(dataset, experiment):
    client = mlflow.MlflowClient()
    client.set_dataset_tags(dataset.dataset_id, {"team": "ml", "new": "x"})
    client.delete_dataset_tag(dataset.dataset_id, "n")
    tags = client.get_dataset(dataset.dataset_id).tags
    assert (tags["team"], tags["new"]) == ("ml", "x") and "n" not in tags
    second = client.create_experiment(f"second-{time.time_ns()}")
    assert client.add_dataset_to_experiments(dataset.dataset_id, [second]).experiment_ids == sorted([experiment, second], key=int)
    assert client.remove_dataset_from_experiments(dataset.dataset_id, [experiment]).experiment_ids == [second]
    with pytest.raises(MlflowException, match="No Experiment with id=999999"):
        client.add_dataset_to_experiments(dataset.dataset_id, ["999999"])


def test_what_is_wrong_about_records_is_said(tracking, dataset):
    url = f"{tracking.url}/api/3.0/mlflow/datasets/{dataset.dataset_id}/records"
    for records in ("", "{", "{}", "[1]", '[{"inputs": 1}]', "[" * 10_000):
        assert requests.post(url, json={"records": records}).status_code == 400, records[:20]
    assert requests.post(url, json={"records": '[{"inputs": {"a": 1}}, 7]'}).status_code == 400
    assert requests.get(url).json() == {"records": "[]"}
    assert requests.get(f"{tracking.url}/api/3.0/mlflow/datasets/d-nobody/records").status_code == 404


def test_many_records_are_read_in_pages(tracking, dataset):
    dataset.merge_records([{"inputs": {"i": i}} for i in range(25)])
    url = f"{tracking.url}/api/3.0/mlflow/datasets/{dataset.dataset_id}/records"
    first = requests.get(url, params={"max_results": 20}).json()
    second = requests.get(url, params={"max_results": 20, "page_token": first["next_page_token"]}).json()
    assert first["records"].count("dataset_record_id") == 20 and second["records"].count("dataset_record_id") == 5
    assert "next_page_token" not in second


def test_an_evaluation_of_a_model_is_logged(experiment):
    table = pd.DataFrame({"x": [1.0, 2.0, 3.0, 4.0], "y": [1.0, 2.0, 3.0, 5.0], "p": [1.0, 2.0, 3.0, 4.0]})
    with mlflow.start_run() as run:
        result = mlflow.models.evaluate(data=table, targets="y", predictions="p", model_type="regressor")
    logged = mlflow.get_run(run.info.run_id)
    assert logged.data.metrics["mean_absolute_error"] == pytest.approx(0.25) == result.metrics["mean_absolute_error"]
    assert logged.inputs.dataset_inputs


def test_an_evaluation_of_answers_is_logged(experiment):
    @mlflow.genai.scorer
    def short(outputs):
        return len(outputs) < 10

    data = [{"inputs": {"q": "what?"}, "expectations": {"answer": "this"}}, {"inputs": {"q": "why?"}, "expectations": {"answer": "that"}}]
    result = mlflow.genai.evaluate(data=data, predict_fn=lambda q: q.upper(), scorers=[short])
    assert result.metrics["short/mean"] == 1.0
    traces = mlflow.search_traces(locations=[experiment], run_id=result.run_id, return_type="list")
    assert len(traces) == 2
    for trace in traces:
        said = {a.name: a.value for a in trace.info.assessments}
        assert said["short"] is True and said["answer"] in ("this", "that")
