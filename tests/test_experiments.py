"""Experiments on our own API and command line: searched, in folders, with runs that move, and what is gone for good."""

import json
import time

import pytest
import requests
from mlflow.tracking import MlflowClient

from running import Server


@pytest.fixture()
def server(millrace, tmp_path):
    with Server(millrace, tmp_path / "home") as running:
        yield running


@pytest.fixture()
def client(server):
    return MlflowClient(server.url)


def api(server, method, path, status=200, **request):
    answer = requests.request(method, f"{server.url}/api/v1{path}", timeout=30, **request)
    assert answer.status_code == status, answer.text
    return answer.json()


def run_with(client, experiment, name, loss):
    run = client.create_run(experiment, run_name=name).info.run_id
    client.log_metric(run, "loss", loss)
    client.log_param(run, "depth", "6")
    return run


def test_runs_are_searched_on_our_own_api(server, client):
    experiment = client.create_experiment("delays")
    for name, loss in [("a", 0.3), ("b", 0.1), ("c", 0.2)]:
        run_with(client, experiment, name, loss)

    def names(**query):
        return "".join(run["name"] for run in api(server, "GET", "/runs", params=query)["items"])

    assert names(filter="metrics.loss < 0.25", order_by="metrics.loss DESC") == "cb"
    assert names(filter="metrics.loss IN (0.1, 0.3) AND start_time > '1 hour ago'", order_by="metrics.loss") == "ba"
    assert names(experiment_id="0") == "" and names(experiment_id=f"0,{experiment}", order_by="attributes.run_name") == "abc"
    assert names(view="deleted") == ""
    first = api(server, "GET", "/runs", params={"limit": 2, "order_by": "metrics.loss", "fields": "params.*"})
    assert [run["name"] for run in first["items"]] == ["b", "c"] and first["items"][0]["metrics"] == {} and first["items"][0]["params"] == {"depth": "6"}
    rest = api(server, "GET", "/runs", params={"limit": 2, "order_by": "metrics.loss", "after": first["next"]})
    assert [run["name"] for run in rest["items"]] == ["a"] and rest["next"] is None
    for query in [{"filter": "loss >"}, {"order_by": "m.x"}, {"view": "some"}, {"fields": "weights"}, {"after": "x"}]:
        assert "message" in api(server, "GET", "/runs", 400, params=query)["error"]


def test_folders(server, client, millrace):
    for name in ["vision/cats/a", "vision/cats/b", "vision/dogs", "sound"]:
        client.create_experiment(name)
    root = api(server, "GET", "/folders")
    assert root["folders"] == [{"path": "vision", "experiments": 3}] and [e["name"] for e in root["experiments"]] == ["Default", "sound"]
    api(server, "PUT", "/folders/tags", json={"path": "vision", "key": "team", "value": "red"})
    assert [e.name for e in client.search_experiments(filter_string="tags.team = 'red'", order_by=["name"])] == ["vision/cats/a", "vision/cats/b", "vision/dogs"]
    assert client.get_experiment_by_name("vision/dogs").tags == {"team": "red"}
    assert api(server, "POST", "/folders/move", json={"from": "vision/cats", "to": "archive"}) == {"experiments": 2}
    assert client.get_experiment_by_name("archive/a").tags == {}
    assert client.get_experiment_by_name("vision/cats/a") is None
    assert api(server, "POST", "/folders/move", 404, json={"from": "nope", "to": "x"})["error"]["message"] == "folder nope does not exist"
    client.create_experiment("vision/a")
    assert api(server, "POST", "/folders/move", 409, json={"from": "archive", "to": "vision"})
    assert api(server, "DELETE", "/folders/tags", params={"path": "vision", "key": "team"})
    assert client.get_experiment_by_name("vision/dogs").tags == {}

    def cli(*words):
        done = millrace("experiment", *words, "--server", server.url)
        assert done.returncode == 0, done.stderr
        return done.stdout

    assert "vision/" in cli("folder") and "sound" in cli("folder")
    assert cli("move", "vision", "sight") == "2 experiments moved from vision to sight\n"
    assert [line.split()[1] for line in cli("list", "--filter", "name LIKE 'sight/%'", "--order-by", "name").splitlines()[1:]] == ["sight/a", "sight/dogs"]
    assert json.loads(cli("show", "sight/dogs", "--json"))["name"] == "sight/dogs"
    run_with(client, client.get_experiment_by_name("sound").experiment_id, "loud", 0.5)
    listed = cli("runs", "sound", "--filter", "metrics.loss > 0.2")
    assert "loud" in listed and "loss 0.5" in listed


def test_runs_are_moved_and_copied_and_gone_for_good(server, client, tmp_path):
    source, target = client.create_experiment("from"), client.create_experiment("to")
    run = run_with(client, source, "r", 0.5)
    (tmp_path / "note.txt").write_text("kept")
    client.log_artifact(run, str(tmp_path / "note.txt"))
    assert api(server, "POST", f"/runs/{run}/move", json={"experiment_id": target})["experiment_id"] == target
    assert [item.path for item in client.list_artifacts(run)] == ["note.txt"]
    copy = api(server, "POST", f"/runs/{run}/copy", 201, json={"experiment_id": source})["id"]
    assert client.get_run(copy).data.metrics == {"loss": 0.5} and client.get_run(copy).data.tags["millrace.copied_from"] == run
    assert api(server, "POST", f"/runs/{run}/move", 404, json={"experiment_id": "99"})

    client.delete_run(run)
    assert api(server, "POST", "/erase", json={"deleted_longer_than": "1d"}) == {"runs": 0, "experiments": 0, "needed": 0}
    assert api(server, "POST", "/erase", json={"deleted_longer_than": "0s"}) == {"runs": 1, "experiments": 0, "needed": 0}
    assert api(server, "GET", f"/runs/{run}", 404)
    assert [item.path for item in client.list_artifacts(copy)] == ["note.txt"]
    stored = lambda: [path for path in (server.home / "artifacts").rglob("note.txt")]
    assert stored()
    client.delete_experiment(source)
    assert api(server, "POST", "/erase", json={"deleted_longer_than": "0s"}) == {"runs": 1, "experiments": 1, "needed": 0}
    assert not stored()
    assert client.get_experiment_by_name("from") is None
    assert client.create_experiment("from")
    api(server, "POST", "/erase", 400, json={"deleted_longer_than": "soon"})


def test_rules_of_retention_delete_erase_and_spare(server, client, millrace, tmp_path):
    def old_run(experiment, name, days):
        run = client.create_run(experiment, start_time=1, run_name=name).info.run_id
        (tmp_path / "note.txt").write_text(name)
        client.log_artifact(run, str(tmp_path / "note.txt"), "model")
        client.set_terminated(run, end_time=int((time.time() - days * 86_400) * 1000))
        return run

    def plan(method="GET"):
        return [(item["fate"], item["kind"], item["name"], item["experiment"]) for item in api(server, method, "/retention")["items"]]

    def rule(path, key, value):
        return api(server, "PUT", "/folders/tags", json={"path": path, "key": f"millrace.retention.{key}", "value": value})
    cats, kept = client.create_experiment("vision/cats"), client.create_experiment("text")
    old, young, used = old_run(cats, "old", 200), old_run(cats, "young", 10), old_run(cats, "used", 300)
    old_run(kept, "elsewhere", 900)
    client.create_registered_model("m")
    client.create_model_version("m", f"{client.get_run(used).info.artifact_uri}/model", run_id=used)
    assert plan() == []
    rule("vision", "delete_runs_after", "180d")
    assert plan() == [("delete", "run", "old", "vision/cats"), ("keep", "run", "used", "vision/cats")]
    why = {item["name"]: item["reason"] for item in api(server, "GET", "/retention")["items"]}
    assert why == {"old": "ended 200d ago; the rule is 180d", "used": "models:/m/1 needs it"}
    assert client.get_run(old).info.lifecycle_stage == "active", "to look changes nothing"
    shown = millrace("--server", server.url, "experiment", "retention")
    assert shown.returncode == 0 and "models:/m/1 needs it" in shown.stdout, shown
    assert plan("POST") == [("delete", "run", "old", "vision/cats")] and client.get_run(old).info.lifecycle_stage == "deleted"
    rule("", "erase_deleted_after", "1us")
    client.delete_run(used)
    assert sorted(plan()) == [("erase", "run", "old", "vision/cats"), ("keep", "run", "used", "vision/cats")]
    applied = json.loads(millrace("--server", server.url, "experiment", "retention", "--apply", "--json").stdout)
    assert [item["name"] for item in applied["items"]] == ["old"]
    api(server, "GET", f"/runs/{old}", 404)
    assert {path.read_text() for path in (server.home / "artifacts").rglob("note.txt")} == {"young", "used", "elsewhere"}
    api(server, "POST", "/erase", json={"deleted_longer_than": "0s"})
    assert client.list_artifacts(used)[0].path == "model", "by hand it is spared, too"
    told = [(event["type"], event["subject"]) for event in api(server, "GET", "/events", params={"limit": 100})["items"] if event["type"].startswith("run.") and event["type"] != "run.finished"]
    assert told == [("run.deleted", old), ("run.erased", old)]
    client.delete_model_version("m", "1")
    assert plan("POST") == [("erase", "run", "used", "vision/cats")]
    api(server, "PUT", "/folders/tags", 400, json={"path": "", "key": "millrace.retention.erase_deleted_after", "value": "soon"})
