"""Tracking as the unmodified mlflow client does it: fluent and MlflowClient."""

import math
import threading
import time

import mlflow
import pandas as pd
import pytest
from mlflow.entities import Dataset, DatasetInput, InputTag, Metric, Param, RunTag
from mlflow.exceptions import MlflowException

LARGEST = 1.7976931348623157e308


@pytest.fixture
def experiment(client, request):
    return client.create_experiment(f"{request.node.name}-{time.time_ns()}")


@pytest.fixture
def run(client, experiment):
    return client.create_run(experiment).info.run_id


def fault(call, *args, **options):
    with pytest.raises(MlflowException) as raised:
        call(*args, **options)
    return raised.value


# Experiments


def test_the_default_experiment_is_there(client):
    default = client.get_experiment("0")
    assert (default.name, default.lifecycle_stage, default.artifact_location) == ("Default", "active", "mlflow-artifacts:/0")


def test_an_experiment_is_kept_whole(client):
    name = f"whole-{time.time_ns()}"
    id = client.create_experiment(name, artifact_location="s3://bucket/path?a=b", tags={"team": "ops"})
    for found in (client.get_experiment(id), client.get_experiment_by_name(name)):
        assert (found.experiment_id, found.name, found.artifact_location, found.tags) == (id, name, "s3://bucket/path?a=b", {"team": "ops"})
        assert found.creation_time == found.last_update_time
    run = client.create_run(id)
    assert run.info.artifact_uri == f"s3://bucket/path/{run.info.run_id}/artifacts?a=b"
    assert client.get_experiment_by_name("nobody") is None


def test_experiments_are_renamed_tagged_deleted_and_restored(client, experiment):
    client.rename_experiment(experiment, f"new-{experiment}")
    client.set_experiment_tag(experiment, "k", "v" * 20000)
    assert client.get_experiment(experiment).name == f"new-{experiment}"
    assert client.get_experiment(experiment).tags["k"] == "v" * 20000
    client.delete_experiment_tag(experiment, "k")
    assert client.get_experiment(experiment).tags == {}
    run = client.create_run(experiment).info.run_id
    client.delete_experiment(experiment)
    assert client.get_experiment(experiment).lifecycle_stage == "deleted"
    assert client.get_run(run).info.lifecycle_stage == "deleted"
    assert "must be in the 'active' state" in fault(client.create_run, experiment).message
    client.restore_experiment(experiment)
    assert client.get_run(run).info.lifecycle_stage == "active"


def test_what_is_wrong_about_experiments_is_said_in_mlflows_words(client, experiment):
    name = client.get_experiment(experiment).name
    taken = fault(client.create_experiment, name)
    assert taken.error_code == "RESOURCE_ALREADY_EXISTS" and f"Experiment(name={name}) already exists." in taken.message
    client.delete_experiment(experiment)
    assert fault(client.create_experiment, name).error_code == "RESOURCE_ALREADY_EXISTS"
    unknown = fault(client.get_experiment, "12345")
    assert unknown.error_code == "RESOURCE_DOES_NOT_EXIST" and "No Experiment with id=12345 exists" in unknown.message
    assert "Invalid experiment ID 'abc'. Experiment ID must be a valid integer." in fault(client.get_experiment, "abc").message
    assert fault(client.delete_experiment, experiment).error_code == "RESOURCE_DOES_NOT_EXIST"
    assert "No tag with name: x" in fault(client.delete_experiment_tag, "0", "x").message
    assert "exceeds the maximum length of 500 characters" in fault(client.create_experiment, "n" * 501).message


# Runs


def test_a_run_with_the_fluent_api(tracking, client):
    mlflow.set_experiment(f"fluent-{time.time_ns()}")
    with mlflow.start_run(run_name="parent", description="first", tags={"a": "b"}) as parent:
        mlflow.log_param("depth", 3)
        mlflow.log_params({"eta": 0.1, "name": "ümlaut"})
        for step in range(5):
            mlflow.log_metric("loss", 1 / (step + 1), step=step)
        mlflow.log_metrics({"auc": 0.9, "acc": 0.8}, step=4)
        mlflow.set_tags({"stage": "test"})
        with mlflow.start_run(run_name="child", nested=True) as child:
            mlflow.log_metric("loss", 7)
    found = client.get_run(parent.info.run_id)
    assert found.info.status == "FINISHED" and found.info.end_time >= found.info.start_time
    assert found.info.run_name == "parent" and found.info.user_id
    assert found.data.params == {"depth": "3", "eta": "0.1", "name": "ümlaut"}
    assert found.data.metrics == {"loss": 0.2, "auc": 0.9, "acc": 0.8}
    assert found.data.tags["stage"] == "test" and found.data.tags["mlflow.note.content"] == "first"
    assert found.info.artifact_uri == f"mlflow-artifacts:/{found.info.experiment_id}/{found.info.run_id}/artifacts"
    assert client.get_run(child.info.run_id).data.tags["mlflow.parentRunId"] == parent.info.run_id


def test_a_run_that_fails_is_failed(tracking, client, experiment):
    with pytest.raises(ZeroDivisionError), mlflow.start_run(experiment_id=experiment) as run:
        1 / 0
    assert client.get_run(run.info.run_id).info.status == "FAILED"


def test_a_run_has_a_name_of_its_own_or_its_tags(client, experiment):
    run = client.create_run(experiment, start_time=1234)
    assert run.info.start_time == 1234 and run.info.status == "RUNNING"
    assert len(run.info.run_id) == 32 and run.info.run_id == run.info.run_id.lower()
    assert run.info.run_name.count("-") == 2 and run.data.tags["mlflow.runName"] == run.info.run_name
    assert client.create_run(experiment, tags={"mlflow.runName": "tagged"}).info.run_name == "tagged"
    client.update_run(run.info.run_id, status="KILLED", name="renamed")
    found = client.get_run(run.info.run_id)
    assert (found.info.run_name, found.info.status, found.data.tags["mlflow.runName"]) == ("renamed", "KILLED", "renamed")
    client.set_tag(run.info.run_id, "mlflow.runName", "again")
    assert client.get_run(run.info.run_id).info.run_name == "again"
    differs = fault(client.create_run, experiment, run_name="a", tags={"mlflow.runName": "b"})
    assert "Both 'run_name' argument and 'mlflow.runName' tag are specified" in differs.message


def test_set_terminated_says_when(client, run):
    client.set_terminated(run, "FAILED", end_time=99)
    assert (client.get_run(run).info.status, client.get_run(run).info.end_time) == ("FAILED", 99)
    client.update_run(run, status="RUNNING")
    assert client.get_run(run).info.status == "RUNNING"


def test_a_deleted_run_does_not_change(client, run):
    client.delete_run(run)
    assert client.get_run(run).info.lifecycle_stage == "deleted"
    for call, args in [(client.log_metric, ("m", 1)), (client.log_param, ("p", 1)), (client.set_tag, ("t", 1)), (client.set_terminated, ()),
                       (client.log_batch, ([Metric("m", 1, 0, 0)],)), (client.delete_tag, ("t",))]:
        error = fault(call, run, *args)
        assert error.error_code == "INVALID_PARAMETER_VALUE"
        assert f"The run {run} must be in the 'active' state. Current state is deleted." in error.message
    client.restore_run(run)
    client.log_metric(run, "m", 1)
    unknown = fault(client.get_run, "0" * 32)
    assert unknown.error_code == "RESOURCE_DOES_NOT_EXIST" and f"Run with id={'0' * 32} not found" in unknown.message


def test_a_run_whose_client_is_gone_is_ended_where_that_is_asked_for(client, experiment, run):
    assert "it must be a time like" in fault(client.set_experiment_tag, experiment, "millrace.heartbeat_timeout", "soon").message
    client.set_experiment_tag(experiment, "millrace.heartbeat_timeout", "1s")
    deadline = time.monotonic() + 30
    while client.get_run(run).info.status == "RUNNING":
        assert time.monotonic() < deadline
    found = client.get_run(run)
    assert found.info.status == "FAILED" and found.info.end_time
    assert "nothing was heard of it for 1s" in found.data.tags["millrace.ended_because"]
    client.set_terminated(run)
    assert client.get_run(run).info.status == "FINISHED"


# Params and tags


def test_a_param_is_written_once(client, run):
    client.log_param(run, "a", 1)
    client.log_param(run, "a", 1)
    with pytest.raises(MlflowException) as changed:
        client.log_param(run, "a", 2)
    assert f"Changing param values is not allowed. Param with key='a' was already logged with value='1' for run ID='{run}'. Attempted logging new value '2'." in str(changed.value)
    both = fault(client.log_batch, run, params=[Param("b", "1"), Param("a", "2")])
    assert "'key': 'a', 'old_value': '1', 'new_value': '2'" in both.message
    assert client.get_run(run).data.params == {"a": "1"}


def test_what_is_too_long_is_cut_or_refused(client, run):
    client.log_param(run, "p", "é" * 6001)
    client.set_tag(run, "t", "x" * 8001)
    data = client.get_run(run).data
    assert data.params["p"] == "é" * 6000 and data.tags["t"] == "x" * 8000
    client.log_metric(run, "k" * 250, 1)
    for call in (client.log_metric, client.log_param, client.set_tag):
        with pytest.raises(MlflowException, match="exceeds the maximum length of 250"):
            call(run, "k" * 251, 1)


def test_tags_are_overwritten_and_deleted(client, run):
    client.set_tag(run, "t", "1")
    client.set_tag(run, "t", "2")
    assert client.get_run(run).data.tags["t"] == "2"
    client.delete_tag(run, "t")
    assert "t" not in client.get_run(run).data.tags
    gone = fault(client.delete_tag, run, "t")
    assert gone.error_code == "RESOURCE_DOES_NOT_EXIST" and f"No tag with name: t in run with id {run}" in gone.message


# Metrics


def test_the_latest_metric_and_its_history(client, run):
    client.log_metric(run, "m", 1, timestamp=50, step=2)
    client.log_metric(run, "m", 9, timestamp=99, step=1)
    client.log_metric(run, "m", 3, timestamp=50, step=2)
    client.log_metric(run, "m", 3, timestamp=50, step=2)
    assert client.get_run(run).data.metrics["m"] == 3
    assert [(m.timestamp, m.step, m.value) for m in client.get_metric_history(run, "m")] == [(50, 2, 1), (50, 2, 3), (99, 1, 9)]
    assert client.get_metric_history(run, "other") == []


def test_values_that_are_not_finite(client, run):
    client.log_batch(run, [Metric("nan", math.nan, 1, 0), Metric("up", math.inf, 1, 0), Metric("down", -math.inf, 1, 0)])
    client.log_metric(run, "single", math.nan)
    data = client.get_run(run).data.metrics
    assert math.isnan(data["nan"]) and math.isnan(data["single"])
    assert (data["up"], data["down"]) == (LARGEST, -LARGEST)
    assert math.isnan(client.get_metric_history(run, "nan")[0].value)


def test_a_long_history_comes_in_pages(client, run):
    points = [Metric("m", i * 0.5, 1000 + i, i) for i in range(30_000)]
    for begin in range(0, len(points), 1000):
        client.log_batch(run, metrics=points[begin : begin + 1000])
    history = client.get_metric_history(run, "m")
    assert [(m.value, m.timestamp, m.step) for m in history] == [(m.value, m.timestamp, m.step) for m in points]


def test_a_batch_is_all_or_nothing(client, run):
    client.log_batch(run, [Metric("m", 1, 1, 1)], [Param("p", "1")], [RunTag("t", "1")])
    error = fault(client.log_batch, run, [Metric("n", 1, 1, 1)], [Param("p", "2")], [RunTag("u", "1")])
    assert error.error_code == "INVALID_PARAMETER_VALUE"
    data = client.get_run(run).data
    assert data.metrics == {"m": 1} and "u" not in data.tags


def test_asynchronous_logging(tracking, client, experiment):
    with mlflow.start_run(experiment_id=experiment) as run:
        waits = [mlflow.log_metric("m", step, step=step, synchronous=False) for step in range(50)]
        waits.append(mlflow.log_params({"a": 1, "b": 2}, synchronous=False))
        waits.append(mlflow.set_tags({"t": "1"}, synchronous=False))
        for wait in waits:
            wait.wait()
    mlflow.flush_async_logging()
    assert [m.step for m in client.get_metric_history(run.info.run_id, "m")] == list(range(50))
    data = client.get_run(run.info.run_id).data
    assert data.params == {"a": "1", "b": "2"} and data.tags["t"] == "1"


def test_many_threads_log_to_one_run(client, run):
    def log(thread):
        for step in range(20):
            client.log_metric(run, f"m{thread}", step, step=step)

    threads = [threading.Thread(target=log, args=(thread,)) for thread in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(len(client.get_metric_history(run, f"m{thread}")) == 20 for thread in range(8))


# Inputs and outputs


def test_a_logged_dataset(tracking, client, experiment):
    frame = pd.DataFrame({"x": [1, 2, 3], "y": [0.1, 0.2, 0.3]})
    dataset = mlflow.data.from_pandas(frame, source="s3://bucket/data.parquet", name="delays", targets="y")
    with mlflow.start_run(experiment_id=experiment) as run:
        mlflow.log_input(dataset, context="training")
        mlflow.log_input(dataset, context="training")
    inputs = client.get_run(run.info.run_id).inputs.dataset_inputs
    assert len(inputs) == 1
    assert (inputs[0].dataset.name, inputs[0].dataset.digest) == ("delays", dataset.digest)
    assert {tag.key: tag.value for tag in inputs[0].tags} == {"mlflow.data.context": "training"}
    assert '"x"' in inputs[0].dataset.schema and "num_rows" in inputs[0].dataset.profile
    found = tracking.request("POST", "/ajax-api/2.0/mlflow/experiments/search-datasets", json={"experiment_ids": [experiment]})
    assert found == {"dataset_summaries": [{"experiment_id": experiment, "name": "delays", "digest": dataset.digest, "context": "training"}]}


def test_datasets_have_limits(client, run):
    def dataset(**changes):
        return DatasetInput(Dataset(**({"name": "n", "digest": "d", "source_type": "s", "source": "t"} | changes)), changes.get("tags", []))

    for field, most in [("name", 500), ("digest", 36), ("source", 65_535)]:
        client.log_inputs(run, [dataset(**{field: "x" * most})])
        with pytest.raises(MlflowException, match=f"'{field}' exceeds the maximum length of {most} characters"):
            client.log_inputs(run, [dataset(**{field: "x" * (most + 1)})])
    client.log_inputs(run, [DatasetInput(Dataset("tagged", "d", "s", "t"), [InputTag("k", "v")])])
    assert len(client.get_run(run).inputs.dataset_inputs) == 4


# Logged models


def test_a_logged_model_from_birth_to_deletion(tracking, client, experiment, run):
    model = client.create_logged_model(experiment, name="forest", source_run_id=run, model_type="agent", params={"a": "1"}, tags={"t": "1"})
    assert str(model.status) == "PENDING"
    assert model.model_id.startswith("m-") and len(model.model_id) == 34
    client.finalize_logged_model(model.model_id, "READY")
    found = client.get_logged_model(model.model_id)
    assert (found.name, found.experiment_id, found.source_run_id, found.model_type) == ("forest", experiment, run, "agent")
    assert found.params == {"a": "1"} and found.tags["t"] == "1" and str(found.status) == "READY"
    assert found.artifact_location == f"mlflow-artifacts:/{experiment}/models/{model.model_id}/artifacts"
    client.set_logged_model_tags(model.model_id, {"t": "2", "u": "3"})
    client.delete_logged_model_tag(model.model_id, "u")
    mlflow.log_model_params({"b": "2"}, model.model_id)
    client.finalize_logged_model(model.model_id, "FAILED")
    found = client.get_logged_model(model.model_id)
    assert found.tags["t"] == "2" and "u" not in found.tags and found.params == {"a": "1", "b": "2"} and str(found.status) == "FAILED"
    assert fault(client.delete_logged_model_tag, model.model_id, "u").error_code == "RESOURCE_DOES_NOT_EXIST"
    client.delete_logged_model(model.model_id)
    assert f"Logged model with ID '{model.model_id}' not found." in fault(client.get_logged_model, model.model_id).message
    assert "Invalid model name" in fault(client.create_logged_model, experiment, name="a/b").message


def test_metrics_of_a_model_on_a_dataset(tracking, client, experiment):
    model = client.create_logged_model(experiment, name="forest")
    dataset = mlflow.data.from_pandas(pd.DataFrame({"x": [1]}), name="holdout")
    with mlflow.start_run(experiment_id=experiment) as run:
        mlflow.log_metric("auc", 0.9, step=1, model_id=model.model_id, dataset=dataset)
        mlflow.log_metrics({"acc": 0.8}, model_id=model.model_id)
    metrics = {metric.key: metric for metric in client.get_logged_model(model.model_id).metrics}
    assert (metrics["auc"].value, metrics["auc"].dataset_name, metrics["auc"].dataset_digest) == (0.9, "holdout", dataset.digest)
    assert metrics["auc"].run_id == run.info.run_id and metrics["acc"].value == 0.8
    found = client.get_run(run.info.run_id)
    assert found.data.metrics == {"auc": 0.9, "acc": 0.8}
    assert [model_input.model_id for model_input in found.inputs.model_inputs] == [model.model_id]


def test_a_models_output_of_a_run(client, experiment, run):
    model = client.create_logged_model(experiment, name="m")
    client.log_outputs(run, [mlflow.entities.LoggedModelOutput(model.model_id, 3)])
    assert [(output.model_id, output.step) for output in client.get_run(run).outputs.model_outputs] == [(model.model_id, 3)]
