"""The model registry and webhooks, as MLflow's own client and command line use them."""

import base64
import contextlib
import datetime
import hashlib
import hmac
import http.server
import ipaddress
import json
import os
import queue
import sqlite3
import ssl
import subprocess
import sys
import threading
import time

import mlflow
import pytest
import requests
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException, RestException

import running

API = "/api/2.0/mlflow"


@pytest.fixture
def tracked(server, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    mlflow.set_tracking_uri(server.url)
    yield server
    mlflow.set_tracking_uri(None)


@pytest.fixture
def client(tracked):
    return MlflowClient()


def fault(call, *args, **options):
    with pytest.raises(RestException) as raised:
        call(*args, **options)
    return raised.value.error_code, raised.value.message


def make_version(client, name="late", source="s3://bucket/model", **options):
    try:
        client.create_registered_model(name)
    except MlflowException:
        pass
    return client.create_model_version(name, source, **options)


def test_models(client):
    made = client.create_registered_model("late", tags={"team": "ops"}, description="is it late?")
    assert (made.name, made.description, made.tags, made.latest_versions) == ("late", "is it late?", {"team": "ops"}, [])
    assert made.creation_timestamp == made.last_updated_timestamp > 1_600_000_000_000
    assert fault(client.create_registered_model, "late") == ("RESOURCE_ALREADY_EXISTS", "RESOURCE_ALREADY_EXISTS: Registered Model (name=late) already exists.")
    assert fault(client.get_registered_model, "none") == ("RESOURCE_DOES_NOT_EXIST", "RESOURCE_DOES_NOT_EXIST: Registered Model with name=none not found")
    for name in ["", " ", "a/b", "a:b"]:
        assert fault(client.create_registered_model, name)[0] == "INVALID_PARAMETER_VALUE", name
    assert client.update_registered_model("late", "new words").description == "new words"
    client.set_registered_model_tag("late", "team", "data")
    client.set_registered_model_tag("late", "k", "")
    assert client.get_registered_model("late").tags == {"team": "data", "k": ""}
    client.delete_registered_model_tag("late", "k")
    client.delete_registered_model_tag("late", "k")
    assert client.get_registered_model("late").tags == {"team": "data"}
    client.rename_registered_model("late", "delays")
    assert client.get_registered_model("delays").description == "new words"
    client.create_registered_model("other")
    assert fault(client.rename_registered_model, "delays", "other")[0] == "RESOURCE_ALREADY_EXISTS"
    client.delete_registered_model("delays")
    assert fault(client.get_registered_model, "delays")[0] == "RESOURCE_DOES_NOT_EXIST"
    assert fault(client.delete_registered_model, "delays")[0] == "RESOURCE_DOES_NOT_EXIST"


def test_versions(client):
    made = make_version(client, run_id="a" * 32, tags={"t": "1"}, run_link="http://elsewhere/run", description="first")
    assert (made.version, made.source, made.run_id, made.run_link) == ("1", "s3://bucket/model", "a" * 32, "http://elsewhere/run")
    assert (made.current_stage, made.status, made.tags, made.description) == ("None", "READY", {"t": "1"}, "first")
    assert client.get_model_version_download_uri("late", "1") == "s3://bucket/model"
    assert client.update_model_version("late", "1", "other").description == "other"
    client.set_model_version_tag("late", "1", "gate", "passed")
    client.delete_model_version_tag("late", "1", "t")
    client.delete_model_version_tag("late", "1", "t")
    assert client.get_model_version("late", "1").tags == {"gate": "passed"}
    assert make_version(client).version == "2"
    client.delete_model_version("late", "2")
    assert make_version(client).version == "3"
    missing = ("RESOURCE_DOES_NOT_EXIST", "RESOURCE_DOES_NOT_EXIST: Model Version (name=late, version=2) not found")
    assert fault(client.get_model_version, "late", "2") == missing
    assert fault(client.delete_model_version, "late", "2") == missing
    assert fault(client.set_model_version_tag, "late", "2", "a", "b") == missing
    assert fault(client.get_model_version, "late", "x")[0] == "INVALID_PARAMETER_VALUE"


@pytest.mark.parametrize("source", ["/etc", "file:///etc", "etc/passwd", "s3://bucket/../../x", "s3://b/%2e%2e/x", "runs:/none/model",
                                    "mlflow-artifacts:/1/../../x", "mlflow-artifacts:/1/none/artifacts", "models:/m-none", "models:/none/1"])
def test_sources_that_nobody_vouches_for_are_refused(client, source):
    client.create_registered_model("late")
    assert fault(client.create_model_version, "late", source)[0] in ("INVALID_PARAMETER_VALUE", "RESOURCE_DOES_NOT_EXIST")


def test_sources_are_resolved(client, tracked):
    with mlflow.start_run() as run:
        mlflow.log_text("weights", "model/w")
    run_id, root = run.info.run_id, run.info.artifact_uri
    assert make_version(client, source=f"runs:/{run_id}/model", run_id=run_id).source == f"runs:/{run_id}/model"
    assert client.get_model_version_download_uri("late", "1") == f"{root}/model"
    assert make_version(client, source=f"{root}/model", run_id=run_id).source == f"{root}/model"
    client.set_registered_model_alias("late", "champion", "1")
    copied = make_version(client, name="copy", source="models:/late@champion")
    assert copied.source == "models:/late/1" and copied.run_id == run_id
    assert client.get_model_version_download_uri("copy", "1") == f"{root}/model"
    assert requests.get(f"{tracked.url}/model-versions/get-artifact?name=copy&version=1&path=w").text == "weights"
    assert requests.get(f"{tracked.url}/model-versions/get-artifact?name=copy&version=1&path=../../x").status_code == 400
    other = mlflow.start_run().info.run_id
    mlflow.end_run()
    assert fault(client.create_model_version, "late", f"{root}/model", other)[0] == "INVALID_PARAMETER_VALUE"
    assert client.copy_model_version("models:/late/2", "copy").version == "2"


def test_aliases(client, tracked):
    make_version(client), make_version(client)
    client.set_registered_model_alias("late", "champion", "1")
    client.set_registered_model_alias("late", "champion", "2")
    client.set_registered_model_alias("late", "best", "2")
    assert client.get_model_version_by_alias("late", "champion").version == "2"
    assert sorted(client.get_model_version("late", "2").aliases) == ["best", "champion"]
    assert client.get_registered_model("late").aliases == {"best": "2", "champion": "2"}
    history = tracked.list("/api/v1/models/late/alias-history")
    assert [(h["alias"], h["version"], h["previous"]) for h in history] == [("best", 2, None), ("champion", 2, 1), ("champion", 1, None)]
    events = [e for e in tracked.list("/api/v1/events") if e["type"] == "model_version.alias_set"]
    assert len(events) == 3
    client.delete_registered_model_alias("late", "best")
    client.delete_registered_model_alias("late", "best")
    assert fault(client.get_model_version_by_alias, "late", "best") == ("INVALID_PARAMETER_VALUE", "INVALID_PARAMETER_VALUE: Registered model alias best not found.")
    for alias in ["latest", "v1"]:
        assert fault(client.set_registered_model_alias, "late", alias, "1")[0] == "INVALID_PARAMETER_VALUE", alias
    assert fault(client.set_registered_model_alias, "late", "a", "9")[0] == "RESOURCE_DOES_NOT_EXIST"
    client.delete_model_version("late", "2")
    assert client.get_registered_model("late").aliases == {}


@pytest.mark.filterwarnings("ignore")
def test_stages(client):
    for _ in range(3):
        make_version(client)
    assert client.transition_model_version_stage("late", "1", "production").current_stage == "Production"
    client.transition_model_version_stage("late", "2", "Production", archive_existing_versions=True)
    assert client.get_model_version("late", "1").current_stage == "Archived"
    latest = {v.current_stage: v.version for v in client.get_latest_versions("late")}
    assert latest == {"None": "3", "Production": "2", "Archived": "1"}
    assert [v.version for v in client.get_latest_versions("late", ["production"])] == ["2"]
    assert {v.version for v in client.get_registered_model("late").latest_versions} == {"1", "2", "3"}
    assert fault(client.transition_model_version_stage, "late", "1", "Deleted")[0] == "INVALID_PARAMETER_VALUE"
    assert fault(client.transition_model_version_stage, "late", "1", "None", True)[0] == "INVALID_PARAMETER_VALUE"
    assert fault(client.get_latest_versions, "none")[0] == "RESOURCE_DOES_NOT_EXIST"


def test_searches(client):
    for name, team in [("late", "ops"), ("early", "data"), ("Other", "ops")]:
        client.create_registered_model(name, tags={"team": team})
        client.create_model_version(name, f"s3://{name}/1", run_id=team, tags={"quality": name})
    names = lambda *args, **options: [m.name for m in client.search_registered_models(*args, **options)]  # noqa: E731
    assert names() == ["Other", "early", "late"]
    assert names("name LIKE '%at%'") == ["late"]
    assert names("name ILIKE 'o%' AND tags.team = 'ops'") == ["Other"]
    assert names("tags.team != 'ops'") == ["early"]
    assert names(order_by=["name DESC"]) == ["late", "early", "Other"]
    page = client.search_registered_models(max_results=2)
    assert [m.name for m in page] == ["Other", "early"]
    assert names(max_results=2, page_token=page.token) == ["late"]
    assert client.search_registered_models()[2].latest_versions[0].version == "1"
    versions = lambda *args, **options: [(v.name, v.version) for v in client.search_model_versions(*args, **options)]  # noqa: E731
    client.create_model_version("late", "s3://late/2")
    assert versions("name = 'late'") == [("late", "2"), ("late", "1")]
    assert versions("run_id = 'ops'", order_by=["name ASC"]) == [("Other", "1"), ("late", "1")]
    assert versions("source_path = 's3://late/2'") == [("late", "2")]
    assert versions("version_number > 1") == [("late", "2")]
    assert versions("tags.quality LIKE 'ear%'") == [("early", "1")]
    assert fault(client.search_model_versions, "nonsense = 'x'")[0] == "INVALID_PARAMETER_VALUE"
    assert fault(client.search_registered_models, "name ~ 'x'")[0] == "INVALID_PARAMETER_VALUE"
    assert fault(client.search_registered_models, max_results=1001)[0] == "INVALID_PARAMETER_VALUE"


def test_prompts_are_kept_apart_from_models(client):
    client.create_registered_model("late")
    mlflow.genai.register_prompt("greeting", "Hello, {{name}}!", commit_message="first", tags={"tone": "kind"})
    mlflow.genai.register_prompt("greeting", "Good day, {{name}}!")
    mlflow.genai.set_prompt_alias("greeting", "live", 1)
    assert mlflow.genai.load_prompt("prompts:/greeting/2").format(name="Ada") == "Good day, Ada!"
    assert mlflow.genai.load_prompt("prompts:/greeting@live").template == "Hello, {{name}}!"
    assert [p.name for p in mlflow.genai.search_prompts()] == ["greeting"]
    assert [m.name for m in client.search_registered_models()] == ["late"]
    assert client.search_model_versions() == []


def test_the_command_line(client, tracked, tmp_path):
    (tmp_path / "note.txt").write_text("hello")
    run = client.create_run(client.create_experiment("cli")).info.run_id
    environment = {**os.environ, "MLFLOW_TRACKING_URI": tracked.url}

    def mlflow_cli(*args):
        done = subprocess.run([sys.executable, "-m", "mlflow", *args], capture_output=True, text=True, env=environment, timeout=120)
        assert done.returncode == 0, done.stderr
        return done.stdout

    mlflow_cli("artifacts", "log-artifact", "--local-file", str(tmp_path / "note.txt"), "--run-id", run)
    assert "note.txt" in mlflow_cli("artifacts", "list", "--run-id", run)
    mlflow_cli("artifacts", "download", "--run-id", run, "--artifact-path", "note.txt", "--dst-path", str(tmp_path / "back"))
    assert (tmp_path / "back/note.txt").read_text() == "hello"
    assert "cli" in mlflow_cli("experiments", "search")


def test_both_twins_and_bodies_of_delete(tracked):
    assert tracked.post("/ajax-api/2.0/mlflow/registered-models/create", json={"name": "late"})["registered_model"]["name"] == "late"
    made = tracked.post(f"{API}/model-versions/create", json={"name": "late", "source": "s3://b/x"})["model_version"]
    assert made.pop("creation_timestamp") and made.pop("last_updated_timestamp")
    assert made == {"name": "late", "version": "1", "current_stage": "None", "description": "", "source": "s3://b/x", "run_id": "", "status": "READY", "run_link": ""}
    assert tracked.get(f"{API}/registered-models/get-latest-versions?name=late&stages=None&stages=Staging")["model_versions"][0]["version"] == "1"
    assert tracked.request("DELETE", f"{API}/model-versions/delete", json={"name": "late", "version": "1"}) == {}
    assert tracked.request("DELETE", f"{API}/registered-models/delete", json={"name": "late"}) == {}
    answer = tracked.request("POST", f"{API}/model-versions/create", expect=400, json={"name": "late"})
    assert answer["message"].startswith("Missing value for required parameter 'source'.")


@pytest.fixture
def receiver(tmp_path):
    """An HTTPS server on loopback that keeps what it is told, and answers what it is told to."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "receiver")])
    now = datetime.datetime.now(datetime.timezone.utc)
    certificate = (x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(1)
                   .not_valid_before(now - datetime.timedelta(days=1)).not_valid_after(now + datetime.timedelta(days=1))
                   .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False).sign(key, hashes.SHA256()))
    pem = tmp_path / "receiver.pem"
    pem.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    (tmp_path / "receiver.key").write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
    told, answers = queue.Queue(), []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            status = answers.pop(0) if answers else 200
            told.put((self.path, dict(self.headers), body, status))
            self.send_response(status)
            if status == 302:
                self.send_header("Location", "/elsewhere")
            self.send_header("Content-Length", "5")
            self.end_headers()
            self.wfile.write(b"taken")

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem, tmp_path / "receiver.key")
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    server.url, server.told, server.answers, server.pem = f"https://127.0.0.1:{server.server_port}", told, answers, pem
    yield server
    server.shutdown()


@pytest.fixture
def notifying(new_server, receiver, monkeypatch):
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    monkeypatch.setitem(running.ENVIRONMENT, "SSL_CERT_FILE", str(receiver.pem))
    server = new_server(options=["--webhooks-allow-private"])
    mlflow.set_tracking_uri(server.url)
    yield server
    mlflow.set_tracking_uri(None)


def signature(secret, headers, body):
    signed = f"{headers['X-MLflow-Delivery-Id']}.{headers['X-MLflow-Timestamp']}.".encode() + body
    return "v1," + base64.b64encode(hmac.new(secret.encode(), signed, hashlib.sha256).digest()).decode()


def test_webhooks_are_told_what_they_asked_for(notifying, receiver):
    client = MlflowClient()
    events = ["registered_model.created", "model_version.created", "model_version_tag.set", "model_version_tag.deleted", "model_version_alias.created", "model_version_alias.deleted"]
    hook = client.create_webhook("ops", f"{receiver.url}/hook?x=1", events, secret="s3cret", description="tells ops")
    assert [str(e) for e in hook.events] == events and str(hook.status) == "ACTIVE" and not hook.secret
    assert "s3cret" not in requests.get(f"{notifying.url}{API}/webhooks").text
    client.create_registered_model("late", tags={"team": "ops"}, description="d")
    client.create_model_version("late", "s3://bucket/model", tags={"a": "b"})
    client.set_model_version_tag("late", "1", "k", "v")
    client.delete_model_version_tag("late", "1", "k")
    client.set_registered_model_alias("late", "champion", "1")
    client.delete_registered_model_alias("late", "champion")
    got = {}
    for _ in events:
        path, headers, body, _ = receiver.told.get(timeout=20)
        assert path == "/hook?x=1" and headers["Content-Type"] == "application/json"
        assert headers["X-MLflow-Signature"] == signature("s3cret", headers, body)
        notice = json.loads(body)
        assert datetime.datetime.fromisoformat(notice["timestamp"].replace("Z", "+00:00"))
        got[f"{notice['entity']}.{notice['action']}"] = notice["data"]
    assert got == {
        "registered_model.created": {"name": "late", "tags": {"team": "ops"}, "description": "d"},
        "model_version.created": {"name": "late", "version": "1", "source": "s3://bucket/model", "run_id": None, "tags": {"a": "b"}, "description": None},
        "model_version_tag.set": {"name": "late", "version": "1", "key": "k", "value": "v"},
        "model_version_tag.deleted": {"name": "late", "version": "1", "key": "k"},
        "model_version_alias.created": {"name": "late", "alias": "champion", "version": "1"},
        "model_version_alias.deleted": {"name": "late", "alias": "champion"},
    }
    assert receiver.told.empty()


def told_by(server, receiver, secret):
    """A notice comes, signed with this."""
    MlflowClient().create_registered_model(f"told-{time.time_ns()}")
    _, headers, body, _ = receiver.told.get(timeout=20)
    assert headers["X-MLflow-Signature"] == signature(secret, headers, body)


@pytest.mark.skipif("MILLRACE_TEST_POSTGRES" in os.environ, reason="looks into the database's file")
def test_webhooks_secrets_are_sealed_and_their_key_can_change(notifying, receiver):
    def stored():
        with contextlib.closing(sqlite3.connect(notifying.home / "millrace.db")) as database:
            return database.execute("select secret, sealed from webhooks").fetchall()

    def rows(sql):
        with contextlib.closing(sqlite3.connect(notifying.home / "millrace.db")) as database, database:
            database.execute(sql)
    key = notifying.home / "secret.key"
    assert key.stat().st_mode & 0o777 == 0o600 and len(key.read_text().strip()) == 64
    client = MlflowClient()
    hook = client.create_webhook("ops", receiver.url, ["registered_model.created"], secret="s3cret")
    [(first, sealed)] = stored()
    assert sealed == 1 and first.startswith("v1.") and "s3cret" not in first
    told_by(notifying, receiver, "s3cret")
    client.update_webhook(hook.webhook_id, secret="other")
    told_by(notifying, receiver, "other")

    notifying.stop()  # as a database of before it was sealed
    rows("update webhooks set secret = 'plain', sealed = 0")
    notifying.start()
    told_by(notifying, receiver, "plain")
    [(old, _)] = stored()
    assert "plain" not in old

    notifying.stop()
    key.write_text("ab" * 32 + "\n" + key.read_text())
    notifying.start()
    told_by(notifying, receiver, "plain")
    [(new, _)] = stored()
    assert new.split(".")[1] != old.split(".")[1]
    notifying.stop()
    key.write_text("ab" * 32 + "\n")
    notifying.start()
    told_by(notifying, receiver, "plain")

    notifying.stop()
    key.unlink()
    notifying.start()
    assert any("sealed with another key" in line for line in notifying.log)
    assert "is not here" in str(client.test_webhook(hook.webhook_id).error_message)
    client.update_webhook(hook.webhook_id, secret="anew")
    told_by(notifying, receiver, "anew")

    notifying.stop()
    key.write_text("short\n")
    done = notifying.millrace("server", "--home", notifying.home, "--listen", "127.0.0.1:0", timeout=30)
    assert done.returncode == 1 and "openssl rand -hex 32" in done.stderr


def test_webhooks_are_told_again_until_they_take_it(notifying, receiver):
    client = MlflowClient()
    client.create_webhook("ops", receiver.url, ["registered_model.created"])
    receiver.answers += [503]
    client.create_registered_model("late")
    _, first, body, status = receiver.told.get(timeout=20)
    assert status == 503 and "X-MLflow-Signature" not in first
    notifying.kill9()
    notifying.start()
    path, second, again, _ = receiver.told.get(timeout=30)
    assert (path, again, second["X-MLflow-Delivery-Id"]) == ("/", body, first["X-MLflow-Delivery-Id"])
    receiver.answers += [302]
    client.create_registered_model("early")
    assert receiver.told.get(timeout=20)[3] == 302
    client.create_registered_model("other")
    path, _, body, _ = receiver.told.get(timeout=20)
    assert path == "/" and json.loads(body)["data"]["name"] == "other"


def test_webhooks_are_kept(notifying, receiver):
    client = MlflowClient()
    hook = client.create_webhook("a", receiver.url, ["prompt.created"], status="DISABLED")
    other = client.create_webhook("b", receiver.url, ["prompt_alias.created"])
    assert [h.name for h in client.list_webhooks(max_results=1)] == ["a"]
    assert [h.name for h in client.list_webhooks(max_results=1, page_token=client.list_webhooks(max_results=1).token)] == ["b"]
    changed = client.update_webhook(hook.webhook_id, name="c", events=["registered_model.created"], status="ACTIVE")
    assert (changed.name, [str(e) for e in changed.events], str(changed.status)) == ("c", ["registered_model.created"], "ACTIVE")
    result = client.test_webhook(other.webhook_id)
    assert (result.success, result.response_status, result.response_body) == (True, 200, "taken")
    assert json.loads(receiver.told.get(timeout=20)[2])["entity"] == "prompt_alias"
    client.delete_webhook(hook.webhook_id)
    assert fault(client.get_webhook, hook.webhook_id)[0] == "RESOURCE_DOES_NOT_EXIST"
    for name, url, events in [("-", receiver.url, [("REGISTERED_MODEL", "CREATED")]), ("a", "http://127.0.0.1/x", [("REGISTERED_MODEL", "CREATED")]),
                              ("a", receiver.url, []), ("a", receiver.url, [("NONSENSE", "CREATED")]), ("a", receiver.url, [("MODEL_VERSION", "SET")])]:
        body = {"name": name, "url": url, "events": [{"entity": e, "action": a} for e, a in events]}
        assert requests.post(f"{notifying.url}{API}/webhooks", json=body).status_code == 400, body


@pytest.mark.parametrize("url", ["https://127.0.0.1/x", "https://localhost:9/x", "https://[::1]/", "https://10.0.0.1/", "https://169.254.169.254/latest", "https://user:pw@1.1.1.1/",
                                 "https://0/", "https://2130706433/", "file:///etc/passwd", "https://"])
def test_webhooks_go_to_public_addresses_only(shared_server, url):
    body = {"name": "a", "url": url, "events": [{"entity": "REGISTERED_MODEL", "action": "CREATED"}]}
    assert requests.post(f"{shared_server.url}{API}/webhooks", json=body).status_code == 400
