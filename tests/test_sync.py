"""millrace sync: what the real mlflow logged without a network, carried to a server that is away, cut off, or killed in the middle."""

import json
import pathlib
import socket
import subprocess
import threading
import time

import mlflow
import pytest
import requests
from mlflow.entities import Metric

from mlflow_store import fill, log_run, read_all, tracked_at


def carried(millrace, source, server, *options, status=0):
    done = millrace("sync", source, "--to", server.url if hasattr(server, "url") else server, "--json", *options)
    assert done.returncode == status, done.stdout + done.stderr
    return json.loads(done.stdout) if done.stdout else done.stderr


def comparable(state):
    """What is deleted there never comes, and what is deployed is the server's to say."""
    runs = {run: value for run, value in state["runs"].items() if value["info"][4] == "active"}
    models = {name: ([(v[0], v[1], v[2], v[3], v[5], v[6]) for v in m["versions"]], m["model"][:3]) for name, m in state["models"].items()}
    experiments = {name: value for name, value in state["experiments"].items() if value[0] == "active"}
    return {"runs": runs, "models": models, "experiments": experiments, "logged_models": state["logged_models"], "traces": state.get("traces")}


@pytest.fixture
def workplace(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def offline(workplace, kind):
    return f"sqlite:///{workplace}/mlflow.db" if kind == "database" else f"file://{workplace}/mlruns"


@pytest.mark.parametrize("kind", ["database", "folder"])
def test_what_was_logged_offline_is_carried_once(millrace, workplace, server, kind):
    uri = offline(workplace, kind)
    with tracked_at(uri) as client:
        fill(client, evaluation=False)
        before = read_all(client)
    first = carried(millrace, uri, server)
    with tracked_at(server.url) as client:
        assert comparable(read_all(client)) == comparable(before)
        assert client.get_registered_model("halves").aliases == {}
    again = carried(millrace, uri, server)
    assert first["sent"]["run"] == 3 and first["files"] > 5
    assert again["sent"] == {} and again["points"] == 0 and again["files"] == 0


def test_a_millrace_without_a_network_is_carried_too(millrace, workplace, new_server):
    laptop, server = new_server(workplace / "laptop"), new_server(workplace / "server")
    with tracked_at(laptop.url) as client:
        fill(client)
        before = read_all(client)
    carried(millrace, laptop.url, server)
    with tracked_at(server.url) as client:
        assert comparable(read_all(client)) == comparable(before)
        found = client.search_runs([client.get_experiment_by_name("vision/cats").experiment_id])
        assert len(found) == 3
    assert carried(millrace, laptop.url, server)["sent"] == {}


def test_only_what_is_new_of_a_run_is_sent(millrace, workplace, server):
    uri = offline(workplace, "database")
    with tracked_at(uri) as client:
        run = client.create_run("0", run_name="long")
        client.log_batch(run.info.run_id, metrics=[Metric("loss", 1 / (step + 1), 1000 + step, step) for step in range(1000)])
        assert carried(millrace, uri, server)["points"] == 1000
        client.log_metric(run.info.run_id, "loss", 0.0, timestamp=5000, step=5000)
        client.log_metric(run.info.run_id, "other", 0.0, timestamp=5000)
        assert carried(millrace, uri, server)["points"] == 2
        # One that is logged late, between those that are there.
        client.log_metric(run.info.run_id, "loss", 0.5, timestamp=1001, step=0)
        carried(millrace, uri, server)
        history = client.get_metric_history(run.info.run_id, "loss")
    with tracked_at(server.url) as client:
        assert client.get_run(run.info.run_id).info.status == "RUNNING"
        key = lambda m: (m.timestamp, m.step, m.value)
        assert sorted(map(key, client.get_metric_history(run.info.run_id, "loss"))) == sorted(map(key, history))


def test_what_the_server_added_stays(millrace, workplace, server):
    uri = offline(workplace, "database")
    with tracked_at(uri) as client:
        mlflow.set_experiment("x")
        run = log_run()
    carried(millrace, uri, server)
    with tracked_at(server.url) as there:
        there.set_tag(run, "reviewed", "yes")
        there.set_tag(run, "team", "edited on the server")
        carried(millrace, uri, server)
        assert there.get_run(run).data.tags["team"] == "edited on the server"
        with tracked_at(uri) as client:
            client.set_tag(run, "late", "1")
        carried(millrace, uri, server)
        tags = there.get_run(run).data.tags
        assert tags["reviewed"] == "yes" and tags["late"] == "1" and tags["team"] == "vision"
        there.delete_run(run)
        with tracked_at(uri) as client:
            client.set_tag(run, "late", "2")
        carried(millrace, uri, server)
        assert there.get_run(run).info.lifecycle_stage == "deleted"


def test_a_run_ends_on_the_server_when_all_of_it_is_there(millrace, workplace, server):
    uri = offline(workplace, "database")
    with tracked_at(uri):
        mlflow.set_experiment("x")
        run = log_run()
    carried(millrace, uri, server)
    ends = [event for event in server.get("/api/v1/events?limit=1000")["items"] if event["type"] == "run.finished"]
    assert [event["subject"] for event in ends] == [run]
    carried(millrace, uri, server)
    assert len([e for e in server.get("/api/v1/events?limit=1000")["items"] if e["type"] == "run.finished"]) == 1


class Cut:
    """A way to a server that may be cut: a port that passes on what comes while it is open."""

    def __init__(self, port):
        self.target, self.open, self.pairs = port, True, []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        self.passed = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                near, _ = self.listener.accept()
                far = socket.create_connection(("127.0.0.1", self.target)) if self.open else None
            except OSError:
                return
            if far is None:
                near.close()
                continue
            self.pairs.append((near, far))
            for a, b in ((near, far), (far, near)):
                threading.Thread(target=self._pass, args=(a, b), daemon=True).start()

    def _pass(self, a, b):
        try:
            while data := a.recv(65536):
                self.passed += len(data)
                b.sendall(data)
        except OSError:
            pass
        for end in (a, b):
            end.close()

    def cut(self):
        self.open = False
        for pair in self.pairs:
            for end in pair:
                try:
                    end.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass

    def mend(self):
        self.open = True


def until(condition, seconds=60):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come to be"
        time.sleep(0.02)


class Sync:
    """One that runs, and what it says."""

    def __init__(self, millrace, *args):
        self.process = millrace.start("sync", *args, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.said = []
        self.reader = threading.Thread(target=lambda: self.said.extend(iter(self.process.stderr.readline, "")), daemon=True)
        self.reader.start()

    def wait(self, seconds=120):
        self.process.wait(seconds)
        self.reader.join(10)
        return self.process.returncode


def test_server_down_killed_in_the_middle_and_cut_off(millrace, workplace, server):
    """The server is away at first; sync is killed in the middle and started again; the way is cut and comes back."""
    uri = offline(workplace, "database")
    with tracked_at(uri) as client:
        mlflow.set_experiment("long")
        runs = [log_run(f"run {i}") for i in range(12)]
        for run in runs:
            client.log_batch(run, metrics=[Metric(f"m{k}", float(s), s, s) for k in range(2) for s in range(400)])
        before = read_all(client)
    way = Cut(server.port)
    way.cut()
    first = Sync(millrace, uri, "--to", way.url)
    until(lambda: any("trying again in" in line for line in first.said))
    assert requests.get(f"{server.url}/api/v1/runs").json()["items"] == []
    way.mend()
    until(lambda: len(requests.get(f"{server.url}/api/v1/runs").json()["items"]) >= 2)
    first.process.kill()
    first.wait()
    second = Sync(millrace, uri, "--to", way.url)
    there = lambda: len(requests.get(f"{server.url}/api/v1/runs").json()["items"])
    held = there()
    until(lambda: there() > min(held + 2, 11) or second.process.poll() is not None)
    way.cut()
    server.restart()
    way.target = server.port
    way.mend()
    assert second.wait() == 0, second.said
    with tracked_at(server.url) as client:
        assert comparable(read_all(client)) == comparable(before)
    assert carried(millrace, uri, server)["sent"] == {}


def test_it_follows_runs_until_they_end(millrace, workplace, server):
    uri = offline(workplace, "database")
    with tracked_at(uri) as client:
        run = client.create_run("0", run_name="grows").info.run_id
        client.log_metric(run, "loss", 1.0, timestamp=1, step=0)
        following = Sync(millrace, uri, "--to", server.url, "--follow")
        there = mlflow.MlflowClient(server.url)
        until(lambda: requests.get(f"{server.url}/api/v1/runs/{run}").ok)
        client.log_metric(run, "loss", 0.5, timestamp=2, step=1)
        client.set_terminated(run)
        assert following.wait() == 0, following.said
        assert [m.value for m in there.get_metric_history(run, "loss")] == [1.0, 0.5]
        assert there.get_run(run).info.status == "FINISHED"


def test_it_ends_where_it_is_interrupted(millrace, workplace):
    with tracked_at(offline(workplace, "database")) as client:
        client.create_run("0")
    waiting = Sync(millrace, offline(workplace, "database"), "--to", "http://127.0.0.1:9", "--follow")
    until(lambda: any("trying again" in line for line in waiting.said))
    waiting.process.terminate()
    assert waiting.wait(10) == 1
    assert "interrupted; run it again to go on" in waiting.said[-1]


def test_who_may_not_write_is_told_at_once(millrace, workplace, new_server):
    uri = offline(workplace, "database")
    with tracked_at(uri) as client:
        run = client.create_run("0").info.run_id
    server = new_server(workplace / "home")
    made = server.run("user", "create", "root", "--admin", "--ask", input="a password for tests\n")
    assert made.returncode == 0, made.stderr
    signed = lambda path, body: requests.post(server.url + path, json=body, auth=("root", "a password for tests")).json()
    signed("/api/v1/users", {"name": "val", "password": "another password"})
    server.token = signed("/api/v1/tokens", {"name": "t"})["secret"]
    assert "millrace: " in carried(millrace, uri, server, status=1)
    done = server.run("sync", uri, "--to", server.url)
    assert done.returncode == 0, done.stderr
    assert server.get(f"/api/v1/runs/{run}")["status"] == "RUNNING"


def test_records_that_are_wrong_are_refused_with_what_is_wrong(server):
    run = "a" * 32

    def refused(method, path, body, told, status=400):
        answer = server.request(method, f"/api/v1/records/{path}", json=body, expect=status)
        assert told in answer["error"]["message"], answer

    assert server.request("PUT", "/api/v1/records/experiments", json={"name": "x"}) == {"id": "1"}
    refused("PUT", f"runs/{run}", {"id": run, "experiment_id": "1", "artifact_uri": "file:///etc"}, "cannot be given")
    refused("PUT", f"runs/{run}", {"id": "b" * 32, "experiment_id": "1"}, "the path says")
    refused("PUT", f"runs/{run}", {"id": run, "experiment_id": "9"}, "No Experiment with id=9", 404)
    refused("PUT", f"runs/{run}", {"id": run, "experiment_id": "1", "tags": [{"key": 1}]}, "tags[0].key must be a text")
    refused("PUT", f"runs/{run}", {"id": run, "experiment_id": "1", "statuss": "x"}, 'unknown member "statuss"')
    refused("PUT", f"runs/{run}", {"id": run, "experiment_id": "1", "status": "DONE"}, "status must be one of")
    refused("PUT", "runs/a%2Fb", {"id": "a/b", "experiment_id": "1"}, "")
    refused("POST", f"runs/{run}/points", {"series": [{"key": "m", "steps": [1], "timestamps": [1, 2], "values": [1]}]}, "1 steps")
    server.request("PUT", f"/api/v1/records/runs/{run}", json={"id": run, "experiment_id": "1", "params": [{"key": "a", "value": "1"}]})
    refused("PUT", f"runs/{run}", {"id": run, "experiment_id": "1", "params": [{"key": "a", "value": "2"}]}, "has the param a=1 here", 422)
    server.request("PUT", "/api/v1/records/models/m", json={"name": "m"})
    refused("PUT", "versions/k", {"model": "m", "version": 1, "source": "/etc"}, "path of another machine")
    refused("PUT", "versions/k", {"model": "m", "version": 1, "source": "x:/y", "storage": "file:///etc"}, "is not below")
    refused("POST", "fingerprints", {"kind": "cat", "ids": []}, "no kind of record")


def test_a_server_that_is_none_is_told_so(millrace, workplace):
    (workplace / "files").mkdir()
    with tracked_at(offline(workplace, "database")) as client:
        client.create_run("0")
    listener = subprocess.Popen(["python3", "-m", "http.server", "--bind", "127.0.0.1", "0"], cwd=workplace / "files", stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env={"PYTHONUNBUFFERED": "1", "PATH": "/usr/bin:/bin"})
    try:
        port = listener.stdout.readline().split("port ")[1].split()[0]
        told = carried(millrace, offline(workplace, "database"), f"http://127.0.0.1:{port}", status=1)
        assert "is no millrace server" in told
    finally:
        listener.terminate()
        listener.wait(10)
        pathlib.Path(workplace / "files").rmdir()
