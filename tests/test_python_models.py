"""Models that need Python are scored by worker processes: what mlflow's client logged answers what mlflow's pyfunc answers, and what goes wrong in a
model stays with the request that it happened to."""

import concurrent.futures
import os
import pathlib
import signal
import sys
import time

import mlflow
import numpy as np
import pandas as pd
import psutil
import pytest
import requests
from mlflow import MlflowClient
from mlflow.models import infer_signature
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

ENDPOINT = "kind: Project\nname: served\n---\nkind: Endpoint\nname: scores\nmodel: scores\n"
DATATYPES = {"f": "FP64", "i": "INT64", "b": "BOOL", "O": "BYTES"}


@pytest.fixture
def python_server(new_server, monkeypatch, tmp_path):
    server = new_server(options=("--python", sys.executable))
    monkeypatch.chdir(tmp_path)
    mlflow.set_tracking_uri(server.url)
    yield server
    mlflow.set_tracking_uri(None)


def register(flavor, **model):
    with mlflow.start_run():
        info = flavor.log_model(name="model", registered_model_name="scores", **model)
    MlflowClient().set_registered_model_alias("scores", "champion", str(info.registered_model_version))


def apply(server, tmp_path, document=""):
    folder = tmp_path / "project"
    folder.mkdir(exist_ok=True)
    (folder / "serving.yaml").write_text(ENDPOINT + document)
    return server.run("apply", folder)


def tensors_of(rows):
    return [{"name": name, "shape": [len(rows)], "datatype": DATATYPES[rows[name].dtype.kind], "data": rows[name].tolist()} for name in rows]


def ask(server, rows, **parameters):
    return requests.post(f"{server.url}/v2/models/scores/infer", json={"inputs": tensors_of(rows), "parameters": parameters}, timeout=60)


def outputs_of(response):
    assert response.status_code == 200, response.text
    return {output["name"]: np.array(output["data"]).reshape(output["shape"]) for output in response.json()["outputs"]}


def stats(server):
    return server.get("/api/v1/endpoints/scores/stats")


def wait_for(condition):
    until = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.05)


def people(count):
    numbers = np.random.default_rng(7)
    return pd.DataFrame({"age": numbers.integers(18, 90, count), "income": numbers.normal(5e4, 1e4, count), "city": numbers.choice(["Ulm", "Bonn", "Köln"], count), "owns": numbers.random(count) < 0.5})


def test_a_pickled_scikit_learn_pipeline_answers_as_mlflows_pyfunc_does(python_server, tmp_path):
    rows = people(300)
    pipeline = make_pipeline(make_column_transformer((OneHotEncoder(), ["city"]), remainder="passthrough"), LogisticRegression(max_iter=50))
    pipeline.fit(rows, np.where(rows["age"] > 50, "old", "young"))
    register(mlflow.sklearn, sk_model=pipeline, input_example=rows.head(2))
    assert apply(python_server, tmp_path, "python: {workers: 2}\n").returncode == 0
    expected = mlflow.pyfunc.load_model("models:/scores@champion").predict(rows)
    answer = outputs_of(ask(python_server, rows))
    np.testing.assert_array_equal(answer["prediction"], expected)
    described = python_server.get("/v2/models/scores")
    assert described["platform"] == "python_function"
    assert [column["datatype"] for column in described["inputs"]] == ["INT64", "FP64", "BYTES", "BOOL"]
    assert len(stats(python_server)["workers"]) == 2
    python_server.post("/api/v1/endpoints/scores/commit")
    assert python_server.get("/api/v1/datasets/scores.predictions")["rows"] == 300


def test_a_pyfunc_that_answers_a_table_has_an_output_for_each_column(python_server, tmp_path):
    class Table(mlflow.pyfunc.PythonModel):
        def predict(self, context, model_input, params=None):
            print("a line of the model's")
            return pd.DataFrame({"twice": 2 * model_input["x"], "name": model_input["name"].str.upper()})

    rows = pd.DataFrame({"x": [1.5, np.pi, -0.0], "name": ["a", "b", "ü"]})
    register(mlflow.pyfunc, python_model=Table(), input_example=rows)
    assert apply(python_server, tmp_path).returncode == 0
    answer = outputs_of(ask(python_server, rows))
    expected = mlflow.pyfunc.load_model("models:/scores@champion").predict(rows)
    assert list(answer) == ["twice", "name"]
    np.testing.assert_array_equal(answer["twice"], expected["twice"])
    np.testing.assert_array_equal(answer["name"], expected["name"])
    assert any("a line of the model's" in line for line in python_server.log)


def test_a_pyfunc_takes_the_params_that_its_signature_declares(python_server, tmp_path):
    class Scaled(mlflow.pyfunc.PythonModel):
        def predict(self, context, model_input, params=None):
            return model_input["x"] * params["factor"] + sum(params["offsets"])

    rows = pd.DataFrame({"x": [1.0, 2.0, 3.0]})
    signature = infer_signature(rows, pd.Series([1.0]), {"factor": 10.0, "offsets": [1, 2]})
    register(mlflow.pyfunc, python_model=Scaled(), signature=signature, input_example=rows)
    assert apply(python_server, tmp_path).returncode == 0
    pyfunc = mlflow.pyfunc.load_model("models:/scores@champion")

    def invoke(params):
        return requests.post(f"{python_server.url}/invocations", json={"dataframe_split": rows.to_dict("split"), "params": params}, timeout=60)

    for params in ({}, {"factor": 2.5}, {"factor": 3, "offsets": []}, {"unknown": 1}, {"factor": 2.0, "offsets": [4]}):
        assert invoke(params).json()["predictions"] == pyfunc.predict(rows, params).tolist(), params
    refused = invoke({"factor": "much"})
    assert refused.status_code == 400 and "factor" in refused.json()["message"]

    def ask_each(*texts):
        params = {"name": "params", "shape": [len(texts)], "datatype": "BYTES", "data": list(texts)}
        return requests.post(f"{python_server.url}/v2/models/scores/infer", json={"inputs": [*tensors_of(rows), params]}, timeout=60)

    answer = ask_each('{"factor": 1}', '{"factor": 1}', '{"factor": 2, "offsets": [0]}')
    assert outputs_of(answer)["prediction"].tolist() == [4, 5, 6]
    for texts in (("{", "{", "{"), ("[]", "[]", "[]")):
        assert ask_each(*texts).status_code == 400 and "params" in ask_each(*texts).json()["error"]
    assert ask_each("{}").status_code == 400
    assert outputs_of(ask(python_server, rows))["prediction"].tolist() == [13, 23, 33]
    assert python_server.get("/v2/models/scores")["inputs"][-1]["name"] == "params"


def test_a_pyfunc_of_tensors_takes_and_answers_them(python_server, tmp_path):
    class Sums(mlflow.pyfunc.PythonModel):
        def predict(self, context, model_input, params=None):
            return model_input.cumsum(axis=2)

    images = np.random.default_rng(3).random((5, 3, 4)).astype(np.float32)
    register(mlflow.pyfunc, python_model=Sums(), signature=infer_signature(images, images))
    assert apply(python_server, tmp_path).returncode == 0
    tensor = {"name": "input", "shape": [5, 3, 4], "datatype": "FP32", "data": images.flatten().tolist()}
    answer = outputs_of(requests.post(f"{python_server.url}/v2/models/scores/infer", json={"inputs": [tensor]}, timeout=60))
    np.testing.assert_array_equal(answer["prediction"].astype(np.float32), mlflow.pyfunc.load_model("models:/scores@champion").predict(images))


@pytest.mark.parametrize("kept_as", ["pickle", "pt2"])
def test_a_pytorch_module_answers_as_it_does_here(python_server, tmp_path, kept_as):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed: its libraries for GPUs take 5 GB; tests/pytorch.txt has it pinned")
    module = torch.nn.Sequential(torch.nn.Conv1d(3, 8, 2), torch.nn.ReLU(), torch.nn.Flatten(), torch.nn.Linear(24, 2), torch.nn.Softmax(1)).eval()
    rows = np.random.default_rng(5).random((6, 3, 4)).astype(np.float32)
    with torch.no_grad():
        expected = module(torch.from_numpy(rows)).numpy()
    register(mlflow.pytorch, pytorch_model=module, signature=infer_signature(rows, expected), input_example=rows, serialization_format=kept_as)
    assert apply(python_server, tmp_path).returncode == 0
    tensor = {"name": "input", "shape": [6, 3, 4], "datatype": "FP32", "data": rows.flatten().tolist()}
    answer = outputs_of(requests.post(f"{python_server.url}/v2/models/scores/infer", json={"inputs": [tensor]}, timeout=60))
    np.testing.assert_allclose(answer["prediction"], expected, rtol=1e-5)


@pytest.fixture
def moody(python_server, tmp_path):
    """A model that does what its rows tell it; serves with the document's further lines."""

    class Moody(mlflow.pyfunc.PythonModel):
        def predict(self, context, model_input, params=None):
            import os
            import time

            for mood in model_input["mood"]:
                if mood == "die":
                    os.kill(os.getpid(), 9)
                if mood == "hang":
                    time.sleep(600)
                if mood == "eat":
                    food = []
                    while True:
                        food.append(b"x" * (100 << 20))
                if mood == "err":
                    raise ValueError("not in this mood")
                if mood == "slow":
                    time.sleep(0.2)
            return model_input["x"] * 2

    register(mlflow.pyfunc, python_model=Moody(), input_example=pd.DataFrame({"x": [1.0], "mood": ["fine"]}))

    def serve(document=""):
        done = apply(python_server, tmp_path, document)
        assert done.returncode == 0, done.stderr
        return python_server

    return serve


def mood(kind, x=1.0):
    return pd.DataFrame({"x": [x], "mood": [kind]})


def test_what_goes_wrong_in_a_model_is_one_failed_request(moody):
    server = moody("python: {timeout: 4s, memory: 900MiB}\nbatching: {max_size: 1}\n")
    for kind, status, message in [
        ("err", 400, "not in this mood"),
        ("die", 503, "killed by signal 9"),
        ("hang", 504, "took longer than it may"),
        ("eat", (503, 507), "memory"),
    ]:
        response = ask(server, mood(kind))
        assert response.status_code in (status if isinstance(status, tuple) else (status,)), response.text
        assert message.lower() in response.json()["error"].lower()
        assert outputs_of(ask(server, mood("fine", 21)))["prediction"].tolist() == [42]
    assert stats(server)["workers"][0]["restarts"] >= 2
    assert 'millrace_worker_restarts_total{model="scores/1"}' in server.get("/metrics")


def test_a_killed_worker_costs_its_batch_and_no_more(moody):
    server = moody("python: {workers: 2}\nbatching: {max_size: 1}\n")
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        answers = [pool.submit(ask, server, mood("slow", x)) for x in range(60)]
        wait_for(lambda: stats(server)["queue"]["running"] == 2)
        os.kill(stats(server)["workers"][0]["pid"], signal.SIGKILL)
        answers = [(x, answer.result()) for x, answer in enumerate(answers)]
    failed = [answer for _, answer in answers if answer.status_code != 200]
    assert len(failed) <= 1 and all(answer.status_code == 503 for answer in failed)
    assert all(outputs_of(answer)["prediction"].tolist() == [2 * x] for x, answer in answers if answer.status_code == 200)
    wait_for(lambda: all(worker["pid"] for worker in stats(server)["workers"]))
    assert sum(worker["restarts"] for worker in stats(server)["workers"]) == 1


def test_two_hundred_requests_are_scored_in_batches(moody):
    server = moody("batching: {max_size: 64, max_delay: 200ms}\n")
    batching = stats(server)["batching"]
    assert [timing["rows"] for timing in batching["measured"]] == [1, 8, 32]
    assert batching["max_size"] == 64 and "as many rows a second" in batching["reason"]
    before = stats(server)["queue"]
    with concurrent.futures.ThreadPoolExecutor(200) as pool:
        answers = list(pool.map(lambda x: outputs_of(ask(server, mood("slow" if x == 0 else "fine", x)))["prediction"].tolist(), range(200)))
    assert answers == [[2 * x] for x in range(200)]
    after = stats(server)["queue"]
    assert after["rows"] - before["rows"] == 200
    assert after["batches"] - before["batches"] < 100


def test_the_fault_of_one_request_is_not_that_of_its_batch(moody):
    server = moody("batching: {max_size: 8, max_delay: 200ms}\n")
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda kind: ask(server, mood(kind)).status_code, ["fine", "err", "fine", "fine"]))
    assert answers == [200, 400, 200, 200]


def test_a_full_queue_refuses_and_says_when_to_come_again(moody):
    server = moody("queue: 1\nbatching: {max_size: 1}\n")
    with concurrent.futures.ThreadPoolExecutor(12) as pool:
        answers = list(pool.map(lambda _: ask(server, mood("slow")), range(12)))
    refused = [answer for answer in answers if answer.status_code == 503]
    assert refused and len(refused) < 12
    assert all(answer.headers["Retry-After"] == "1" and "waiting already" in answer.json()["error"] for answer in refused)
    assert stats(server)["queue"]["refused"] == len(refused)


def test_the_end_of_the_server_is_that_of_its_workers(moody):
    server = moody("python: {workers: 2}\n")
    workers = [worker["pid"] for worker in stats(server)["workers"]]
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(lambda: pytest.raises(requests.ConnectionError, ask, server, mood("hang")))
        wait_for(lambda: stats(server)["queue"]["running"] == 1)
        assert server.stop() == 0
        waiting.result()
    assert not any(psutil.pid_exists(pid) for pid in workers)
    server.start()
    workers = [worker["pid"] for worker in stats(server)["workers"]]
    assert outputs_of(ask(server, mood("fine", 3)))["prediction"].tolist() == [6]
    server.kill9()
    wait_for(lambda: not any(psutil.pid_exists(pid) for pid in workers))


def test_why_a_model_cannot_be_run_is_the_endpoints_problem(moody, new_server, python_server, tmp_path):
    moody()
    for document, problem in [
        ("python: {environment: /no/such/venv}\n", "/no/such/venv is no virtual environment that can be used"),
        (f"python: {{environment: {without_mlflow(tmp_path)}}}\n", "has no module"),
    ]:
        assert problem in apply(python_server, tmp_path, document).stderr
        assert problem in python_server.get("/api/v1/endpoints/scores")["problem"]
    assert outputs_of(ask(python_server, mood("fine", 3)))["prediction"].tolist() == [6]  # as before
    python_server.stop()
    refusing = new_server(options=("--no-python-models",))
    assert "runs no Python models" in refusing.get("/api/v1/endpoints/scores")["problem"]
    assert ask(refusing, mood("fine")).status_code == 503


def without_mlflow(tmp_path):
    """A Python that sees no packages."""
    program = tmp_path / "bare/bin/python"
    program.parent.mkdir(parents=True)
    program.write_text(f'#!/bin/sh\nexec {pathlib.Path(sys.executable).resolve()} -S "$@"\n')
    program.chmod(0o755)
    return tmp_path / "bare"


def test_a_model_without_a_signature_says_what_to_do(python_server, tmp_path):
    class Bare(mlflow.pyfunc.PythonModel):
        def predict(self, context, model_input, params=None):
            return model_input

    register(mlflow.pyfunc, python_model=Bare())
    assert "log it with input_example=" in apply(python_server, tmp_path).stderr


def test_inputs_that_do_not_fit_are_named(moody):
    server = moody()
    assert "mood" in ask(server, pd.DataFrame({"x": [1.0]})).json()["error"]
    response = ask(server, pd.DataFrame({"x": ["text"], "mood": ["fine"]}))
    assert response.status_code == 400 and '"x"' in response.json()["error"]
    assert ask(server, mood("fine").iloc[:0]).status_code == 200
    assert outputs_of(ask(server, mood("fine")))["prediction"].tolist() == [2]
