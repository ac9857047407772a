"""Who may do what, asked of the whole program: users, tokens, roles, issuers, TLS, and what a page of another site tries."""

import base64
import datetime
import http.server
import importlib
import ipaddress
import json
import os
import pathlib
import socket
import ssl
import stat
import subprocess
import sys
import threading
import time
import types

import grpc
import mlflow
import pytest
import requests
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils
from cryptography.x509.oid import NameOID
from mlflow.exceptions import MlflowException
from tritonclient.grpc import service_pb2

from running import ENVIRONMENT

PASSWORD = "a password for tests"


def auth_service_client():
    """The client of MLflow's basic-auth app, without the app, which would need more packages. What else is imported on the
    way stays: SQLAlchemy cannot be imported twice."""
    package = types.ModuleType("mlflow.server.auth")
    package.__path__ = [str(pathlib.Path(mlflow.__file__).parent / "server/auth")]
    sys.modules["mlflow.server.auth"] = package
    try:
        return importlib.import_module("mlflow.server.auth.client").AuthServiceClient
    finally:
        del sys.modules["mlflow.server.auth"]


def make_admin(millrace, home, name="root"):
    made = millrace("user", "create", name, "--admin", "--home", home, "--ask", input=PASSWORD + "\n")
    assert made.returncode == 0, made.stderr


def basic(name, password=PASSWORD):
    return {"Authorization": "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()}


@pytest.fixture
def closed(millrace, new_server, tmp_path):
    """A server with an admin, whose token it is asked with, an editor and a viewer."""
    make_admin(millrace, tmp_path / "home")
    server = new_server(tmp_path / "home")
    made = server.request("POST", "/api/v1/tokens", headers=basic("root"), json={"name": "tests"})
    server.token = made["secret"]
    for name, role in (("ann", "editor"), ("val", "viewer"), ("dee", "deployer"), ("nil", None)):
        server.post("/api/v1/users", json={"name": name, "password": PASSWORD})
        if role:
            server.put("/api/v1/roles", json={"subject": name, "role": role})
    return server


@pytest.fixture
def signed_in(monkeypatch):
    """MLflow's client as somebody."""

    def sign_in(server, name=None, password=PASSWORD, token=None):
        for variable, value in (("USERNAME", name), ("PASSWORD", name and password), ("TOKEN", token)):
            monkeypatch.delenv(f"MLFLOW_TRACKING_{variable}", raising=False)
            if value:
                monkeypatch.setenv(f"MLFLOW_TRACKING_{variable}", value)
        return mlflow.MlflowClient(server.url)

    return sign_in


def fault(call, *args, **options):
    with pytest.raises(MlflowException) as raised:
        call(*args, **options)
    return raised.value


# MLflow's client


def test_mlflow_signs_in_with_a_name_and_password_or_a_token(closed, signed_in):
    assert signed_in(closed, "ann").create_experiment("anns") == "1"
    token = closed.request("POST", "/api/v1/tokens", headers=basic("ann"), json={"name": "ci"}, auth=None)["secret"]
    client = signed_in(closed, token=token)
    run = client.create_run("1").info.run_id
    client.log_metric(run, "loss", 0.5)
    assert client.get_run(run).data.metrics == {"loss": 0.5}


def test_a_viewer_looks_and_changes_nothing(closed, signed_in):
    signed_in(closed, "ann").create_experiment("anns")
    client = signed_in(closed, "val")
    assert client.get_experiment("1").name == "anns"
    denied = fault(client.create_experiment, "vals")
    assert denied.error_code == "PERMISSION_DENIED"
    assert "the role editor in project default; val has viewer" in str(denied)
    assert fault(signed_in(closed, "nil").get_experiment, "1").error_code == "PERMISSION_DENIED"


def test_only_an_admin_says_what_is_erased_by_itself(closed, signed_in):
    editor = signed_in(closed, "ann")
    experiment = editor.create_experiment("retained")
    rule = {"key": "millrace.retention.erase_deleted_after", "value": "1d"}
    assert "only an admin" in fault(editor.set_experiment_tag, experiment, rule["key"], rule["value"]).message
    assert fault(editor.create_experiment, "other", tags={rule["key"]: "1d"}).error_code == "PERMISSION_DENIED"
    signed_in(closed, "root").set_experiment_tag(experiment, rule["key"], rule["value"])
    assert fault(signed_in(closed, "ann").delete_experiment_tag, experiment, rule["key"]).error_code == "PERMISSION_DENIED"


def test_an_editor_moves_no_alias(closed, signed_in):
    editor = signed_in(closed, "ann")
    editor.create_registered_model("delays")
    editor.create_model_version("delays", "s3://bucket/delays")
    assert fault(editor.set_registered_model_alias, "delays", "champion", "1").error_code == "PERMISSION_DENIED"
    signed_in(closed, "dee").set_registered_model_alias("delays", "champion", "1")


def test_nobody_and_a_wrong_password_are_told_401_in_mlflows_shape(closed):
    url = closed.url + "/api/2.0/mlflow/experiments/get?experiment_id=0"
    for headers in ({}, basic("ann", "wrong password"), basic("nobody"), {"Authorization": "Bearer mrt_x"}, {"Authorization": "Bearer eyJ"}, {"Authorization": "Digest x"}):
        answer = requests.get(url, headers=headers)
        assert answer.status_code == 401, headers
        assert 'Basic realm="mlflow"' in answer.headers["WWW-Authenticate"]
        assert answer.json()["error_code"] in ("UNAUTHENTICATED", "CUSTOMER_UNAUTHORIZED"), answer.text
    own = requests.get(closed.url + "/api/v1/runs")
    assert (own.status_code, own.json()["error"]["code"]) == (401, "UNAUTHENTICATED")
    assert own.headers["WWW-Authenticate"].startswith("Bearer")


def test_the_users_of_mlflows_own_app(closed, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "root")
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", PASSWORD)
    client = auth_service_client()(closed.url)
    made = client.create_user("tom", PASSWORD)
    assert (made.username, made.is_admin) == ("tom", False)
    client.update_user_admin("tom", True)
    assert client.get_user("tom").is_admin
    client.update_user_password("tom", "another long password")
    current = requests.get(closed.url + "/api/2.0/mlflow/users/current", headers=basic("tom", "another long password"))
    assert (current.json()["user"]["username"], current.json()["is_basic_auth"]) == ("tom", True)
    assert "tom" in [user["username"] for user in closed.get("/api/2.0/mlflow/users/list")["users"]]
    client.delete_user("tom")
    assert requests.get(closed.url + "/api/2.0/mlflow/users/get?username=tom", headers=basic("root")).status_code == 404
    assert requests.post(closed.url + "/api/2.0/mlflow/users/create", headers=basic("ann"), json={"username": "x", "password": PASSWORD}).status_code == 403


# Users, tokens, roles


def test_a_server_without_users_is_open_and_says_so(server):
    assert server.get("/api/v1/status")["open"] is True
    assert server.get("/api/v1/whoami") == {"admin": True, "name": None, "open": True, "roles": []}
    assert any("the server is open to everybody on this machine" in line for line in server.log)
    made = server.run("user", "create", "root", "--admin", "--json")
    password = json.loads(made.stdout)["password"]
    assert requests.get(server.url + "/api/v1/status").status_code == 401
    status = requests.get(server.url + "/api/v1/status", headers=basic("root", password))
    assert status.json()["open"] is False


def test_the_first_user_is_an_admin_and_made_on_the_servers_machine(millrace, server):
    refused = server.run("user", "create", "ann")
    assert (refused.returncode, refused.stderr) == (1, "millrace: the first user must be an admin; add --admin\n")
    held = millrace("user", "create", "ann", "--admin", "--home", server.home)
    assert held.returncode == 1 and str(server.pid) in held.stderr


def test_what_everybody_may_see_needs_no_user(closed):
    for path in ("/health", "/ping", "/v2/health/live", "/version", "/api/v1/openapi.json"):
        assert requests.get(closed.url + path).status_code == 200, path
    assert requests.get(closed.url + "/metrics").status_code == 401
    assert requests.get(closed.url + "/nowhere").status_code == 404


def test_metrics_may_be_public(millrace, new_server, tmp_path):
    make_admin(millrace, tmp_path / "home")
    server = new_server(tmp_path / "home", options=("--public-metrics",))
    assert requests.get(server.url + "/metrics").status_code == 200
    assert requests.get(server.url + "/api/v1/status").status_code == 401


def test_every_route_of_the_document_is_closed_to_strangers(closed):
    document = requests.get(closed.url + "/api/v1/openapi.json").json()
    public = {"/health", "/ping", "/v2", "/v2/health/live", "/v2/health/ready", "/api/v1/openapi.json", "/api/v1/schemas/{kind}"}
    for path, methods in document["paths"].items():
        for method in methods:
            if method in ("get", "post", "put", "patch", "delete"):
                answer = requests.request(method, closed.url + path.replace("{", "").replace("}", ""), json={} if method != "get" else None)
                assert (answer.status_code == 401) == (path not in public), f"{method} {path}: {answer.status_code}"


def test_no_route_forgot_to_say_who_may_call_it(server):
    assert not [line for line in server.log if "does not say who may call it" in line]


def test_a_token_has_a_limit_and_an_end(closed):
    made = closed.post("/api/v1/tokens", json={"name": "look", "role": "viewer", "expires_in": "1h"})
    assert made["role"] == "viewer" and made["expires"] and made["last_used"] is None
    look = {"Authorization": f"Bearer {made['secret']}"}
    assert requests.get(closed.url + "/api/v1/runs", headers=look).status_code == 200
    assert requests.post(closed.url + "/api/v1/runs", headers=look, json={}).status_code == 403
    assert requests.get(closed.url + "/api/v1/users", headers=look).status_code == 403
    assert requests.post(closed.url + "/api/v1/tokens", headers=look, json={"name": "more"}).status_code == 403
    [listed] = [token for token in closed.get("/api/v1/tokens")["items"] if token["name"] == "look"]
    assert listed["last_used"] and "secret" not in listed
    closed.request("DELETE", f"/api/v1/tokens/{made['id']}")
    assert requests.get(closed.url + "/api/v1/runs", headers=look).status_code == 401


def test_tokens_of_others_are_out_of_reach(closed):
    made = closed.post("/api/v1/tokens", json={"name": "roots"})
    assert requests.delete(closed.url + f"/api/v1/tokens/{made['id']}", headers=basic("ann")).status_code == 404
    assert requests.post(closed.url + "/api/v1/tokens", headers=basic("ann"), json={"name": "x", "owner": "root"}).status_code == 403
    assert requests.get(closed.url + "/api/v1/tokens?owner=root", headers=basic("ann")).status_code == 403
    assert requests.get(closed.url + "/api/v1/tokens", headers=basic("ann")).json()["items"] == []


def test_one_changes_only_ones_own_password_and_only_with_it(closed):
    token = closed.request("POST", "/api/v1/tokens", headers=basic("ann"), json={"name": "ci"}, auth=None)["secret"]
    change = {"json": {"password": "another long password"}}
    url = closed.url + "/api/v1/users/"
    assert requests.patch(url + "val", headers=basic("ann"), **change).status_code == 403
    assert requests.patch(url + "ann", headers={"Authorization": f"Bearer {token}"}, **change).status_code == 403
    assert requests.patch(url + "ann", headers=basic("ann"), json={"admin": True}).status_code == 403
    assert requests.patch(url + "ann", headers=basic("ann"), **change).status_code == 200
    assert requests.get(closed.url + "/api/v1/whoami", headers=basic("ann")).status_code == 401
    assert requests.get(closed.url + "/api/v1/whoami", headers=basic("ann", "another long password")).status_code == 200


def test_roles_come_of_groups(closed):
    closed.put("/api/v1/roles", json={"subject": "group:team", "role": "editor", "project": "default"})
    assert requests.post(closed.url + "/api/v1/runs", headers=basic("nil"), json={}).status_code == 403
    closed.put("/api/v1/groups/team/members/nil")
    assert requests.post(closed.url + "/api/v1/runs", headers=basic("nil"), json={}).status_code != 403
    closed.request("DELETE", "/api/v1/groups/team/members/nil")
    assert requests.post(closed.url + "/api/v1/runs", headers=basic("nil"), json={}).status_code == 403


def test_guessing_is_slowed_down(closed):
    for _ in range(6):
        assert requests.get(closed.url + "/api/v1/whoami", headers=basic("ann", "wrong password")).status_code == 401
    slowed = requests.get(closed.url + "/api/v1/whoami", headers=basic("ann"))
    assert slowed.status_code == 401 and "too many logins have failed" in slowed.text and slowed.headers["Retry-After"]
    assert requests.get(closed.url + "/api/v1/whoami", headers=basic("val")).status_code == 200


def test_secrets_are_kept_only_as_hashes(closed):
    kept = b"".join(path.read_bytes() for path in pathlib.Path(closed.home).glob("millrace.db*"))
    assert PASSWORD.encode() not in kept and closed.token.encode() not in kept and b"$argon2id$v=19$m=19456,t=2,p=1$" in kept


def test_steps_ask_the_server_with_a_token_of_their_own(closed, tmp_path):
    folder = tmp_path / "mill"
    folder.mkdir()
    ask = 'test -n "$MLFLOW_TRACKING_TOKEN"; code=$(python3 -c "import os, urllib.request as u; print(u.urlopen(u.Request(os.environ[\'URL\'], headers={\'Authorization\': \'Bearer \' + os.environ[\'MILLRACE_TOKEN\']})).read().decode())"); echo "$code"'
    (folder / "mill.yaml").write_text(
        "kind: Project\nname: mill\nclock: event\n---\nkind: Pipeline\nname: ask\nsteps:\n"
        f"  - name: ask\n    outputs: []\n    run: |\n      export URL={closed.url}/api/v1/whoami\n      {ask}\n"
    )
    closed.apply(folder)
    run = closed.run_pipeline("ask")
    log = closed.get(f"/api/v1/pipeline-runs/{run['id']}/steps/ask/log")["text"]
    assert f'"step {run["id"]}/ask"' in log, log


# The audit log


def test_the_audit_log_says_who_changed_what(closed, signed_in):
    signed_in(closed, "ann").create_experiment("anns")
    fault(signed_in(closed, "ann").create_experiment, "anns")
    entries = closed.list("/api/v1/audit?who=ann")
    assert [(entry["method"], entry["resource"], entry["status"], entry["by"]) for entry in entries] == [
        ("POST", "/api/2.0/mlflow/experiments/create", 400, "password"),
        ("POST", "/api/2.0/mlflow/experiments/create", 200, "password"),
    ]
    assert entries[0]["remote"].startswith("127.0.0.1:")
    exported = closed.run("audit", "export")
    assert len([json.loads(line) for line in exported.stdout.splitlines()]) >= 7
    lines = closed.get("/api/v1/audit?format=ndjson&limit=2")
    assert len(lines.splitlines()) == 2
    assert requests.get(closed.url + "/api/v1/audit", headers=basic("ann")).status_code == 403
    assert requests.delete(closed.url + "/api/v1/audit", headers=basic("root")).status_code == 405


# What a page of another site tries


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8080", "localhost.evil.example", "127.0.0.1.evil.example", "2130706433", "user@localhost"])
def test_a_rebound_name_is_not_answered(server, host):
    assert requests.get(server.url + "/api/v1/status", headers={"Host": host}).status_code == 403


def test_names_of_ours_are_answered(new_server, tmp_path):
    server = new_server(tmp_path / "home", options=("--allowed-host", "models.example.com",))
    for host in ("localhost:1", "127.0.0.1", "[::1]:8080", "models.example.com"):
        assert requests.get(server.url + "/api/v1/status", headers={"Host": host}).status_code == 200, host
    assert requests.get(server.url + "/api/v1/status", headers={"Host": "example.com"}).status_code == 403


@pytest.mark.parametrize("headers", [{"Origin": "http://evil.example"}, {"Origin": "null"}, {"Origin": "http://localhost:3000"}, {"Sec-Fetch-Site": "cross-site"}], ids=str)
def test_a_page_of_another_site_changes_nothing(server, headers):
    answer = requests.post(server.url + "/api/2.0/mlflow/experiments/create", headers=headers, json={"name": "x"})
    assert answer.status_code == 403, answer.text
    assert server.get("/api/v1/experiments")["items"][0]["name"] == "Default"


def test_a_page_of_ours_changes_things(server):
    answer = requests.post(server.url + "/api/2.0/mlflow/experiments/create", headers={"Origin": server.url}, json={"name": "x"})
    assert answer.status_code == 200


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"])
def test_a_form_changes_nothing(server, kind):
    for path in ("/api/v1/runs", "/api/2.0/mlflow/experiments/create"):
        assert requests.post(server.url + path, headers={"Content-Type": kind}, data='{"name": "x"}').status_code == 400


# Starting


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ([], "listening on 0.0.0.0 without users would let anybody do everything"),
        (["--allow-anonymous"], "listening on 0.0.0.0 without TLS would let the network read passwords and data"),
        (["--tls-cert", "cert.pem"], "--tls-cert and --tls-key go together"),
        (["--allow-anonymous", "--tls-cert", "nowhere.pem", "--tls-key", "nowhere.pem"], "the certificate nowhere.pem cannot be used"),
        (["--oidc-issuer", "https://issuer.example"], "--oidc-issuer needs --oidc-audience, too"),
    ],
)
def test_a_server_that_would_be_open_by_oversight_does_not_start(millrace, tmp_path, options, words):
    done = millrace("server", "--home", tmp_path / "home", "--listen", "0.0.0.0:0", *options, timeout=30)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith("millrace: ") and words in done.stderr


# OpenID Connect


def b64(data):
    return base64.urlsafe_b64encode(data if isinstance(data, bytes) else json.dumps(data).encode()).rstrip(b"=").decode()


def number(value, size=None):
    return b64(value.to_bytes(size or (value.bit_length() + 7) // 8, "big"))


class RealIssuer:
    """An issuer with an RSA and an EC key, and its description and keys on a port of its own."""

    def __init__(self):
        self.rsa = rsa.generate_private_key(65537, 2048)
        self.ec = ec.generate_private_key(ec.SECP256R1())
        self.asked = 0
        issuer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                issuer.asked += 1
                described = self.path == "/.well-known/openid-configuration"
                body = json.dumps({"issuer": issuer.url, "jwks_uri": issuer.url + "/keys"} if described else {"keys": issuer.keys()}).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def keys(self):
        public, point = self.rsa.public_key().public_numbers(), self.ec.public_key().public_numbers()
        return [
            {"kty": "oct", "k": "c2VjcmV0", "kid": "symmetric"},
            {"kty": "RSA", "kid": "r", "use": "sig", "n": number(public.n), "e": number(public.e)},
            {"kty": "EC", "kid": "e", "crv": "P-256", "x": number(point.x, 32), "y": number(point.y, 32)},
        ]

    def sign(self, alg, message):
        if alg == "RS256":
            return self.rsa.sign(message, padding.PKCS1v15(), hashes.SHA256())
        r, s = utils.decode_dss_signature(self.ec.sign(message, ec.ECDSA(hashes.SHA256())))
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")

    def token(self, alg="RS256", kid=None, **claims):
        now = int(time.time())
        claims = {"iss": self.url, "aud": "millrace", "sub": "olga", "iat": now, "exp": now + 600, "groups": ["science"], **claims}
        head = b64({"alg": alg, "kid": kid or {"RS256": "r", "ES256": "e"}[alg]})
        message = f"{head}.{b64({name: value for name, value in claims.items() if value is not None})}"
        return f"{message}.{b64(self.sign(alg, message.encode()))}"


@pytest.fixture(scope="module")
def issuer():
    issuer = RealIssuer()
    yield issuer
    issuer.server.shutdown()


@pytest.fixture
def federated(millrace, new_server, tmp_path, issuer):
    make_admin(millrace, tmp_path / "home")
    server = new_server(tmp_path / "home", options=("--oidc-issuer", issuer.url, "--oidc-audience", "millrace",))
    server.token = server.request("POST", "/api/v1/tokens", headers=basic("root"), json={"name": "tests"})["secret"]
    server.put("/api/v1/roles", json={"subject": "group:science", "role": "editor"})
    return server


def test_an_issuers_tokens_are_taken(federated, issuer, signed_in):
    for alg in ("RS256", "ES256"):
        me = requests.get(federated.url + "/api/v1/whoami", headers={"Authorization": f"Bearer {issuer.token(alg)}"})
        assert me.status_code == 200, me.text
        assert (me.json()["name"], me.json()["by"], me.json()["admin"]) == ("olga", issuer.url, False)
    client = signed_in(federated, token=issuer.token())
    client.create_experiment("olgas")
    assert federated.get("/api/v1/audit")["items"][0]["who"] == "olga"
    asked = issuer.asked
    client.get_experiment("1")
    assert issuer.asked == asked


def test_what_an_issuer_did_not_say_is_refused(federated, issuer):
    good = issuer.token()
    head, claims, signature = good.split(".")
    symmetric = b64({"alg": "HS256", "kid": "r"})
    now = int(time.time())
    cases = {
        "another audience": issuer.token(aud="other"),
        "no audience": issuer.token(aud=None),
        "another issuer": issuer.token(iss="https://evil.example"),
        "expired": issuer.token(exp=now - 120),
        "no end": issuer.token(exp=None),
        "not yet": issuer.token(nbf=now + 600),
        "nobody": issuer.token(sub=None),
        "no signature": f"{b64({'alg': 'none'})}.{claims}.",
        "the public key as a secret": f"{symmetric}.{claims}.{signature}",
        "other claims": f"{head}.{b64({'iss': issuer.url, 'aud': 'millrace', 'sub': 'root', 'exp': now + 600})}.{signature}",
        "another key's name": issuer.token("RS256", kid="e"),
        "an unknown key": issuer.token("RS256", kid="x"),
        "another issuer's key": RealIssuer().token(iss=issuer.url),
        "no token": "x.y.z",
    }
    for name, token in cases.items():
        answer = requests.get(federated.url + "/api/v1/whoami", headers={"Authorization": f"Bearer {token}"})
        assert answer.status_code == 401, f"{name}: {answer.text}"
    assert requests.get(federated.url + "/api/v1/whoami", headers={"Authorization": f"Bearer {issuer.token(exp=now - 30)}"}).status_code == 200, "a minute's grace"


# TLS


def write_certificate(folder, name="localhost"):
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.timezone.utc)
    names = x509.SubjectAlternativeName([x509.DNSName(name), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    certificate = (
        x509.CertificateBuilder().subject_name(subject).issuer_name(subject).public_key(key.public_key()).serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1)).not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(names, critical=False).add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    (folder / "key.pem").write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
    (folder / "cert.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    return certificate


@pytest.fixture
def encrypted(millrace, new_server, tmp_path):
    write_certificate(tmp_path)
    make_admin(millrace, tmp_path / "home")
    cert = str(tmp_path / "cert.pem")
    server = new_server(tmp_path / "home", options=("--tls-cert", cert, "--tls-key", str(tmp_path / "key.pem"),), token=None, verify=cert)
    server.token = server.request("POST", "/api/v1/tokens", headers=basic("root"), json={"name": "tests"})["secret"]
    return server


def test_mlflow_works_over_tls_with_large_files(encrypted, signed_in, monkeypatch, tmp_path):
    monkeypatch.setenv("MLFLOW_TRACKING_SERVER_CERT_PATH", encrypted.verify)
    client = signed_in(encrypted, "root")
    run = client.create_run("0").info.run_id
    client.log_metric(run, "loss", 0.5)
    content = os.urandom(20 << 20)
    (tmp_path / "large.bin").write_bytes(content)
    client.log_artifact(run, str(tmp_path / "large.bin"))
    down = client.download_artifacts(run, "large.bin", str(tmp_path))
    assert pathlib.Path(down).read_bytes() == content


def test_the_command_line_speaks_tls(encrypted):
    status = encrypted.run("--ca", encrypted.verify, "status", "--json")
    assert status.returncode == 0, status.stderr
    by_environment = encrypted.run("status", env={"MILLRACE_CA_FILE": encrypted.verify})
    assert by_environment.returncode == 0, by_environment.stderr
    unknown = encrypted.run("status")
    assert unknown.returncode != 0 and "certificate" in unknown.stderr, unknown.stderr


def test_old_versions_and_plain_text_are_refused(encrypted):
    old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    old.check_hostname, old.verify_mode = False, ssl.CERT_NONE
    old.set_ciphers("ALL:@SECLEVEL=0")
    old.minimum_version = ssl.TLSVersion.TLSv1
    old.maximum_version = ssl.TLSVersion.TLSv1_1
    with pytest.raises((ssl.SSLError, ConnectionError)), socket.create_connection(("127.0.0.1", encrypted.port)) as raw:
        old.wrap_socket(raw)
    with pytest.raises(requests.ConnectionError):
        requests.get(f"http://127.0.0.1:{encrypted.port}/health")
    assert encrypted.get("/health") == {"status": "ok"}


def test_a_new_certificate_is_taken_without_a_restart(encrypted, tmp_path):
    fresh = write_certificate(tmp_path)
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        served = x509.load_pem_x509_certificate(ssl.get_server_certificate(("127.0.0.1", encrypted.port)).encode())
        if served.serial_number == fresh.serial_number:
            break
    assert served.serial_number == fresh.serial_number
    assert requests.get(encrypted.url + "/health", verify=str(tmp_path / "cert.pem")).status_code == 200


def test_steps_reach_a_server_that_speaks_tls(encrypted, flights_project, flights_table):
    encrypted.apply_over_tls = encrypted.run("--ca", encrypted.verify, "apply", flights_project)
    assert encrypted.apply_over_tls.returncode == 0, encrypted.apply_over_tls.stderr
    encrypted.post("/api/v1/datasets/flights/batches?batch_id=day", data=flights_table(200))
    run = encrypted.post("/api/v1/pipelines/retrain/runs", json={"params": {}})
    encrypted.settle()
    run = encrypted.get(f"/api/v1/pipeline-runs/{run['id']}")
    logs = "".join(encrypted.get(f"/api/v1/pipeline-runs/{run['id']}/steps/{step['name']}/log")["text"] for step in run["steps"] if step["status"] in ("failed", "succeeded"))
    assert [step["status"] for step in run["steps"]][0] == "succeeded", logs


# The command line


def test_the_command_line_logs_in_and_keeps_a_token(closed, tmp_path):
    environment = {**ENVIRONMENT, "XDG_CONFIG_HOME": str(tmp_path / "config"), "MILLRACE_SERVER": closed.url}

    def run(*args, **options):
        return subprocess.run([closed.millrace.program, *args], env=environment, capture_output=True, text=True, **options)

    assert run("status").returncode == 1
    done = run("login", "ann", input=PASSWORD + "\n")
    assert done.returncode == 0, done.stderr
    kept = tmp_path / "config/millrace/credentials"
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert run("status").returncode == 0
    [token] = json.loads(run("token", "list", "--json").stdout)["items"]
    assert token["owner"] == "ann" and token["name"].startswith("login-")
    assert run("login", "--out").returncode == 0
    assert run("status").returncode == 1


def test_users_tokens_and_roles_on_the_command_line(closed):
    assert "ann" in closed.run("user", "list").stdout
    assert closed.run("user", "create", "tom").stdout.startswith("user tom is made\npassword: ")
    assert closed.run("role", "grant", "tom", "deployer").stdout == "tom is deployer in project *\n"
    assert closed.run("role", "join", "team", "tom").stdout == "tom is in group team\n"
    assert "team" in closed.run("role", "list").stdout
    made = closed.run("token", "create", "toms", "--owner", "tom", "--expires-in", "1d")
    assert made.stdout.startswith("mrt_") and "not shown again" in made.stderr
    shown = json.loads(closed.run("user", "show", "tom", "--json").stdout)
    assert (shown["roles"][0]["role"], shown["tokens"][0]["name"]) == ("deployer", "toms")
    assert closed.run("token", "delete", shown["tokens"][0]["id"]).returncode == 0
    assert closed.run("user", "promote", "tom").stdout == "user tom is an admin\n"
    assert closed.run("user", "delete", "tom").returncode == 0
    gone = closed.run("user", "show", "tom")
    assert (gone.returncode, gone.stderr) == (1, "millrace: there is no user tom\n")
    assert "/api/v1/users/tom" in closed.run("audit", "list").stdout


def test_a_lost_password_is_given_anew_on_the_servers_machine(closed, millrace):
    closed.stop()
    done = millrace("user", "password", "root", "--home", closed.home, "--ask", input="another long password\n")
    assert done.returncode == 0, done.stderr
    closed.start()
    assert requests.get(closed.url + "/api/v1/whoami", headers=basic("root", "another long password")).status_code == 200


# gRPC


def call(channel, path, **metadata):
    """The code that a unary call without a message's content ends with."""
    try:
        channel.unary_unary(path)(b"", metadata=[(name, value) for name, value in metadata.items()], timeout=30)
    except grpc.RpcError as ended:
        return ended.code()
    return grpc.StatusCode.OK


INFER = "/inference.GRPCInferenceService/ModelInfer"


def test_every_method_of_grpc_is_closed_to_strangers(closed):
    service = service_pb2.DESCRIPTOR.services_by_name["GRPCInferenceService"]
    public = {"ServerLive", "ServerReady", "ServerMetadata"}
    with grpc.insecure_channel(closed.grpc) as channel:
        for method in service.methods:
            code = call(channel, f"/{service.full_name}/{method.name}")
            assert (code == grpc.StatusCode.UNAUTHENTICATED) == (method.name not in public), f"{method.name}: {code}"
        assert call(channel, "/grpc.health.v1.Health/Check") == grpc.StatusCode.OK


def test_grpc_takes_tokens_and_passwords(closed):
    with grpc.insecure_channel(closed.grpc) as channel:
        assert call(channel, INFER, authorization=f"Bearer {closed.token}") == grpc.StatusCode.NOT_FOUND  # there is no endpoint ""
        assert call(channel, INFER, authorization=basic("val")["Authorization"]) == grpc.StatusCode.NOT_FOUND
        assert call(channel, INFER, authorization=basic("nil")["Authorization"]) == grpc.StatusCode.PERMISSION_DENIED
        assert call(channel, INFER, authorization=basic("val", "guess")["Authorization"]) == grpc.StatusCode.UNAUTHENTICATED
        assert call(channel, INFER, authorization="Bearer nobody") == grpc.StatusCode.UNAUTHENTICATED


def test_who_unloads_by_grpc_is_a_deployer_and_in_the_audit_log(closed):
    unload = "/inference.GRPCInferenceService/RepositoryModelUnload"
    with grpc.insecure_channel(closed.grpc) as channel:
        assert call(channel, unload, authorization=basic("val")["Authorization"]) == grpc.StatusCode.PERMISSION_DENIED
        assert call(channel, unload, authorization=basic("dee")["Authorization"]) == grpc.StatusCode.NOT_FOUND
    assert [(entry["who"], entry["status"]) for entry in closed.get("/api/v1/audit")["items"] if entry["route"] == unload] == [("dee", 404)]


def test_grpc_over_tls(encrypted):
    credentials = grpc.ssl_channel_credentials(pathlib.Path(encrypted.verify).read_bytes())
    with grpc.secure_channel(encrypted.grpc, credentials) as channel:
        assert call(channel, "/grpc.health.v1.Health/Check") == grpc.StatusCode.OK
        assert call(channel, INFER, authorization=f"Bearer {encrypted.token}") == grpc.StatusCode.NOT_FOUND
    with grpc.insecure_channel(encrypted.grpc) as channel:
        assert call(channel, "/grpc.health.v1.Health/Check") == grpc.StatusCode.UNAVAILABLE


def test_grpc_beyond_this_machine_is_not_opened_by_oversight(millrace, tmp_path):
    done = millrace("server", "--home", tmp_path / "home", "--listen", "127.0.0.1:0", "--grpc-listen", "0.0.0.0:0", timeout=30)
    assert done.returncode != 0 and "--allow-anonymous" in done.stderr
