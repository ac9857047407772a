"""Replicas answer as their server does, whatever becomes of it."""

import contextlib
import json

import mlflow
import numpy as np
import pytest
import requests
import xgboost as xgb
from mlflow import MlflowClient
from replicas import Replica, until
from serving import register

from running import Server

PROJECT = """kind: Project
name: shop
---
kind: Endpoint
name: shop
model: scores
routes:
  arms:
    - {name: champion, weight: 1}
    - {name: challenger, weight: 0}
  sticky: {input: a, salt: spring}
  override: {header: x-arm}
shadow: third
"""


def booster(seed, rounds=10):
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(400, 2))
    data = xgb.DMatrix(rows, label=(rows[:, 0] * (seed % 5 - 2) + rows[:, 1] > 0), feature_names=["a", "b"])
    return xgb.train({"objective": "binary:logistic", "max_depth": 4, "seed": seed}, data, num_boost_round=rounds)


@pytest.fixture
def shop(millrace, tmp_path, monkeypatch):
    """A server whose endpoint has a champion, a challenger and a shadow, version 1, 2 and 3."""
    monkeypatch.chdir(tmp_path)
    with Server(millrace, tmp_path / "home") as server:
        mlflow.set_tracking_uri(server.url)
        for seed, alias in ((1, "champion"), (2, "challenger"), (3, "third")):
            register(mlflow.xgboost, booster(seed), "scores", alias)
        (tmp_path / "project").mkdir()
        (tmp_path / "project" / "shop.yaml").write_text(PROJECT)
        server.apply(tmp_path / "project")
        yield server
        mlflow.set_tracking_uri(None)


@pytest.fixture
def replica_of(millrace, tmp_path):
    """Starts replicas that end with the test."""
    with contextlib.ExitStack() as ended:

        def start(server, name="one", ready=True, **options):
            replica = Replica(millrace, server.url, tmp_path / name, **options)
            ended.callback(replica.stop)
            return replica.start(ready)

        yield start


def body(a=0.5, b=0.25, **more):
    tensor = lambda name, value: {"name": name, "shape": [1], "datatype": "FP64", "data": [value]}
    return {"inputs": [tensor("a", a), tensor("b", b)], **more}


def infer(place, a=0.5, headers=None, **more):
    """The bytes of an answer."""
    answer = requests.post(place.url + "/v2/models/shop/infer", json=body(a, **more), headers=headers, timeout=30)
    assert answer.status_code == 200, answer.text
    return answer.content


def version(place, *args, **more):
    return json.loads(infer(place, *args, **more))["model_version"]


def generation(server):
    return server.get("/api/v1/replicas")["generation"]


def replicas(server):
    return {each["name"]: each for each in server.get("/api/v1/replicas")["items"]}


def test_replicas_answer_byte_for_byte_what_their_server_does(shop, replica_of):
    one, two = replica_of(shop, "one"), replica_of(shop, "two")
    for number, a in enumerate(np.linspace(-2, 2, 50)):
        headers = {"x-arm": "challenger"} if number % 3 == 0 else {}
        answers = {infer(place, float(a), headers, id=f"p{number}") for place in (shop, one, two)}
        assert len(answers) == 1
    for path in ("/v2/models/shop", "/v2/models/shop/config", "/v1/models", "/v1/models/shop/metadata", "/version", "/ping"):
        assert len({requests.get(place.url + path, timeout=30).content for place in (shop, one, two)}) == 1, path
    rows = {"dataframe_split": {"columns": ["a", "b"], "data": [[0.5, 0.25], [-1, None]]}}
    assert len({requests.post(place.url + "/invocations", json=rows, timeout=30).content for place in (shop, one)}) == 1
    listed = until(lambda: len(known := replicas(shop)) == 2 and known, "both are known")
    assert listed["one"]["address"] == one.url and listed["one"]["generation"] == generation(shop) and listed["one"]["problems"] == []


def test_what_changes_at_the_server_changes_at_its_replicas(shop, replica_of):
    one, two = replica_of(shop, "one"), replica_of(shop, "two")
    assert version(one) == version(two) == "1"
    MlflowClient().set_registered_model_alias("scores", "champion", "3")
    for place in (one, two):
        until(lambda: version(place) == "3", "the alias moves", seconds=5)
    assert shop.run("endpoint", "route", "shop", "champion=50", "challenger=50", "--reason", "half").returncode == 0
    keys = [float(key) for key in range(100)]
    shares = [version(shop, key) for key in keys]
    assert set(shares) == {"2", "3"}
    for place in (one, two):
        until(lambda: [version(place, key) for key in keys] == shares, "a key has the same version everywhere", seconds=5)
    for place in (shop, one):
        assert infer(place, id="same") == infer(two, id="same")


def test_a_server_that_is_away_is_not_missed(shop, replica_of):
    one = replica_of(shop)
    before = infer(one, id="p")
    shop.kill9()
    assert infer(one, id="p") == before and one.is_ready()
    one.kill9()
    one.start()
    assert infer(one, id="p") == before, "it starts without its server"
    assert any("serving what the server said last" in line for line in one.log)
    shop.start()
    MlflowClient().set_registered_model_alias("scores", "champion", "2")
    until(lambda: version(one) == "2", "it has caught up")
    until(lambda: one.status()["connected"], "it says so")


def test_what_is_the_servers_is_refused_with_where_to_go(shop, replica_of):
    one = replica_of(shop)
    for method, path in (("GET", "/api/v1/endpoints"), ("PATCH", "/api/v1/endpoints/shop/routes"), ("POST", "/api/2.0/mlflow/runs/create"), ("POST", "/v2/repository/models/shop/unload")):
        answer = one.request(method, path)
        assert answer.status_code == 421 and shop.url in answer.text, (path, answer.text)
    assert one.request("GET", "/nothing").status_code == 404
    assert "millrace_replica_generation" in one.request("GET", "/metrics").text
