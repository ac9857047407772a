"""Endpoints that nobody asks let their models leave memory, and the next request brings them back."""

import concurrent.futures
import sys
import time

import mlflow
import numpy as np
import pandas as pd
import psutil
import pytest
import requests
import xgboost as xgb
from mlflow import MlflowClient
from replicas import Replica, until
from serving import register

PROJECT = "kind: Project\nname: asleep\n---\nkind: Endpoint\nname: scores\nmodel: scores\nscale_to_zero: 1s\n"
NEIGHBOUR = "---\nkind: Endpoint\nname: neighbour\nmodel: neighbour\n"


@pytest.fixture
def sleepy(new_server, monkeypatch, tmp_path):
    server = new_server(options=("--python", sys.executable))
    monkeypatch.chdir(tmp_path)
    mlflow.set_tracking_uri(server.url)
    yield server
    mlflow.set_tracking_uri(None)


def booster(seed, rounds=10, depth=4):
    rows = np.random.default_rng(seed).normal(size=(20000 if depth > 6 else 300, 4))
    data = xgb.DMatrix(rows, label=np.random.default_rng(seed + 1).random(len(rows)), feature_names=list("abcd"))
    return xgb.train({"max_depth": depth, "seed": seed, "tree_method": "hist", "lambda": 0, "min_child_weight": 0}, data, rounds)


def apply(server, tmp_path, text):
    folder = tmp_path / "project"
    folder.mkdir(exist_ok=True)
    (folder / "serving.yaml").write_text(text)
    server.apply(folder)


def ask(server, name="scores", **options):
    inputs = [{"name": column, "shape": [1], "datatype": "FP64", "data": [0.25]} for column in "abcd"]
    return requests.post(f"{server.url}/v2/models/{name}/infer", json={"inputs": inputs, **options}, timeout=60)


def stats(server):
    return server.get("/api/v1/endpoints/scores/stats")


def wait_until_asleep(server):
    until = time.monotonic() + 60
    while not stats(server)["sleep"]["asleep"]:
        assert time.monotonic() < until
        time.sleep(0.05)


def resident(server):
    return psutil.Process(server.process.pid).memory_info().rss


def test_the_memory_of_a_model_comes_back_and_so_does_the_model(sleepy, tmp_path):
    register(mlflow.xgboost, booster(1, rounds=400, depth=12), "scores")
    (tmp_path / "project").mkdir()
    without = resident(sleepy)
    apply(sleepy, tmp_path, PROJECT)
    first = ask(sleepy).json()["outputs"]
    awake = resident(sleepy)
    wait_until_asleep(sleepy)
    asleep = resident(sleepy)
    assert awake - without > 10 << 20, "the model is too small to be seen"
    assert asleep < without + (awake - without) / 4, f"{without >> 20} MiB without, {awake >> 20} awake, {asleep >> 20} asleep"
    assert sleepy.get("/v2/models/scores/ready") is not None and sleepy.get("/v2/health/ready") is not None
    assert sleepy.get("/v2/models/scores")["platform"] == "xgboost_mlmodel"
    assert requests.get(f"{sleepy.url}/ping", timeout=60).status_code == 200
    listed = sleepy.run("endpoint", "list").stdout
    assert "v1 (asleep)" in listed
    assert 'millrace_endpoint_asleep{endpoint="scores"} 1' in sleepy.get("/metrics")
    assert stats(sleepy)["sleep"]["asleep"], "to look at it wakes nobody"
    assert ask(sleepy).json()["outputs"] == first
    sleep = stats(sleepy)["sleep"]
    assert not sleep["asleep"] and sleep["cold_starts"] == 1 and sleep["mean_ms"] > 0 and sleep["after"] == "1s"
    assert 'millrace_cold_start_seconds_count{endpoint="scores"} 1' in sleepy.get("/metrics")


def test_an_alias_that_moved_meanwhile_counts(sleepy, tmp_path):
    for seed in (1, 2):
        register(mlflow.xgboost, booster(seed), "scores", alias=f"a{seed}")
    client = MlflowClient()
    client.set_registered_model_alias("scores", "champion", "1")
    apply(sleepy, tmp_path, PROJECT)
    assert ask(sleepy).json()["model_version"] == "1"
    wait_until_asleep(sleepy)
    client.set_registered_model_alias("scores", "champion", "2")
    assert ask(sleepy).json()["model_version"] == "2"


@pytest.fixture
def slow(sleepy, tmp_path):
    """A model that takes long to load asleep, beside a neighbour that never sleeps."""

    class Slow(mlflow.pyfunc.PythonModel):
        def load_context(self, context):
            import time

            time.sleep(3)

        def predict(self, context, model_input, params=None):
            return model_input["a"].to_numpy() * 4

    rows = pd.DataFrame({column: [0.5] for column in "abcd"})
    with mlflow.start_run():
        mlflow.pyfunc.log_model(name="model", python_model=Slow(), registered_model_name="scores", input_example=rows)
    MlflowClient().set_registered_model_alias("scores", "champion", "1")
    register(mlflow.xgboost, booster(1), "neighbour")
    apply(sleepy, tmp_path, PROJECT + "queue: 4\n" + NEIGHBOUR)
    wait_until_asleep(sleepy)
    return sleepy


def test_neighbours_notice_nothing_and_requests_that_wait_are_bounded(slow):
    assert stats(slow)["workers"] == [] and not [child for child in psutil.Process(slow.process.pid).children(recursive=True) if "millrace_worker" in " ".join(child.cmdline())]
    with concurrent.futures.ThreadPoolExecutor(12) as pool:
        waiting = [pool.submit(ask, slow) for _ in range(10)]
        hurried = pool.submit(ask, slow, parameters={"timeout": 100_000})
        assert [ask(slow, "neighbour").status_code for _ in range(100)] == [200] * 100
        assert not all(request.done() for request in waiting), "the model came too fast for this test"
        answers = [request.result() for request in waiting]
        assert hurried.result().status_code in (503, 504)
    refused = [answer for answer in answers if answer.status_code == 503]
    answered = [answer for answer in answers if answer.status_code == 200]
    assert len(refused) + len(answered) == 10 and 4 <= len(answered) <= 6
    assert all("waiting already" in answer.json()["error"] and answer.headers["Retry-After"] for answer in refused)
    assert all(answer.json()["outputs"][0]["data"] == [1.0] for answer in answered)
    assert stats(slow)["sleep"]["cold_starts"] == 1


def test_a_request_that_does_not_wait_so_long_is_told_so(slow):
    answer = ask(slow, parameters={"timeout": 200_000})
    assert answer.status_code == 504 and "deadline" in answer.json()["error"]
    assert ask(slow).status_code == 200
    assert stats(slow)["sleep"]["cold_starts"] == 1


def test_replicas_follow_an_alias_while_their_server_sleeps(sleepy, millrace, tmp_path):
    for seed in (1, 2):
        register(mlflow.xgboost, booster(seed), "scores", alias=f"a{seed}")
    client = MlflowClient()
    client.set_registered_model_alias("scores", "champion", "1")
    apply(sleepy, tmp_path, PROJECT)
    with Replica(millrace, sleepy.url, tmp_path / "replica") as replica:
        wait_until_asleep(sleepy)
        assert ask(replica).json()["model_version"] == "1" and stats(sleepy)["sleep"]["asleep"]
        client.set_registered_model_alias("scores", "champion", "2")
        until(lambda: ask(replica).json()["model_version"] == "2", "the replica stays with the version before")
        assert stats(sleepy)["sleep"] == {"after": "1s", "asleep": True, "cold_starts": 0, "mean_ms": None}
