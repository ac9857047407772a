"""Three replicas behind a real nginx, each on a machine of its own as far as the network goes. One dies, one is cut off, one is told to end,
a version is swapped: whoever asks notices nothing, and every answer is in the prediction log."""

import contextlib
import json
import pathlib
import shutil
import signal
import subprocess
import sys

import mlflow
import networks
import pytest
import requests
import xgboost as xgb
from mlflow import MlflowClient
from replicas import Replica, until
from running import Server
from serving import register, serve

ROOT = pathlib.Path(__file__).resolve().parents[1]
OPEN = ("--allow-anonymous", "--allow-plaintext")
SECONDS = 2  # that it is asked before and after what happens

pytestmark = [
    pytest.mark.root,
    pytest.mark.skipif(not shutil.which("nginx"), reason="nginx is not installed"),
    pytest.mark.skipif(bool(networks.why_not()), reason=networks.why_not() or ""),
]


def is_ready(url):
    with contextlib.suppress(requests.RequestException):
        return requests.get(url + "/v2/health/ready", timeout=1).status_code == 200
    return False


class FarReplica(Replica):
    """On a host of its own."""

    def __init__(self, millrace, server_url, home, host):
        super().__init__(millrace, server_url, home)
        self.host = host

    @property
    def url(self):
        return f"http://{self.host.address}:8080"

    def start(self, ready=True):
        places = ["--listen", "0.0.0.0:8080", "--grpc-listen", "0.0.0.0:8081", "--address", self.url]
        command = self.host.command(self.millrace.program, "serve", "--from", self.server_url, "--home", self.home, "--name", self.name, *places, *OPEN, "--drain-seconds", "2")
        self.log = (self.home.parent / f"{self.name}.log").open("a")
        self.process = subprocess.Popen(command, stderr=self.log)
        return self.wait_ready() if ready else self

    def is_ready(self):
        return is_ready(self.url)

    def stop(self):
        self.process.terminate()
        return self.process.wait(30)


class Nginx:
    """With the configuration that ships, but for where the replicas are."""

    def __init__(self, folder, hosts):
        text = (ROOT / "deploy/nginx/millrace.conf").read_text()
        for number, host in enumerate(hosts, 1):
            text = text.replace(f"10.0.0.1{number}:", f"{host.address}:")
        assert "10.0.0." not in text
        (folder / "millrace.conf").write_text(text)
        logs = f"error_log {folder}/nginx_error.log; pid {folder}/nginx.pid;"
        temporary = " ".join(f"{kind}_temp_path {folder}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        (folder / "nginx.conf").write_text(f"user root; daemon off; {logs} events {{}} http {{ access_log off; {temporary} include {folder}/millrace.conf; }}")
        self.process = subprocess.Popen(["nginx", "-p", folder, "-c", folder / "nginx.conf"])

    def stop(self):
        self.process.terminate()
        self.process.wait(30)


class Fleet:
    """What the tests talk about: a server with two versions of a model, its replicas, and the address that callers know."""

    url, grpc = "http://127.0.0.1:8080", "127.0.0.1:8081"

    def __init__(self, server, replicas):
        self.server, self.replicas, self.asked, self.ids = server, replicas, 0, []

    @contextlib.contextmanager
    def asked_steadily(self):
        """Yields what becomes of the requests that are sent while the block lasts: filled in when it ends."""
        self.asked += 1
        program = [sys.executable, ROOT / "tests/steady_load.py", self.url, self.grpc, f"load{self.asked}"]
        process = subprocess.Popen(program, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        seen = {}
        try:
            process.stdout.readline()
            self.go_on(process)
            yield seen
            self.go_on(process)
        finally:
            said, _ = process.communicate("", timeout=60)
        seen.update(json.loads(said))
        self.ids += seen["ids"]

    @staticmethod
    def go_on(process):
        """Some seconds of the same."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(SECONDS)
            raise AssertionError("the load has ended by itself")

    def generation_of(self, replica):
        known = {each["name"]: each["generation"] for each in self.server.get("/api/v1/replicas")["items"]}
        return known.get(replica.name)

    def all_follow(self):
        page = self.server.get("/api/v1/replicas")
        return len(page["items"]) == len(self.replicas) and all(each["generation"] == page["generation"] for each in page["items"])


def booster(weight):
    rows = [[a / 10, b / 10] for a in range(20) for b in range(20)]
    return xgb.train({"max_depth": 3, "nthread": 1}, xgb.DMatrix(rows, [weight * (a + b) for a, b in rows], feature_names=["a", "b"]), 10)


@pytest.fixture(scope="module")
def fleet(millrace, tmp_path_factory):
    folder = tmp_path_factory.mktemp("fleet")
    with contextlib.ExitStack() as ended, contextlib.chdir(folder):
        network = ended.enter_context(networks.Network())
        server = ended.enter_context(Server(millrace, folder / "home", options=OPEN, listen="0.0.0.0"))
        mlflow.set_tracking_uri(server.url)
        ended.callback(mlflow.set_tracking_uri, None)
        register(mlflow.xgboost, booster(1.0), "shop", "champion", pip_requirements=["xgboost"])
        register(mlflow.xgboost, booster(2.0), "shop", "challenger", pip_requirements=["xgboost"])
        assert serve(server, folder / "project", "shop").returncode == 0
        replicas = [FarReplica(millrace, f"http://{network.address}:{server.port}", folder / f"replica{number}", network.host()) for number in (1, 2, 3)]
        for replica in replicas:
            ended.callback(replica.stop)
            replica.start()
        nginx = Nginx(folder, network.hosts)
        ended.callback(nginx.stop)
        fleet = Fleet(server, replicas)
        until(fleet.all_follow, "the replicas have the server's state")
        until(lambda: is_ready(fleet.url), "nginx passes on")
        yield fleet


def check(seen, versions):
    assert seen["failures"] == []
    assert len(seen["ids"]) > 200
    assert {answer.split()[0] for answer in seen["answers"]} == versions
    assert len(seen["answers"]) == len(versions)  # a version has one answer


def test_a_killed_replica_is_not_noticed(fleet):
    victim = fleet.replicas[0]
    with fleet.asked_steadily() as seen:
        victim.process.send_signal(signal.SIGKILL)
        victim.process.wait()
    check(seen, {"1"})
    with fleet.asked_steadily() as seen:
        victim.start()
    check(seen, {"1"})


def test_a_replica_that_is_cut_off_is_not_noticed(fleet):
    victim = fleet.replicas[1]
    with fleet.asked_steadily() as seen:
        victim.host.cut_off()
    check(seen, {"1"})
    assert seen["slowest"] < 8  # seconds: nginx waits two for an answer, and asks the next
    with fleet.asked_steadily() as seen:
        victim.host.reconnect()
        until(victim.is_ready, "it is back")
    check(seen, {"1"})


def test_a_version_is_swapped_under_load(fleet):
    with fleet.asked_steadily() as seen:
        MlflowClient().set_registered_model_alias("shop", "champion", "2")
        until(fleet.all_follow, "all replicas serve it")
    check(seen, {"1", "2"})
    with fleet.asked_steadily() as seen:
        pass
    check(seen, {"2"})


def test_a_replica_that_is_told_to_end_drains(fleet):
    victim = fleet.replicas[2]
    with fleet.asked_steadily() as seen:
        assert victim.stop() == 0
    check(seen, {"2"})
    victim.start()


def test_the_server_may_be_away(fleet):
    with fleet.asked_steadily() as seen:
        fleet.server.kill9()
    check(seen, {"2"})
    fleet.server.start()
    until(fleet.all_follow, "they follow again")


def test_every_answer_is_in_the_prediction_log_once(fleet):
    def missing():
        fleet.server.post("/api/v1/endpoints/shop/commit")
        rows = fleet.server.get("/api/v1/datasets/shop.predictions")["rows"]
        return len(set(fleet.ids)) - rows

    until(lambda: missing() == 0, lambda: f"{missing()} predictions are missing")
