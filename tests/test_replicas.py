"""Replicas answer as their server does, whatever becomes of it."""

import contextlib
import hashlib
import http.server
import json
import sys
import threading

import lightgbm as lgb
import mlflow
import numpy as np
import pyarrow.parquet as pq
import pytest
import requests
import test_compositions
import tritonclient.grpc as triton
import xgboost as xgb
from mlflow import MlflowClient
from mlflow.models import infer_signature
from replicas import Replica, until
from serving import register

from running import Server

PASSWORD = "a password for tests"
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
    shown = shop.run("status").stdout
    assert "Replicas (the server serves generation" in shown and one.url in shown and two.url in shown
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


def predictions(server):
    server.post("/api/v1/endpoints/shop/commit")
    if not server.list("/api/v1/datasets/shop.predictions/versions"):
        return {}
    files = [pq.ParquetFile(path).read() for path in server.files("shop.predictions")]
    return {row["id"]: row for table in files for row in table.to_pylist()}


def test_predictions_of_replicas_are_in_the_servers_log_each_once(shop, replica_of):
    one, two = replica_of(shop, "one"), replica_of(shop, "two")
    for place, ids in ((shop, "s"), (one, "a"), (two, "b")):
        for number in range(30):
            infer(place, number / 10, id=f"{ids}{number}")
    logged = until(lambda: len(found := predictions(shop)) == 90 and found, "all are there")
    assert logged["a7"]["prediction"] == logged["b7"]["prediction"] == logged["s7"]["prediction"]
    assert logged["a7"]["shadow_third"] == logged["s7"]["shadow_third"] is not None
    assert logged["a7"]["route"] == "champion/weight" or logged["a7"]["route"] == logged["s7"]["route"]
    sent = shop.get("/api/v1/endpoints/shop/predictions/b3")["prediction"]
    assert sent["a"] == 0.3 and sent["b"] == 0.25


def test_no_prediction_is_lost_whoever_is_killed(shop, replica_of):
    one = replica_of(shop)
    shop.kill9()
    for number in range(20):
        infer(one, id=f"away{number}")
    one.kill9()
    one.start()
    for number in range(20):
        infer(one, id=f"again{number}")
    one.kill9()
    shop.start()
    one.start()
    wanted = {f"{when}{number}" for when in ("away", "again") for number in range(20)}
    until(lambda: wanted <= set(predictions(shop)), "they come with the next start")
    infer(one, id="last")
    assert one.stop() == 0
    assert "last" in predictions(shop), "the rest comes before the end"


def test_a_replica_that_ends_is_drained(shop, replica_of):
    one = replica_of(shop, options=["--drain-seconds", "3"])
    until(lambda: "one" in replicas(shop), "it is known")
    one.process.terminate()
    until(lambda: not one.is_ready(), "it is no longer ready", seconds=2)
    assert "about to end" in one.request("GET", "/v2/health/ready").text
    assert json.loads(infer(one))["model_version"] == "1", "it goes on answering"
    until(lambda: replicas(shop).get("one", {}).get("draining"), "the server knows", seconds=2)
    assert one.stop() == 0
    assert "one" not in replicas(shop)


def test_what_is_the_servers_is_refused_with_where_to_go(shop, replica_of):
    one = replica_of(shop)
    for method, path in (("GET", "/api/v1/endpoints"), ("PATCH", "/api/v1/endpoints/shop/routes"), ("POST", "/api/2.0/mlflow/runs/create"), ("POST", "/v2/repository/models/shop/unload")):
        answer = one.request(method, path)
        assert answer.status_code == 421 and shop.url in answer.text, (path, answer.text)
    assert one.request("GET", "/nothing").status_code == 404
    metrics = one.request("GET", "/metrics").text
    assert "millrace_replica_generation" in metrics and 'millrace_inflight_requests{endpoint="shop"} 0' in metrics


KINDS = """kind: Project
name: kinds
---
kind: Endpoint
name: forest
model: forest
---
kind: Endpoint
name: python
model: python
---
kind: Endpoint
name: both
ensemble:
  combine: mean
  of: [{model: xgb}, {model: lgb}]
"""


def test_models_of_every_kind_and_ensembles_are_replicated(millrace, replica_of, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    python = ("--python", sys.executable)
    with Server(millrace, tmp_path / "home", options=python) as server:
        mlflow.set_tracking_uri(server.url)
        rows = test_compositions.table(40)
        register(mlflow.xgboost, test_compositions.booster(1), "xgb")
        register(mlflow.lightgbm, lgb.train({"objective": "binary", "verbose": -1}, lgb.Dataset(rows, test_compositions.truth(rows)), 5), "lgb")
        register(mlflow.onnx, test_compositions.forest_as_onnx(rows), "forest", signature=infer_signature(rows))
        test_compositions.register_python(test_compositions.python_models()["doubled"], "python", rows.astype(float).head(2))
        (tmp_path / "project").mkdir()
        for text in (KINDS, KINDS.replace("{model: xgb}", "{model: xgb, weight: 3}")):  # the second ensemble has number 2
            (tmp_path / "project" / "kinds.yaml").write_text(text)
            server.apply(tmp_path / "project")
        assert server.get("/v2/models/both")["versions"] == ["2"]
        one = replica_of(server, options=python)
        inputs = {"id": "p", "inputs": test_compositions.as_tensors(rows)}
        for name in ("forest", "python", "both"):
            answers = {requests.post(place.url + f"/v2/models/{name}/infer", json=inputs, timeout=30).content for place in (server, one)}
            assert len(answers) == 1, name
        register(mlflow.xgboost, test_compositions.booster(2), "xgb")
        until(lambda: requests.get(one.url + "/v2/models/both", timeout=30).json()["versions"] == ["3"], "a member moves")
        with triton.InferenceServerClient(one.grpc) as client:
            assert client.is_server_ready() and client.get_model_metadata("both").versions == ["3"]
            with pytest.raises(triton.InferenceServerException, match="this is a replica"):
                client.unload_model("both")
        server.run("apply", project_without(tmp_path, KINDS, "python"))
        until(lambda: one.request("GET", "/v2/models/python").status_code == 404, "what is gone there is gone here")
        mlflow.set_tracking_uri(None)


def project_without(tmp_path, text, name):
    (tmp_path / "project" / "kinds.yaml").write_text("---".join(part for part in text.split("---") if f"name: {name}\n" not in part))
    return tmp_path / "project"


FARMS = """kind: Project
name: mill
clock: event
---
kind: Dataset
name: grain
event_time: at
columns:
  - {name: at, type: timestamp}
  - {name: farm, type: varchar}
  - {name: kilos, type: double}
---
kind: FeatureView
name: farm_now
entities: [farm]
source: grain
features:
  - {name: kilos_7d, sql: kilos, aggregate: sum, window: 7d}
  - {name: ratio, sql: kilos / (kilos - kilos)}
---
kind: FeatureService
name: grain_features
features: [farm_now]
---
kind: Endpoint
name: farms
model: farms
features: grain_features
"""
BATCH = "at,farm,kilos\n2001-01-01T08:00:00Z,north,12.5\n2001-01-01T09:00:00Z,south,0.1\n2001-01-02T10:00:00Z,sö?,0.3\n"


def test_features_are_looked_up_at_the_server(server, replica_of, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    mlflow.set_tracking_uri(server.url)
    rng = np.random.default_rng(1)
    rows = rng.normal(size=(200, 2))
    data = xgb.DMatrix(rows, label=rows[:, 0] > 0, feature_names=["kilos_7d", "ratio"])
    (tmp_path / "project").mkdir()
    (tmp_path / "project" / "mill.yaml").write_text(FARMS)
    server.apply(tmp_path / "project")
    server.post("/api/v1/datasets/grain/batches?batch_id=1&format=csv", data=BATCH.encode())
    server.move_clock("2001-01-03")
    register(mlflow.xgboost, xgb.train({"objective": "binary:logistic"}, data, 5), "farms")
    one = replica_of(server)
    farms = ["north", "south", "sö?", "none"]
    ask = lambda place, names, name="p": requests.post(place.url + "/v2/models/farms/infer", timeout=30, json={"id": name, "inputs": [{"name": "farm", "shape": [len(names)], "datatype": "BYTES", "data": names}]})
    for names in (farms, *([farm] for farm in farms)):
        answer = ask(one, names)
        assert answer.status_code == 200 and answer.content == ask(server, names).content, answer.text
    ask(one, farms, "logged")
    find = lambda: server.request("POST", "/api/v1/endpoints/farms/commit") and requests.get(server.url + "/api/v1/endpoints/farms/predictions/logged.0", timeout=30)
    logged = until(lambda: (found := find()).ok and found.json()["prediction"], "its row comes")
    assert logged["farm"] == "north" and logged["kilos_7d"] == 12.5
    server.kill9()
    answer = ask(one, ["north"])
    assert answer.status_code == 503 and "cannot be looked up" in answer.text
    server.start()
    until(lambda: ask(one, ["north"]).status_code == 200, "the server is back")
    mlflow.set_tracking_uri(None)


def test_an_endpoint_sleeps_at_each_place_for_itself(shop, replica_of, tmp_path):
    (tmp_path / "project" / "shop.yaml").write_text(PROJECT + "scale_to_zero: 1s\n")
    shop.apply(tmp_path / "project")
    one = replica_of(shop)
    asleep = lambda place: requests.get(place.url + "/api/v1/endpoints/shop/stats", timeout=30).json()["sleep"]["asleep"]
    infer(shop)
    until(lambda: asleep(shop), "the server's models leave")
    until(lambda: asleep(one), "the replica's do")
    assert one.is_ready()
    MlflowClient().set_registered_model_alias("scores", "champion", "3")
    until(lambda: version(one, headers={"x-arm": "champion"}) == "3", "an alias that moves meanwhile is followed")
    assert asleep(shop), "the server was not woken"


def test_the_event_clock_is_the_servers(shop, replica_of, tmp_path):
    (tmp_path / "project" / "shop.yaml").write_text(PROJECT.replace("name: shop", "name: shop\nclock: event", 1))
    shop.apply(tmp_path / "project")
    shop.move_clock("2001-03-01T06:00:00Z")
    one = replica_of(shop)
    for moment, name in (("2001-03-02T06:00:00Z", "then"), ("2001-03-03T06:00:00Z", "later")):
        before = generation(shop)
        shop.move_clock(moment)
        until(lambda: replicas(shop).get("one", {}).get("generation", 0) == generation(shop) > before, "it moves")
        infer(one, id=name)
    logged = until(lambda: len(found := predictions(shop)) == 2 and found, "both are there")
    assert [logged[name]["event_time"].isoformat()[:16] for name in ("then", "later")] == ["2001-03-02T06:00", "2001-03-03T06:00"]


def test_a_server_with_users_has_replicas_with_the_same(millrace, shop, replica_of):
    shop.stop()
    assert millrace("user", "create", "root", "--admin", "--home", shop.home, "--ask", input=PASSWORD + "\n").returncode == 0
    shop.start()

    def token(name, role):
        made = requests.post(shop.url + "/api/v1/tokens", auth=("root", PASSWORD), json={"name": name, "role": role}, timeout=30)
        assert made.ok, made.text
        return made.json()

    shop.token = token("tests", None)["secret"]
    viewer = token("asks", "viewer")
    powerless = replica_of(shop, "powerless", ready=False, token=viewer["secret"])
    until(lambda: any("needs the role deployer" in line for line in powerless.log), "it says what its token lacks")
    assert not powerless.is_ready()
    one = replica_of(shop, token=token("replicas", "deployer")["secret"])
    ask = lambda place, secret: requests.post(place.url + "/v2/models/shop/infer", json=body(id="p"), headers={"Authorization": f"Bearer {secret}"} if secret else {}, timeout=30)
    assert ask(one, None).status_code == ask(one, "mrt_" + "0" * 64).status_code == 401
    assert ask(one, viewer["secret"]).content == ask(shop, viewer["secret"]).content
    assert requests.get(one.url + "/metrics", timeout=30).status_code == 401
    until(lambda: replicas(shop).get("one", {}).get("generation"), "it is known")
    assert (one.home / "callers.json").stat().st_mode & 0o777 == 0o600
    assert viewer["secret"] not in (one.home / "callers.json").read_text()
    shop.kill9()
    one.kill9()
    one.start()
    assert ask(one, viewer["secret"]).status_code == 200 and ask(one, None).status_code == 401, "without the server, too"
    shop.start()
    shop.request("DELETE", f"/api/v1/tokens/{viewer['id']}")
    until(lambda: ask(one, viewer["secret"]).status_code == 401, "what is taken back there is taken back here")


class FakeServer(http.server.BaseHTTPRequestHandler):
    """Says what a test wants said."""

    said = {}

    def do_GET(self):
        answer = self.said.get(self.path.split("?")[0], b"{}")
        self.send_response(200)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def do_PUT(self):
        self.do_GET()

    do_DELETE = do_PUT

    def log_message(self, *_):
        pass


@pytest.fixture
def fake_server():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), FakeServer)
    server.url = f"http://127.0.0.1:{server.server_address[1]}"
    FakeServer.said = {"/api/v1/serving-state/callers": b'{"closed": false, "callers": []}'}
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()


def state(files):
    document = json.dumps({"kind": "Endpoint", "name": "shop", "model": "scores"})
    routes = json.dumps({"arms": [{"name": "champion", "alias": "champion"}]})
    endpoint = {"name": "shop", "document": document, "routes": routes, "arms": {"champion": 1}, "shadows": {}, "members": [], "features": None, "evidence": None, "unloaded": False}
    return {"format": 1, "generation": 1, "state": {"event_time_us": None, "endpoints": [endpoint], "versions": [{"model": "scores", "version": 1, "files": files}]}}


def test_a_server_that_says_what_cannot_be_is_not_believed(fake_server, replica_of, tmp_path):
    one = replica_of(fake_server, ready=False)
    said = lambda line: until(lambda: any(line in each for each in one.log), lambda: f"{line}: {one.log[-3:]}")
    hash_of = lambda content: hashlib.sha256(content).hexdigest()
    bad = hash_of(b"something else")
    FakeServer.said["/api/v1/serving-state"] = b"\xff{"
    said("cannot be followed")
    for files, line in (
        ([{"path": "../../evil", "size": 4, "sha256": hash_of(b"evil")}], "no path within a folder"),
        ([{"path": "MLmodel", "size": 10**30, "sha256": bad}], "no whole number"),
        ([{"path": "MLmodel", "size": 2**42, "sha256": bad}], "has no room"),
        ([{"path": "MLmodel", "size": 4, "sha256": bad}], "another SHA-256"),
        ([{"path": "MLmodel", "size": 400, "sha256": bad}], "the server answered 200"),
    ):
        FakeServer.said[f"/api/v1/serving-state/files/{bad}"] = b"evil"
        FakeServer.said["/api/v1/serving-state"] = json.dumps(state(files)).encode()
        one.log.clear()
        said(line)
    assert not one.is_ready() and not list(tmp_path.rglob("evil*")) and not list((one.home / "models" / "models").iterdir())
    assert one.request("GET", "/v2/health/live").status_code == 200
