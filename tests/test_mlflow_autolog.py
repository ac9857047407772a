"""What MLflow's autologging and its models write, by the unmodified client: the classic frameworks, end to end."""

import time

import lightgbm
import mlflow
import numpy as np
import pytest
import sklearn.linear_model
import sklearn.model_selection
import xgboost

ROWS = np.random.default_rng(1).normal(size=(200, 4))
TRUTH = (ROWS[:, 0] + ROWS[:, 1] > 0).astype(int)


@pytest.fixture
def client(tracking):
    mlflow.set_experiment(f"autolog-{time.time_ns()}")
    yield mlflow.MlflowClient(tracking.url)
    for flavor in (mlflow.sklearn, mlflow.xgboost, mlflow.lightgbm):
        flavor.autolog(disable=True, silent=True)


def outputs(client, run):
    return [client.get_logged_model(output.model_id) for output in client.get_run(run.info.run_id).outputs.model_outputs]


def test_sklearn(client):
    mlflow.sklearn.autolog(silent=True)
    with mlflow.start_run() as run:
        model = sklearn.linear_model.LogisticRegression(C=0.5).fit(ROWS, TRUTH)
        score = model.score(ROWS, TRUTH)
    found = client.get_run(run.info.run_id)
    assert found.info.status == "FINISHED"
    assert found.data.params["C"] == "0.5" and found.data.tags["estimator_name"] == "LogisticRegression"
    assert found.data.metrics["training_accuracy_score"] == pytest.approx(score)
    assert len(found.inputs.dataset_inputs) == 1
    (logged,) = outputs(client, run)
    assert str(logged.status) == "READY" and logged.source_run_id == run.info.run_id
    assert {metric.key for metric in logged.metrics} >= {"training_accuracy_score"}
    loaded = mlflow.sklearn.load_model(f"models:/{logged.model_id}")
    assert (loaded.predict(ROWS) == model.predict(ROWS)).all()
    paths = {artifact.path for artifact in client.list_artifacts(run.info.run_id)}
    assert "training_confusion_matrix.png" in paths and "estimator.html" in paths


def test_a_grid_search_has_a_run_for_each_trial(client):
    mlflow.sklearn.autolog(silent=True, max_tuning_runs=3, log_models=False)
    with mlflow.start_run() as run:
        sklearn.model_selection.GridSearchCV(sklearn.linear_model.LogisticRegression(), {"C": [0.1, 1.0, 10.0]}, cv=2).fit(ROWS, TRUTH)
    found = client.get_run(run.info.run_id)
    assert found.data.metrics["best_cv_score"] > 0.5
    children = client.search_runs([found.info.experiment_id], f"tags.`mlflow.parentRunId` = '{run.info.run_id}'")
    assert sorted(float(child.data.params["C"]) for child in children) == [0.1, 1.0, 10.0]


def test_xgboost(client):
    mlflow.xgboost.autolog(silent=True)
    with mlflow.start_run() as run:
        data = xgboost.DMatrix(ROWS, TRUTH, feature_names=list("abcd"))
        booster = xgboost.train({"objective": "binary:logistic", "max_depth": 2, "eval_metric": "logloss"}, data, 12, evals=[(data, "train")], verbose_eval=False)
    found = client.get_run(run.info.run_id)
    assert found.data.params["max_depth"] == "2" and found.data.params["num_boost_round"] == "12"
    assert len(client.get_metric_history(run.info.run_id, "train-logloss")) == 12
    (logged,) = outputs(client, run)
    loaded = mlflow.xgboost.load_model(f"models:/{logged.model_id}")
    assert loaded.predict(data) == pytest.approx(booster.predict(data))


def test_lightgbm(client):
    mlflow.lightgbm.autolog(silent=True)
    with mlflow.start_run() as run:
        data = lightgbm.Dataset(ROWS, TRUTH)
        lightgbm.train({"objective": "binary", "num_leaves": 4, "verbose": -1}, data, 10, valid_sets=[data], valid_names=["train"])
    found = client.get_run(run.info.run_id)
    assert found.data.params["num_leaves"] == "4"
    assert len(client.get_metric_history(run.info.run_id, "train-binary_logloss")) == 10
    (logged,) = outputs(client, run)
    assert mlflow.pyfunc.load_model(f"models:/{logged.model_id}").predict(ROWS).shape == (200,)


def test_a_model_of_a_run_is_found_by_its_name(client):
    model = sklearn.linear_model.LogisticRegression().fit(ROWS, TRUTH)
    with mlflow.start_run() as run:
        info = mlflow.sklearn.log_model(model, name="forest", input_example=ROWS[:2], params={"kind": "test"}, serialization_format="cloudpickle")
    (logged,) = outputs(client, run)
    assert (logged.model_id, logged.name, logged.params["kind"]) == (info.model_id, "forest", "test")
    loaded = mlflow.pyfunc.load_model(f"runs:/{run.info.run_id}/forest")
    assert (loaded.predict(ROWS) == model.predict(ROWS)).all()
    assert [found.model_id for found in mlflow.search_logged_models(filter_string="name = 'forest'", output_format="list")] == [logged.model_id]


def test_an_external_model(client):
    model = mlflow.create_external_model(name="elsewhere", params={"a": "1"}, tags={"t": "1"}, model_type="agent")
    found = client.get_logged_model(model.model_id)
    assert str(found.status) == "READY" and found.params == {"a": "1"} and found.model_type == "agent"
    mlflow.log_model_params({"b": "2"}, model.model_id)
    assert client.get_logged_model(model.model_id).params == {"a": "1", "b": "2"}


def test_evaluation_is_logged_with_its_model_and_data(client):
    model = sklearn.linear_model.LogisticRegression().fit(ROWS, TRUTH)
    with mlflow.start_run() as run:
        info = mlflow.sklearn.log_model(model, name="judged", serialization_format="cloudpickle")
        result = mlflow.models.evaluate(info.model_uri, ROWS, targets=TRUTH, model_type="classifier", evaluators=["default"], evaluator_config={"default": {"log_explainer": False}})
    found = client.get_run(run.info.run_id)
    assert found.data.metrics["accuracy_score"] == pytest.approx(result.metrics["accuracy_score"])
    assert any(metric.key == "accuracy_score" for metric in client.get_logged_model(info.model_id).metrics)
