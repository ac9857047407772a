"""Moves of aliases and stages that need a gate or somebody's approval, as MLflow's client and the command line meet them."""

import threading

import mlflow
import pytest
from mlflow import MlflowClient
from mlflow.exceptions import RestException

from test_access import PASSWORD, basic, make_admin


class Person:
    """A user with a token."""

    def __init__(self, server, name):
        self.server, self.name = server, name
        self.token = server.request("POST", "/api/v1/tokens", headers=basic(name), json={"name": "own"})["secret"]

    def mlflow(self, monkeypatch):
        monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", self.token)
        return MlflowClient(self.server.url)

    def request(self, method, path, expect=None, **options):
        return self.server.request(method, path, expect=expect, headers={"Authorization": f"Bearer {self.token}"}, **options)

    def run(self, *args):
        return self.server.millrace("--server", self.server.url, *args, env={**__import__("running").ENVIRONMENT, "MILLRACE_TOKEN": self.token})


@pytest.fixture
def people(millrace, new_server, tmp_path, monkeypatch):
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    make_admin(millrace, tmp_path / "home")
    server = new_server(tmp_path / "home")
    server.token = server.request("POST", "/api/v1/tokens", headers=basic("root"), json={"name": "tests"})["secret"]
    for name, role in (("ann", "deployer"), ("bob", "deployer"), ("eve", "editor"), ("roy", "admin")):
        server.post("/api/v1/users", json={"name": name, "password": PASSWORD})
        server.request("PUT", "/api/v1/roles", json={"subject": name, "role": role, "project": "*"})
    people = {name: Person(server, name) for name in ("ann", "bob", "eve", "roy")}
    client = people["eve"].mlflow(monkeypatch)
    client.create_registered_model("delays")
    for _ in range(2):
        client.create_model_version("delays", "s3://bucket/model")
    return people


def champion(person):
    answer = person.server.get("/api/v1/models/delays")
    return answer["aliases"].get("champion")


def test_mlflows_client_is_told_what_is_missing_and_how_to_ask(people, monkeypatch):
    done = people["roy"].run("model", "rule", "delays", "--alias", "champion", "--approvals", "1")
    assert (done.returncode, done.stdout) == (0, "alias champion of model delays needs 1 approval(s) by another deployer\n"), done.stderr
    with pytest.raises(RestException) as raised:
        people["ann"].mlflow(monkeypatch).set_registered_model_alias("delays", "champion", "1")
    assert raised.value.error_code == "PERMISSION_DENIED" and raised.value.get_http_status_code() == 403
    assert "it needs the approval of another deployer; ask for it with `millrace model request delays/1 --alias champion --reason WHY`" in raised.value.message
    assert champion(people["ann"]) is None


def test_a_request_is_approved_by_somebody_else(people):
    people["roy"].request("PUT", "/api/v1/models/delays/rules/alias/champion", json={"approvals": 1})
    asked = people["ann"].run("model", "request", "delays/1", "--alias", "champion", "--reason", "better in winter")
    assert (asked.returncode, asked.stdout) == (0, "request 1: alias champion of model delays to version 1 waits: it needs the approval of another deployer\n"), asked.stderr
    assert "better in winter" in people["bob"].run("model", "requests").stdout
    own = people["ann"].run("model", "approve", "1")
    assert own.returncode == 1 and "ann has asked for request 1; somebody else approves it" in own.stderr
    assert people["eve"].run("model", "approve", "1").returncode == 1  # an editor
    done = people["bob"].run("model", "approve", "1", "--reason", "seen")
    assert (done.returncode, done.stdout) == (0, "request 1: alias champion of model delays to version 1 is applied\n"), done.stderr
    assert champion(people["ann"]) == 1
    events = {event["type"]: event for event in people["bob"].server.get("/api/v1/events", params={"type": "move.*"})["items"]}
    assert (events["move.requested"]["who"], events["move.requested"]["data"]["reason"]) == ("ann", "better in winter")
    assert (events["move.approved"]["who"], events["move.approved"]["data"]["reason"]) == ("bob", "seen")
    routes = [(entry["who"], entry["route"]) for entry in people["bob"].server.get("/api/v1/audit")["items"]]
    assert ("bob", "/api/v1/model-requests/{id}/approve") in routes


def test_who_registered_the_version_does_not_approve_it(people, monkeypatch):
    people["roy"].request("PUT", "/api/v1/models/delays/rules/alias/champion", json={"approvals": 1})
    client = people["bob"].mlflow(monkeypatch)
    client.create_model_version("delays", "s3://bucket/model")
    people["ann"].request("POST", "/api/v1/models/delays/requests", expect=201, json={"version": 3, "alias": "champion"})
    answer = people["bob"].request("POST", "/api/v1/model-requests/1/approve", expect=403, json={})
    assert answer["error"]["message"] == "bob has registered version 3 of model delays; somebody else approves it"


def test_a_gate_is_enough_where_only_that_is_asked_for(people, monkeypatch):
    people["roy"].request("PUT", "/api/v1/models/delays/rules/alias/champion", json={"gate": True})
    client = people["ann"].mlflow(monkeypatch)
    with pytest.raises(RestException, match="a passed gate \\(none has decided on this version\\)"):
        client.set_registered_model_alias("delays", "champion", "2")
    for passed in (False, True):
        people["ann"].request("POST", "/api/v1/gates", json={"key": f"k{passed}", "model": "delays", "version": 2, "metric": "log_loss", "challenger": 0.4, "passed": passed, "reason": "worse" if not passed else "better"})
        if not passed:
            with pytest.raises(RestException, match="it was rejected: worse"):
                client.set_registered_model_alias("delays", "champion", "2")
    client.set_registered_model_alias("delays", "champion", "2")
    assert champion(people["ann"]) == 2


@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_stages_have_rules_too(people, monkeypatch):
    people["roy"].request("PUT", "/api/v1/models/delays/rules/stage/Production", json={"approvals": 1, "role": "admin"})
    client = people["ann"].mlflow(monkeypatch)
    client.transition_model_version_stage("delays", "1", "Staging")
    with pytest.raises(RestException, match="the approval of another admin"):
        client.transition_model_version_stage("delays", "1", "Production")
    people["ann"].request("POST", "/api/v1/models/delays/requests", expect=201, json={"version": 1, "stage": "Production"})
    people["bob"].request("POST", "/api/v1/model-requests/1/approve", expect=403, json={})
    assert people["roy"].request("POST", "/api/v1/model-requests/1/approve", json={})["status"] == "applied"
    assert client.get_model_version("delays", "1").current_stage == "Production"


def test_only_an_admin_sets_rules(people):
    for name in ("ann", "eve"):
        people[name].request("PUT", "/api/v1/models/delays/rules/alias/champion", expect=403, json={"gate": True})
    people["roy"].request("PUT", "/api/v1/models/delays/rules/alias/champion", json={"gate": True})
    people["ann"].request("DELETE", "/api/v1/models/delays/rules/alias/champion", expect=403)
    assert "a passed gate" in people["ann"].run("model", "rules", "delays").stdout
    done = people["roy"].run("model", "rule", "delays", "--alias", "champion", "--remove")
    assert done.returncode == 0, done.stderr
    assert people["ann"].request("GET", "/api/v1/models/delays/rules")["items"] == []


def test_approvals_at_once_move_it_once_and_a_deleted_version_cancels(people, monkeypatch):
    people["roy"].request("PUT", "/api/v1/models/delays/rules/alias/champion", json={"approvals": 1})
    people["ann"].request("POST", "/api/v1/models/delays/requests", expect=201, json={"version": 1, "alias": "champion"})
    results = []
    threads = [threading.Thread(target=lambda person=person: results.append(person.run("model", "approve", "1").returncode)) for person in (people["bob"], people["roy"])]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(results) == [0, 1] and champion(people["ann"]) == 1
    people["ann"].request("POST", "/api/v1/models/delays/requests", expect=201, json={"version": 2, "alias": "champion"})
    people["ann"].mlflow(monkeypatch).delete_model_version("delays", "2")
    assert people["ann"].request("GET", "/api/v1/model-requests/2")["status"] == "cancelled"
    answer = people["bob"].request("POST", "/api/v1/model-requests/2/approve", expect=422, json={})
    assert "request 2 is closed: it was cancelled by ann" in answer["error"]["message"]


def test_what_was_done_is_taken_back(people):
    people["roy"].request("PUT", "/api/v1/models/delays/rules/alias/champion", json={"approvals": 2})
    people["ann"].request("POST", "/api/v1/models/delays/requests", expect=201, json={"version": 1, "alias": "champion"})
    people["bob"].request("POST", "/api/v1/model-requests/1/approve", json={})
    assert people["bob"].request("POST", "/api/v1/model-requests/1/withdraw", json={})["approvals"] == []
    assert people["ann"].run("model", "withdraw", "1").stdout.endswith("is withdrawn\n")
    people["bob"].request("POST", "/api/v1/model-requests/1/approve", expect=422, json={})
    people["ann"].request("GET", "/api/v1/model-requests/77", expect=404)


def test_an_open_server_cannot_know_who_approves(server):
    server.post("/api/v1/models/delays/versions", json={"source": "file:/nowhere"})
    server.request("PUT", "/api/v1/models/delays/rules/alias/champion", json={"approvals": 1})
    server.post("/api/v1/models/delays/requests", json={"version": 1, "alias": "champion"})
    answer = server.request("POST", "/api/v1/model-requests/1/approve", expect=422, json={})
    assert "this server has no users; `millrace user create` makes the first" in answer["error"]["message"]


PIPELINE = """kind: Project
name: mill
clock: event
---
kind: Pipeline
name: promote
steps:
  - name: decide
    outputs: [decision, version]
    run: |
      python3 -c "import json, os; c = json.load(open(os.environ['MILLRACE_STEP_CONTEXT']))['outputs']; json.dump({'passed': True, 'reason': 'better'}, open(c['decision']['path'], 'w')); json.dump({'model': 'delays', 'version': 2}, open(c['version']['path'], 'w'))"
  - name: deploy
    uses: deploy
    inputs: {decision: decide.decision, version: decide.version}
"""


def test_the_loop_passes_a_gate_and_asks_people_where_a_rule_wants_them(people, tmp_path):
    server = people["roy"].server
    (tmp_path / "mill").mkdir()
    (tmp_path / "mill" / "mill.yaml").write_text(PIPELINE)
    server.apply(tmp_path / "mill")
    people["roy"].request("PUT", "/api/v1/models/delays/rules/alias/champion", json={"gate": True, "approvals": 1})
    server.post("/api/v1/gates", json={"key": "k", "model": "delays", "version": 2, "metric": "log_loss", "challenger": 0.4, "passed": True, "reason": "better"})
    run = server.run_pipeline("promote")
    assert run["status"] == "succeeded" and champion(people["ann"]) is None
    request = server.get("/api/v1/model-requests")["items"][0]
    assert (request["requested_by"], request["pipeline_run"], request["reason"]) == (f"step {run['id']}/deploy", run["id"], "better")
    assert people["bob"].request("POST", f"/api/v1/model-requests/{request['id']}/approve", json={})["status"] == "applied"
    assert champion(people["ann"]) == 2
    people["roy"].request("PUT", "/api/v1/models/delays/rules/alias/champion", json={"gate": True})
    people["roy"].server.request("DELETE", "/api/2.0/mlflow/registered-models/alias", json={"name": "delays", "alias": "champion"})
    assert server.run_pipeline("promote")["status"] == "succeeded" and champion(people["ann"]) == 2
