"""Requests of one endpoint are divided among versions; versions are swapped under load."""

import collections
import pathlib
import threading
import time

import mlflow
import numpy as np
import onnx_models
import pytest
import requests
import xgboost as xgb
from mlflow import MlflowClient

from running import Server

PROJECT = "kind: Project\nname: shop\n---\nkind: Endpoint\nname: NAME\nmodel: scores\n"
ROUTES = """routes:
  arms:
    - {name: champion, weight: 80}
    - {name: challenger, weight: 20}
  sticky: {input: a, salt: spring}
  override: {header: x-arm}
"""


def booster(seed, rounds=10):
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(400, 2))
    data = xgb.DMatrix(rows, label=(rows[:, 0] * (seed % 5 - 2) + rows[:, 1] > 0), feature_names=["a", "b"])
    return xgb.train({"objective": "binary:logistic", "max_depth": 4, "seed": seed}, data, num_boost_round=rounds)


def register(name, seed, rounds=10):
    with mlflow.start_run():
        mlflow.xgboost.log_model(booster(seed, rounds), name="model", registered_model_name=name)


@pytest.fixture(scope="module")
def models(millrace, tmp_path_factory):
    """A server with a model of three versions: version 1 is the champion, version 2 the challenger."""
    with Server(millrace, tmp_path_factory.mktemp("routes") / "home") as server, pytest.MonkeyPatch.context() as patch:
        patch.chdir(server.home)
        mlflow.set_tracking_uri(server.url)
        for seed in (1, 2, 3):
            register("scores", seed)
        MlflowClient().set_registered_model_alias("scores", "champion", "1")
        MlflowClient().set_registered_model_alias("scores", "challenger", "2")
        yield server
        mlflow.set_tracking_uri(None)


class Shop:
    """An endpoint of its own for each test."""

    def __init__(self, server, name, folder):
        self.server, self.name, self.folder = server, name, folder
        self.routes = f"/api/v1/endpoints/{name}/routes"

    def write(self, text):
        self.folder.mkdir(exist_ok=True)
        (self.folder / "shop.yaml").write_text(text.replace("NAME", self.name))
        return self.folder

    def apply(self, text=PROJECT, *options):
        done = self.server.run("apply", self.write(text), *options)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def route(self, *args):
        done = self.server.run("endpoint", "route", self.name, *args)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def infer(self, a=0.5, path="infer", headers=None, expect=None, **more):
        return self.server.request("POST", f"/v2/models/{self.name}/{path}", expect=expect, json=body(a, **more), headers=headers)

    def version(self, *args, **more):
        return self.infer(*args, **more)["model_version"]

    def show(self):
        return self.server.get(f"/api/v1/endpoints/{self.name}")

    def shares(self):
        return {arm["name"]: arm["share"] for arm in self.show()["arms"]}

    def changes(self):
        events = self.server.list("/api/v1/events")
        return [event["data"] for event in events if event["type"] == "endpoint.routes_changed" and event["subject"] == self.name]


@pytest.fixture
def shop(models, request, tmp_path):
    mlflow.set_tracking_uri(models.url)
    return Shop(models, request.node.name, tmp_path / "project")


def body(a=0.5, b=0.25, **more):
    tensor = lambda name, value: {"name": name, "shape": [1], "datatype": "FP64", "data": [value]}
    return {"inputs": [tensor("a", a), tensor("b", b)], **more}


def test_a_canary_is_started_seen_and_taken_back_from_the_command_line(shop):
    shop.apply()
    assert {shop.version() for _ in range(20)} == {"1"}
    shown = shop.route("champion=75", "challenger=25", "--reason", "a canary")
    assert "75%" in shown and "25%" in shown and "a canary" in shown
    counts = collections.Counter(shop.version() for _ in range(400))
    assert set(counts) == {"1", "2"} and 60 < counts["2"] < 140
    arms = {arm["name"]: arm for arm in shop.show()["arms"]}
    assert arms["challenger"]["predictions"] == counts["2"] and arms["challenger"]["p99_ms"] > 0
    assert "set by hand" in shop.server.run("endpoint", "show", shop.name).stdout
    logged = shop.server.get(f"/api/v1/endpoints/{shop.name}/predictions/{shop.infer()['id']}")
    assert logged["prediction"]["route"] in ("champion/weight", "challenger/weight")

    shop.server.restart()
    assert shop.shares() == {"champion": 0.75, "challenger": 0.25}, "what was set by hand outlives a restart"
    assert "stay" in shop.apply(PROJECT, "--dry-run")
    assert "set by hand (champion 75%, challenger 25%" in shop.apply(PROJECT + "description: a shop\n")
    assert shop.shares() == {"champion": 0.75, "challenger": 0.25}, "the document's routes did not change"
    shop.route("--reset", "--reason", "it did badly")
    assert shop.shares() == {"champion": 1}
    assert [(change["source"], change["reason"]) for change in shop.changes()] == [("hand", "a canary"), ("reset", "it did badly")]


def test_the_documents_own_change_wins_over_what_was_set_by_hand(shop):
    shop.apply(PROJECT + ROUTES)
    shop.route("champion=50", "challenger=50", "--reason", "half")
    other = PROJECT + ROUTES.replace("20", "5").replace("80", "95")
    assert "give way to the document's" in shop.apply(other, "--dry-run")
    assert shop.shares() == {"champion": 0.5, "challenger": 0.5}
    shop.apply(other)
    assert shop.shares() == {"champion": 0.95, "challenger": 0.05}
    assert [change["source"] for change in shop.changes()] == ["hand", "document"]


def test_a_key_keeps_its_version_and_a_request_may_ask_for_an_arm(shop):
    shop.apply(PROJECT + ROUTES)
    users = [float(user) for user in range(200)]
    before = {user: shop.version(user) for user in users}
    assert 15 < list(before.values()).count("2") < 70
    shop.server.restart()
    assert {user: shop.version(user) for user in users} == before
    shop.route("challenger=40", "--reason", "more")
    after = {user: shop.version(user) for user in users}
    assert {(before[user], after[user]) for user in users if before[user] != after[user]} == {("1", "2")}
    assert {shop.version(user, headers={"X-Arm": "challenger"}) for user in users[:20]} == {"2"}
    assert {shop.version(user, path="versions/1/infer") for user in users[:20]} == {"1"}
    wrong = shop.infer(headers={"X-Arm": "chalenger"}, expect=404)
    assert wrong["error"] == f'endpoint {shop.name} has no arm "chalenger"; did you mean "challenger"?'
    batch = {"inputs": [{"name": name, "shape": [2], "datatype": "FP64", "data": [1.0, 2.0]} for name in "ab"]}
    refused = shop.server.request("POST", f"/v2/models/{shop.name}/infer", expect=400, json=batch)
    assert 'input "a" differs between the rows' in refused["error"]


def test_a_key_may_be_a_parameter_or_a_header(shop):
    for source, say in (("parameter", lambda key: {"parameters": {"user": key}}), ("header", lambda key: {"headers": {"User": str(key)}})):
        shop.apply(PROJECT + ROUTES.replace("input: a", f"{source}: user").replace("80", "50").replace("20", "50"))
        versions = {key: {shop.version(**say(key)) for _ in range(5)} for key in range(30)}
        assert all(len(seen) == 1 for seen in versions.values())
        assert len(set.union(*versions.values())) == 2
        assert len({shop.version() for _ in range(40)}) == 2, "without a key the request's own id decides"


def test_routes_through_the_api(shop):
    shop.apply()
    routes = {"arms": [{"name": "champion", "weight": 1}, {"name": "third", "version": 3, "weight": 0}], "override": {"parameter": "arm"}}
    changed = shop.server.request("PATCH", shop.routes, json={"routes": routes, "reason": "to look at version 3"})
    assert changed["by_hand"]["reason"] == "to look at version 3"
    assert shop.version() == "1" and shop.version(parameters={"arm": "third"}) == "3"
    assert shop.server.get(shop.routes)["declared"] == {"arms": [{"name": "champion", "alias": "champion", "weight": 1.0}]}
    for change, message in (
        ({"weights": {"champion": 1}}, '"reason"'),
        ({"reason": "x"}, 'give one of "weights" and "routes"'),
        ({"weights": {"chmpion": 1}, "reason": "x"}, 'model scores has no alias "chmpion"; did you mean "champion"?'),
        ({"weights": {"champion": -1}, "reason": "x"}, "must be 0 or more, not -1"),
        ({"weights": {"champion": 0}, "reason": "x"}, "no arm has a weight above 0"),
        ({"weights": {"champion": "much"}, "reason": "x"}, "the weight of arm champion must be a number"),
        ({"routes": {"arms": [{"name": "a", "wieght": 1}]}, "reason": "x"}, 'did you mean "weight"?'),
        ({"routes": {"arms": [{"name": "champion"}], "sticky": {"input": "aa"}}, "reason": "x"}, 'no input "aa"'),
    ):
        answer = requests.patch(shop.server.url + shop.routes, json=change)
        assert 400 <= answer.status_code < 500 and message in answer.json()["error"]["message"], answer.text
    assert shop.version(parameters={"arm": "third"}) == "3", "what was refused changed nothing"


def test_faults_in_a_document_say_where(shop):
    folder = shop.write(PROJECT + ROUTES.replace("weight: 80", "weight: -1").replace("sticky:", "stiky:"))
    faults = shop.server.run("apply", folder).stderr
    assert "shop.yaml:9:32: the weight of arm champion must be 0 or more, not -1" in faults
    assert 'shop.yaml:11:3: routes has no key "stiky"; did you mean "sticky"?' in faults


def test_a_shadow_is_compared_with_the_answers(shop):
    shop.apply(PROJECT + "shadow: challenger\n")
    answers = [shop.infer(float(a)) for a in np.linspace(-2, 2, 40)]
    shadow = shop.show()["shadows"][0]
    assert shadow["compared"] == 40 and 0 < shadow["agreed"] < 40 and shadow["failures"] == shadow["dropped"] == 0
    logged = shop.server.get(f"/api/v1/endpoints/{shop.name}/predictions/{answers[0]['id']}")["prediction"]
    shop.apply(PROJECT + ROUTES)
    assert logged["shadow_challenger"] == shop.infer(-2.0, headers={"x-arm": "challenger"})["outputs"][0]["data"][0]
    assert logged["prediction"] == answers[0]["outputs"][0]["data"][0] and logged["version"] == 1


def test_a_shadow_that_takes_long_is_scored_when_the_request_has_been_answered(shop):
    """Its values stand in the rows of the log nevertheless."""
    client = MlflowClient()
    for number, model in enumerate([onnx_models.logistic_regression(False).model] * 2, 1):
        with mlflow.start_run():
            mlflow.onnx.log_model(model, name="model", registered_model_name="nets", pip_requirements=["onnxruntime"])
        client.set_registered_model_alias("nets", ("champion", "challenger")[number - 1], str(number))
    shop.apply(PROJECT.replace("model: scores", "model: nets") + "shadow: challenger\n")
    described = shop.show()
    rows = onnx_models.rows(20)
    inputs = lambda row: [{"name": described["inputs"][0]["name"], "shape": [1, len(row)], "datatype": described["inputs"][0]["datatype"], "data": row.tolist()}]
    answers = [shop.server.post(f"/v2/models/{shop.name}/infer", json={"inputs": inputs(row)}) for row in rows]
    logged = shop.server.get(f"/api/v1/endpoints/{shop.name}/predictions/{answers[7]['id']}")["prediction"]
    columns = [column for column in logged if column.startswith("shadow_challenger")]
    assert columns and all(logged[column] == logged[column.replace("shadow_challenger", "prediction")] for column in columns)
    assert all(logged[column] is not None for column in columns)
    shadow = shop.show()["shadows"][0]
    assert shadow["later"] and shadow["compared"] == shadow["agreed"] == 20 and shadow["difference_mean"] == 0


def test_a_share_of_the_predictions_is_logged(shop):
    """The same requests each time, whatever answered them; shadows are compared on all."""
    shop.apply(PROJECT + "shadow: challenger\nlog: {sample: 0.25}\n")
    for number in range(400):
        shop.infer(id=f"visit-{number}")
    log = f"/api/v1/endpoints/{shop.name}/predictions"
    found = [requests.get(f"{shop.server.url}{log}/visit-{number}") for number in range(400)]
    kept = [answer.json()["prediction"] for answer in found if answer.status_code == 200]
    assert 60 < len(kept) < 140 and {answer.status_code for answer in found} == {200, 404}
    assert all(row["shadow_challenger"] is not None for row in kept)
    shown = shop.show()
    assert shown["log_sample"] == 0.25 and shown["predictions"] == shown["shadows"][0]["compared"] == 400
    assert ", 25% of the requests" in shop.server.run("endpoint", "show", shop.name).stdout
    shop.apply(PROJECT + "log: {sample: 0}\n")
    shop.server.request("GET", f"{log}/{shop.infer()['id']}", expect=404)
    done = shop.server.run("apply", shop.write(PROJECT + "log: {sample: 25%}\n"))
    assert done.returncode == 1 and "sample" in done.stderr
    assert '"sample" must be between 0 and 1' in shop.server.run("apply", shop.write(PROJECT + "log: {sample: 25}\n")).stderr


BANDIT = PROJECT.replace("name: shop", "name: shop\nclock: event") + """routes:
  arms: [{name: champion}, {name: challenger}]
  bandit: {reward: 1 - label, every: 1h, floor: 0.05}
"""


def test_a_bandit_finds_the_better_version_by_its_labels(models, tmp_path):
    """Twice the same: what it learns is a function of what was asked and what came of it."""
    told = []
    for day in (1, 2):
        shop = Shop(models, f"learns{day}", tmp_path / "project")
        shop.apply(BANDIT)
        told.append([hour_of_sales(shop, f"2001-01-0{day}T{hour:02}", hour) for hour in range(6)])
        assert told[-1][0]["challenger"] == pytest.approx(0.5)
        assert told[-1][-1]["challenger"] == pytest.approx(0.95, abs=1e-3), "all but the floor"
        shop.server.restart()
        assert shop.shares() == told[-1][-1]
        updates = [event for event in shop.server.list("/api/v1/events") if event["type"] == "endpoint.bandit_updated" and event["subject"] == shop.name]
        assert sum(arm["trials"] for arm in updates[-1]["data"]["arms"]) == 5 * 40 and updates[-1]["data"]["reward"] == "1 - label"
        logged = shop.server.get(f"/api/v1/endpoints/{shop.name}/predictions/sale-0-0")
        assert logged["prediction"]["route"].endswith("/bandit")
    assert told[0] == told[1]


def hour_of_sales(shop, begins, hour):
    """What version 1 sells is sent back three times out of four, what version 2 sells once. The shares before it."""
    shop.server.move_clock(f"{begins}:00:00Z")
    shares, labels = shop.shares(), []
    for sale in range(40):
        name, moment = f"sale-{hour}-{sale}", f"{begins}:30:00Z"
        version = shop.version(float(sale), id=name, parameters={"event_time": moment})
        labels.append({"id": name, "event_time": moment, "value": int(sale % 4 < (3 if version == "1" else 1))})
    shop.server.post(f"/api/v1/endpoints/{shop.name}/labels", json={"labels": labels})
    return shares


def test_a_server_starts_though_a_version_cannot_be_served_any_more(server, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    mlflow.set_tracking_uri(server.url)
    for seed, name in enumerate(("broken", "whole")):
        register(name, seed)
        MlflowClient().set_registered_model_alias(name, "champion", "1")
    folder = MlflowClient().get_model_version("broken", "1").source.rpartition("/")[2]
    shops = [Shop(server, name, tmp_path / "project") for name in ("broken", "whole")]
    shops[0].apply("kind: Project\nname: shop\n" + "".join(f"---\nkind: Endpoint\nname: {shop.name}\nmodel: {shop.name}\n" for shop in shops))
    assert [shop.version() for shop in shops] == ["1", "1"]
    server.stop()
    damaged = [file for file in server.home.glob(f"artifacts/**/{folder}/**/model.*")]
    assert damaged
    for file in damaged:
        file.unlink()
        file.write_bytes(b"nothing")
    server.start()
    mlflow.set_tracking_uri(None)
    assert shops[1].version() == "1"
    assert "model broken version 1" in shops[0].show()["problem"] and shops[0].show()["version"] is None
    shops[0].infer(expect=503)


class Load(threading.Thread):
    """Asks an endpoint as fast as it is answered; keeps every status that is not 200."""

    def __init__(self, server, endpoint):
        super().__init__()
        self.url, self.stopped, self.answered, self.failures = f"{server.url}/v2/models/{endpoint}/infer", False, 0, []
        self.start()

    def run(self):
        with requests.Session() as session:
            while not self.stopped:
                answer = session.post(self.url, json=body())
                self.answered += 1
                if answer.status_code != 200:
                    self.failures.append(answer.text)

    def stop(self):
        self.stopped = True
        self.join()


def resident(server):
    return int(pathlib.Path(f"/proc/{server.pid}/statm").read_text().split()[1]) * 4096


def test_a_hundred_swaps_under_load_fail_no_request_and_leave_no_memory_behind(shop):
    register("large", 1, rounds=400)
    register("large", 2, rounds=400)
    client = MlflowClient()
    client.set_registered_model_alias("large", "champion", "1")
    shop.apply(PROJECT.replace("model: scores", "model: large") + "---\nkind: Endpoint\nname: neighbour\nmodel: scores\n")
    loads = [Load(shop.server, shop.name), Load(shop.server, "neighbour")]
    try:
        for number in range(1, 111):
            if number == 11:
                before = resident(shop.server)
            swap(shop, client, str(number % 2 + 1))
        after = resident(shop.server)
    finally:
        for load in loads:
            load.stop()
    assert [load.failures for load in loads] == [[], []]
    assert all(load.answered > 100 for load in loads)
    assert after - before < 24 << 20


def swap(shop, client, version):
    client.set_registered_model_alias("large", "champion", version)
    deadline = time.monotonic() + 60
    while shop.show()["version"] != int(version):
        assert time.monotonic() < deadline
