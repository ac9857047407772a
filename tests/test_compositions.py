"""Several models answer as one endpoint: ensembles and chains of models that MLflow's client registered, of every kind that is served, held to what the
members answer by themselves."""

import sys
import threading

import lightgbm as lgb
import mlflow
import numpy as np
import pandas as pd
import pytest
import requests
import tritonclient.grpc as grpc
import tritonclient.http as http
import xgboost as xgb
from mlflow import MlflowClient
from mlflow.models import infer_signature
from serving import register
from skl2onnx import to_onnx
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from running import Server

COLUMNS = ["a", "b", "c"]


def table(rows, seed=5):
    return pd.DataFrame(np.random.default_rng(seed).normal(size=(rows, 3)).astype(np.float32), columns=COLUMNS)


def truth(rows):
    return (rows["a"] + rows["b"] * rows["c"] > 0).to_numpy()


def booster(seed, rounds=10):
    rows = table(400, seed)
    return xgb.train({"objective": "binary:logistic", "max_depth": 4, "seed": seed}, xgb.DMatrix(rows, label=truth(rows)), rounds)


def stacker():
    answers = pd.DataFrame(np.random.default_rng(2).random((300, 4)), columns=["xgb", "lgb", "no", "yes"])
    return xgb.train({"objective": "binary:logistic", "max_depth": 3}, xgb.DMatrix(answers, label=answers.mean(axis=1) > 0.5), 8)


def python_models():
    """Of classes that are pickled whole, since they are this function's."""

    class Doubled(mlflow.pyfunc.PythonModel):
        def predict(self, context, model_input, params=None):
            return (model_input["a"] * 0.5 + model_input["b"]).clip(0, 1).to_numpy()

    class Standardised(mlflow.pyfunc.PythonModel):
        def predict(self, context, model_input, params=None):
            return (model_input - 0.25) * 2

    return {"doubled": Doubled(), "standardised": Standardised()}


def forest_as_onnx(rows, **options):
    model = RandomForestClassifier(12, max_depth=5, random_state=1).fit(rows.to_numpy(), truth(rows).astype(int))
    return to_onnx(model, rows.to_numpy()[:1], options={id(model): {"zipmap": False}}, **options)


def register_python(model, name, example):
    with mlflow.start_run():
        mlflow.pyfunc.log_model(name="model", python_model=model, registered_model_name=name, input_example=example)
    MlflowClient().set_registered_model_alias(name, "champion", "1")


@pytest.fixture(scope="module")
def models(millrace, tmp_path_factory):
    """A server with models of every kind, and an endpoint for each alone."""
    with Server(millrace, tmp_path_factory.mktemp("compositions") / "home", options=("--python", sys.executable)) as server, pytest.MonkeyPatch.context() as patch:
        patch.chdir(server.home)
        mlflow.set_tracking_uri(server.url)
        rows = table(400)
        register(mlflow.xgboost, booster(1), "xgb")
        register(mlflow.xgboost, booster(2), "xgb", alias="next")
        register(mlflow.lightgbm, lgb.train({"objective": "binary", "verbose": -1, "num_leaves": 7}, lgb.Dataset(rows[["b", "a"]], truth(rows)), 10), "lgb")
        signature = infer_signature(rows)
        register(mlflow.onnx, forest_as_onnx(rows), "forest", signature=signature)
        register(mlflow.onnx, to_onnx(StandardScaler().fit(rows.to_numpy()), rows.to_numpy()[:1]), "scaler", signature=signature)
        names = np.where(truth(rows), "yes", "no")
        register(mlflow.onnx, to_onnx(LogisticRegression().fit(rows.to_numpy(), names), rows.to_numpy()[:1]), "words")
        for name, model in python_models().items():
            register_python(model, name, rows.astype(float).head(2))
        register(mlflow.xgboost, stacker(), "meta")
        yield server
        mlflow.set_tracking_uri(None)


ALONE = "".join(f"---\nkind: Endpoint\nname: {name}\nmodel: {name}\n" for name in ("xgb", "lgb", "forest", "scaler", "words", "doubled", "standardised", "meta"))


@pytest.fixture
def both(request):
    """The name of an endpoint that no other test has, since its log would have other columns."""
    return "".join(letter if letter.isalnum() else "_" for letter in request.node.name)[:60]


@pytest.fixture
def compose(models, both, tmp_path):
    """Serves the lines as an endpoint, beside each model alone."""
    mlflow.set_tracking_uri(models.url)

    def apply(lines, expect=0, alone=ALONE):
        folder = tmp_path / "project"
        folder.mkdir(exist_ok=True)
        (folder / "serving.yaml").write_text(f"kind: Project\nname: composed\n{alone}---\nkind: Endpoint\nname: {both}\n{lines}")
        done = models.run("apply", folder)
        assert done.returncode == expect, done.stderr
        return done.stderr

    return apply


def as_tensors(rows, columns=None):
    return [{"name": name, "shape": [len(rows)], "datatype": "FP64", "data": rows[name].astype(float).tolist()} for name in columns or rows]


def outputs_of(answer):
    """Numbers of FP32 are written so that the same float is read."""
    as_told = lambda output: np.array(output["data"], np.float32 if output["datatype"] == "FP32" else None).reshape(output["shape"])
    return {output["name"]: as_told(output) for output in answer["outputs"]}


def infer(server, endpoint, rows, columns=None, **more):
    return outputs_of(server.post(f"/v2/models/{endpoint}/infer", json={"inputs": as_tensors(rows, columns), **more}))


def matrix(server, endpoint, rows, name="X"):
    values = np.asarray(rows, np.float32)
    tensor = {"name": name, "shape": list(values.shape), "datatype": "FP32", "data": values.ravel().tolist()}
    answer = server.post(f"/v2/models/{endpoint}/infer", json={"inputs": [tensor]})
    return outputs_of(answer)


def answers_alone(server, rows):
    """P(1) by each of the members."""
    return {
        "xgb": infer(server, "xgb", rows)["prediction"],
        "lgb": infer(server, "lgb", rows, ["b", "a"])["prediction"],
        "forest": matrix(server, "forest", rows)["probabilities"][:, 1],
        "doubled": infer(server, "doubled", rows)["prediction"],
    }


MEAN = """ensemble:
  combine: mean
  of:
    - {model: xgb, weight: 2}
    - {model: lgb}
    - {model: forest, output: probabilities, class: 1}
"""


def test_a_mean_of_trees_onnx_and_python_is_the_mean_of_their_answers(models, compose, both):
    compose(MEAN)
    rows = table(50, 9)
    alone = answers_alone(models, rows)
    expected = np.average([alone["xgb"], alone["lgb"], alone["forest"]], axis=0, weights=[2, 1, 1])
    np.testing.assert_allclose(infer(models, both, rows)["prediction"], expected, rtol=1e-15)
    compose(MEAN + "    - {model: doubled}\n")
    expected = np.average([alone["xgb"], alone["lgb"], alone["forest"], alone["doubled"]], axis=0, weights=[2, 1, 1, 1])
    np.testing.assert_allclose(infer(models, both, rows)["prediction"], expected, rtol=1e-15)
    compose(MEAN + "    - {model: words, output: output_probability, class: 'yes'}\n")
    # It names no columns, so that its matrix is an input of its own.
    assert [column["name"] for column in models.get(f"/v2/models/{both}")["inputs"]] == ["a", "b", "c", "X"]
    compose(MEAN + "    - {model: doubled}\n")
    stats = models.get(f"/api/v1/endpoints/{both}/stats")
    assert stats["waits"] and len(stats["workers"]) == 1 and stats["batching"]["measured"]


def test_its_inputs_are_those_of_all_members(models, compose, both):
    compose(MEAN + "    - {model: doubled}\n")
    described = models.get(f"/v2/models/{both}")
    assert [(column["name"], column["datatype"]) for column in described["inputs"]] == [("a", "FP64"), ("b", "FP64"), ("c", "FP64")]
    assert described["outputs"] == [{"name": "prediction", "datatype": "FP64", "shape": [-1]}]
    assert described["platform"] == "millrace_ensemble"
    rows = table(4)
    expected = infer(models, both, rows)["prediction"].tolist()
    answer = requests.post(f"{models.url}/endpoints/{both}/invocations", json={"dataframe_split": rows.astype(float).to_dict("split")}, timeout=60)
    assert answer.json()["predictions"] == expected, answer.text
    missing = requests.post(f"{models.url}/endpoints/{both}/invocations", json={"dataframe_split": rows[["a", "b"]].astype(float).to_dict("split")}, timeout=60)
    assert missing.status_code == 400 and '"c"' in missing.text.replace("\\", "")
    rest = models.post(f"/v1/models/{both}:predict", json={"instances": rows.astype(float).to_dict("records")})
    assert rest["predictions"] == expected


def test_trees_alone_take_rows_of_numbers_and_features(models, compose, both):
    compose("ensemble: {of: [{model: xgb}, {model: lgb}]}\n")
    rows = table(20, 3)
    alone = answers_alone(models, rows)
    expected = (alone["xgb"] + alone["lgb"]) / 2
    np.testing.assert_array_equal(infer(models, both, rows)["prediction"], expected)
    np.testing.assert_array_equal(matrix(models, both, rows)["prediction"], expected)
    models.post(f"/api/v1/endpoints/{both}/commit")
    columns = {column["name"] for column in models.get(f"/api/v1/datasets/{both}.predictions")["columns"]}
    assert {"a", "b", "c", "prediction", "version"} <= columns


def test_a_vote_is_what_most_members_say(models, compose, both):
    compose("ensemble: {combine: vote, of: [{model: xgb}, {model: lgb}, {model: forest, output: label}]}\n")
    rows = table(60, 11)
    alone = answers_alone(models, rows)
    votes = np.array([alone["xgb"] >= 0.5, alone["lgb"] >= 0.5, matrix(models, "forest", rows)["label"] == 1])
    assert 0 < (votes.sum(axis=0) % 3 != 0).sum(), "the members are not of one opinion on every row"
    np.testing.assert_array_equal(infer(models, both, rows)["prediction"], (votes.sum(axis=0) >= 2).astype(int))


def test_stacking_gives_the_members_answers_to_the_final_model(models, compose, both):
    compose("ensemble: {combine: stacking, of: [{model: xgb}, {model: lgb}, {model: forest, output: probabilities}], final: {model: meta}}\n")
    rows = table(40, 13)
    alone = answers_alone(models, rows)
    stacked = np.column_stack([alone["xgb"], alone["lgb"], matrix(models, "forest", rows)["probabilities"]])
    expected = infer(models, "meta", pd.DataFrame(stacked, columns=["xgb", "lgb", "no", "yes"]))["prediction"]
    np.testing.assert_array_equal(infer(models, both, rows)["prediction"], expected)


def test_a_chain_goes_by_name_and_by_place(models, compose, both):
    rows = table(30, 17)
    compose("chain: [{model: standardised}, {model: xgb}]\n")
    between = infer(models, "standardised", rows)
    np.testing.assert_array_equal(infer(models, both, rows)["prediction"], infer(models, "xgb", pd.DataFrame(between))["prediction"])
    compose("chain: [{model: scaler}, {model: forest}]\n")
    scaled = matrix(models, "scaler", rows)["variable"]
    np.testing.assert_array_equal(matrix(models, both, rows)["probabilities"], matrix(models, "forest", scaled)["probabilities"])
    compose("chain: [{model: scaler}, {model: xgb}]\n")
    np.testing.assert_array_equal(matrix(models, both, rows)["prediction"], infer(models, "xgb", pd.DataFrame(scaled, columns=COLUMNS))["prediction"])


def test_a_chain_takes_tables_as_its_first_model_does(models, compose, both):
    compose("chain: [{model: standardised}, {model: xgb}]\n")
    rows = table(5)
    answer = requests.post(f"{models.url}/endpoints/{both}/invocations", json={"dataframe_split": rows.astype(float).to_dict("split")}, timeout=60)
    assert answer.status_code == 200, answer.text
    assert answer.json()["predictions"] == infer(models, both, rows)["prediction"].tolist()


def test_faults_of_documents_stand_at_their_places(compose):
    for lines, place, message in [
        ("model: xgb\nchain: [{model: lgb}]\n", "4:8", "exactly one of"),
        ("ensemble: {combine: stacking, of: [{model: xgb}]}\n", "3:21", 'stacking needs "final"'),
        ("ensemble: {of: [{model: xgb, weight: .nan}]}\n", "3:38", "weight"),
        ("ensemble: {of: [{model: xgb}]}\nshadow: next\n", "4:9", 'no "shadow"'),
    ]:
        fault = compose(lines, expect=1, alone="")
        line, column = place.split(":")
        assert f"serving.yaml:{int(line) + 3}:{column}: " in fault and message in fault, fault


@pytest.mark.parametrize(
    "lines, message",
    [
        ("ensemble: {of: [{model: xgb}, {model: forest}]}\n", 'model forest version 1: it answers label, probabilities; say with "output" which of them counts'),
        ("ensemble: {of: [{model: xgb}, {model: forest, output: probabilites}]}\n", 'did you mean "probabilities"'),
        ("ensemble: {of: [{model: xgb}, {model: forest, output: probabilities}]}\n", "is of shape [-1,2]"),
        ("ensemble: {of: [{model: xgb}, {model: words, output: output_probability, class: maybe}]}\n", 'its classes are no, yes, without "maybe"'),
        ("ensemble: {of: [{model: xgb}, {model: forest, output: probabilities, class: yes}]}\n", '"class" must be a place'),
        ("ensemble: {combine: vote, of: [{model: xgb}, {model: words, output: output_label}]}\n", "cannot be counted together"),
        ("ensemble: {of: [{model: words, output: output_label}]}\n", "have no mean"),
        ("ensemble: {combine: stacking, of: [{model: xgb}], final: {model: lgb}}\n", "model lgb version 1: it takes"),
        ("chain: [{model: xgb}, {model: lgb}]\n", "cannot be made of"),
    ],
)
def test_members_that_do_not_fit_are_named(compose, lines, message):
    assert message in compose(lines, expect=1)


def test_the_command_line_and_lineage_name_every_member(models, compose, both):
    compose(MEAN)
    listed = models.run("endpoint", "list").stdout
    assert "mean of xgb@champion, lgb@champion, forest@champion" in listed
    shown = models.run("endpoint", "show", both).stdout
    assert "Members" in shown and "probabilities" in shown
    endpoint = models.get(f"/api/v1/endpoints/{both}")
    assert endpoint["model"] is None and [member["version"] for member in endpoint["composition"]["members"]] == [1, 1, 1]
    infer(models, both, table(1), id="traced")
    traced = models.get(f"/api/v1/endpoints/{both}/predictions/traced")
    assert traced["model_version"] == f"composition:{both}/{endpoint['version']}"
    nodes = {node["id"] for node in traced["lineage"]["nodes"]}
    assert {"model:xgb/1", "model:lgb/1", "model:forest/1"} <= nodes and any(node.startswith("run:") for node in nodes)
    assert "model:lgb/1" in models.run("endpoint", "prediction", both, "traced").stdout
    refused = models.run("endpoint", "route", both, "xgb=2", "--reason", "a try")
    assert refused.returncode != 0 and "whose requests are not divided" in refused.stderr


def wait_for_version(server, endpoint, version):
    for _ in range(3000):
        if server.get(f"/api/v1/endpoints/{endpoint}")["version"] == version:
            return
        threading.Event().wait(0.01)
    raise AssertionError(f"version {version} did not come")


def test_members_are_swapped_under_load_without_a_failed_request(models, compose, both):
    compose("ensemble: {of: [{model: xgb}, {model: forest, output: probabilities, class: 1}]}\n")
    rows, client = table(1, 3), MlflowClient()
    first = models.get(f"/api/v1/endpoints/{both}")["version"]
    expected = {first: infer(models, both, rows)["prediction"][0]}
    client.set_registered_model_alias("xgb", "champion", "2")
    wait_for_version(models, both, first + 1)
    expected[first + 1] = infer(models, both, rows)["prediction"][0]
    assert expected[first] != expected[first + 1]
    stop, wrong, answered = threading.Event(), [], []

    def ask():
        session = requests.Session()
        while not stop.is_set():
            answer = session.post(f"{models.url}/v2/models/{both}/infer", json={"inputs": as_tensors(rows)}, timeout=60)
            if answer.status_code != 200 or answer.json()["outputs"][0]["data"][0] != expected[int(answer.json()["model_version"])]:
                wrong.append(answer.text)
            answered.append(1)

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for swap in range(10):
        client.set_registered_model_alias("xgb", "champion", str(1 + swap % 2))
        wait_for_version(models, both, first + swap % 2)
    stop.set()
    for thread in threads:
        thread.join()
    client.set_registered_model_alias("xgb", "champion", "1")
    wait_for_version(models, both, first)
    assert not wrong and len(answered) > 100, wrong[:3]


def test_its_versions_outlive_the_server(new_server, monkeypatch, tmp_path):
    server = new_server()
    monkeypatch.chdir(tmp_path)
    mlflow.set_tracking_uri(server.url)
    for seed in (1, 2):
        register(mlflow.xgboost, booster(seed), "xgb")
    register(mlflow.xgboost, booster(3), "other")
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "serving.yaml").write_text("kind: Project\nname: composed\n---\nkind: Endpoint\nname: both\nensemble: {of: [{model: xgb}, {model: other}]}\n")
    server.apply(folder)
    client = MlflowClient()
    rows = table(1)
    answers = {1: infer(server, "both", rows)}
    client.set_registered_model_alias("xgb", "champion", "1")
    wait_for_version(server, "both", 2)
    answers[2] = infer(server, "both", rows)
    server.kill9()
    server.start()
    mlflow.set_tracking_uri(server.url)
    assert server.get("/api/v1/endpoints/both")["version"] == 2 and infer(server, "both", rows) == answers[2]
    client = MlflowClient()
    client.set_registered_model_alias("xgb", "champion", "2")
    wait_for_version(server, "both", 1)
    assert infer(server, "both", rows) == answers[1]
    assert [event["data"]["version"] for event in server.list("/api/v1/events") if event["type"] == "endpoint.composed"] == [1, 2]
    mlflow.set_tracking_uri(None)


def test_tritons_clients_ask_it(models, compose, both):
    compose(MEAN)
    rows = table(6, 21)
    expected = infer(models, both, rows)["prediction"]
    for library, url in ((http, f"127.0.0.1:{models.port}"), (grpc, f"127.0.0.1:{models.grpc_port}")):
        inputs = []
        for name in COLUMNS:
            inputs.append(library.InferInput(name, [len(rows)], "FP64"))
            inputs[-1].set_data_from_numpy(rows[name].to_numpy(np.float64))
        client = library.InferenceServerClient(url)
        assert client.is_model_ready(both)
        np.testing.assert_array_equal(client.infer(both, inputs).as_numpy("prediction"), expected)
        client.close()
