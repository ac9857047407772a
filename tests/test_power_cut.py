"""A loss of power while much is logged: everything that was acknowledged is there when the power is back."""

import itertools
import os
import random
import threading
import time

import mlflow
import numpy as np
import pytest
import requests
import xgboost as xgb

from power_cut import PowerCut, by_chance, nothing_more
from running import Server
from serving import register, serve

SEED = int(os.environ.get("MILLRACE_KILL_SEED", random.SystemRandom().randrange(1 << 32)))
WRITERS = 4
API = "/api/2.0/mlflow"


class Logging:
    """One who logs to a run of its own until the power is cut, and knows what was acknowledged."""

    def __init__(self, server, name):
        self.server, self.name = server, name
        self.metrics, self.tags, self.artifacts = {}, {}, {}
        experiment = server.post(f"{API}/experiments/create", json={"name": name})["experiment_id"]
        self.run = server.post(f"{API}/runs/create", json={"experiment_id": experiment})["run"]["info"]
        self.step = itertools.count()
        self.session = requests.Session()

    def until(self, cut):
        try:
            while not cut.is_set():
                for turn in (self.log_metric, self.log_batch, self.set_tag, self.put_artifact):
                    turn(next(self.step))
        except requests.RequestException:
            assert cut.is_set(), "a request failed while there was power"

    def _post(self, path, body):
        self.session.post(f"{self.server.url}{API}/{path}", json={"run_id": self.run["run_id"], **body}, timeout=30).raise_for_status()

    def log_metric(self, step):
        self._post("runs/log-metric", {"key": "loss", "value": step / 7, "timestamp": step, "step": step})
        self.metrics["loss", step] = step / 7

    def log_batch(self, step):
        points = [{"key": f"m{i % 10}", "value": step + i / 1000, "timestamp": i, "step": step * 1000 + i} for i in range(500)]
        self._post("runs/log-batch", {"metrics": points})
        self.metrics.update({(point["key"], point["step"]): point["value"] for point in points})

    def set_tag(self, step):
        self._post("runs/set-tag", {"key": f"tag{step % 5}", "value": str(step)})
        self.tags[f"tag{step % 5}"] = step

    def put_artifact(self, step):
        path, contents = f"folder{step % 3}/{step}.bin", random.Random(step).randbytes(20_000)
        where = self.run["artifact_uri"].removeprefix("mlflow-artifacts:/")
        self.session.put(f"{self.server.url}/api/2.0/mlflow-artifacts/artifacts/{where}/{path}", data=contents, timeout=30).raise_for_status()
        self.artifacts[f"{where}/{path}"] = contents

    def check(self):
        run = self.server.get(f"{API}/runs/get?run_id={self.run['run_id']}")["run"]
        tags = {tag["key"]: int(tag["value"]) for tag in run["data"]["tags"] if tag["key"].startswith("tag")}
        # What was sent last may be there without having been acknowledged.
        assert not {key for key, step in self.tags.items() if tags.get(key, -1) < step}
        logged = {(key, point["step"]): point["value"] for key in {key for key, _ in self.metrics} for point in self._history(key)}
        assert not self.metrics.items() - logged.items()
        for path, contents in self.artifacts.items():
            answer = requests.get(f"{self.server.url}/api/2.0/mlflow-artifacts/artifacts/{path}", timeout=30)
            assert (answer.status_code, answer.content) == (200, contents), path

    def _history(self, key):
        token = ""
        while True:
            page = self.server.get(f"{API}/metrics/get-history?run_id={self.run['run_id']}&metric_key={key}&max_results=20000&page_token={token}")
            yield from page.get("metrics", [])
            token = page.get("next_page_token")
            if not token:
                return


def log_until_the_cut(server, name, seconds):
    cut = threading.Event()
    everyone = [Logging(server, f"{name}-{i}") for i in range(WRITERS)]
    threads = [threading.Thread(target=one.until, args=(cut,)) for one in everyone]
    for thread in threads:
        thread.start()
    time.sleep(seconds)
    cut.set()
    server.kill9()
    for thread in threads:
        thread.join()
    return everyone


@pytest.mark.skipif("MILLRACE_TEST_POSTGRES" in os.environ, reason="what PostgreSQL keeps is its own matter")
def test_what_was_acknowledged_outlives_the_loss_of_power(millrace, tmp_path):
    print(f"MILLRACE_KILL_SEED={SEED} repeats this")
    chance = random.Random(SEED)
    before, home = [], tmp_path / "home"
    for turn, keeps in enumerate([nothing_more, by_chance(chance.random()), by_chance(chance.random()), nothing_more]):
        power = PowerCut(tmp_path / f"synced{turn}")
        if home.exists():
            power.trust(home)
        server = Server(millrace, home, environment=power.environment).start()
        before += log_until_the_cut(server, f"turn{turn}", chance.uniform(0.5, 3))
        home = tmp_path / f"home{turn}"
        power.leave(server.home, home, keeps)
        assert sum(len(one.metrics) for one in before) > 1000
        with Server(millrace, home) as again:
            for one in before:
                one.server = again
                one.check()


class Asking:
    """One who asks an endpoint until the power is cut, and knows when each answer came."""

    def __init__(self, server, name):
        self.server, self.name, self.answered, self.session = server, name, [], requests.Session()

    def until(self, cut):
        for number in itertools.count():
            request = {"id": f"{self.name}-{number}", "inputs": [{"name": "x", "shape": [1, 2], "datatype": "FP64", "data": [number, 1]}]}
            try:
                self.session.post(f"{self.server.url}/v2/models/scores/infer", json=request, timeout=30).raise_for_status()
            except requests.RequestException:
                assert cut.is_set(), "a request failed while there was power"
                return
            self.answered.append((time.monotonic(), request["id"]))


def test_predictions_older_than_a_second_outlive_the_loss_of_power(millrace, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    power = PowerCut(tmp_path / "synced")
    server = Server(millrace, tmp_path / "home", environment=power.environment).start()
    mlflow.set_tracking_uri(server.url)
    rows = np.random.default_rng(1).random((100, 2))
    register(mlflow.xgboost, xgb.train({}, xgb.DMatrix(rows, rows.sum(axis=1)), 3), "scores")
    serve(server, tmp_path / "project", "scores")
    mlflow.set_tracking_uri(None)
    cut, everyone = threading.Event(), [Asking(server, f"asker{i}") for i in range(2)]
    threads = [threading.Thread(target=one.until, args=(cut,)) for one in everyone]
    for thread in threads:
        thread.start()
    time.sleep(3)
    cut.set()
    server.kill9()
    off = time.monotonic()
    for thread in threads:
        thread.join()
    power.leave(server.home, tmp_path / "after", nothing_more)
    with Server(millrace, tmp_path / "after") as again:
        old = [name for one in everyone for time_of, name in one.answered if time_of < off - 1]
        assert len(old) > 100
        for name in (old[0], old[len(old) // 2], old[-1]):
            assert again.get(f"/api/v1/endpoints/scores/predictions/{name}")["prediction"]["id"] == name
        newest = again.get("/api/v1/datasets/scores.predictions/versions")["items"]
        assert max(version["rows"] for version in newest) >= len(old)
