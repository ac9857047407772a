"""A Millrace server that a test runs, and the commands it runs against it."""

import io
import json
import os
import re
import subprocess
import threading

import pyarrow.parquet as pq
import requests

from postgres import schema_for

ENVIRONMENT = {**os.environ, "OMP_WAIT_POLICY": "passive"}
READY_SECONDS = 30


class Millrace:
    """The program."""

    def __init__(self, program):
        self.program = program

    def __call__(self, *args, timeout=900, **options):
        """Runs a command to its end."""
        return subprocess.run([self.program, *map(str, args)], capture_output=True, text=True, timeout=timeout, **{"env": ENVIRONMENT, **options})

    def start(self, *args, environment=None, **options):
        return subprocess.Popen([self.program, *map(str, args)], env={**ENVIRONMENT, **(environment or {})}, **options)


class Process:
    """A process of the program that listens on loopback, and says where in its log, after the words in LISTENS."""

    LISTENS = "millrace is ready"

    def __init__(self, millrace):
        self.millrace = millrace
        self.port, self.grpc_port, self.process, self.reader, self.log = 0, 0, None, None, []

    @property
    def grpc(self):
        return f"127.0.0.1:{self.grpc_port}"

    @property
    def pid(self):
        return self.process.pid

    def _launch(self, command, *args, environment):
        listening = threading.Event()
        self.process = self.millrace.start(command, *args, environment=environment, stderr=subprocess.PIPE, text=True)
        self.reader = threading.Thread(target=self._read_log, args=(self.process.stderr, listening), daemon=True)
        self.reader.start()
        if not listening.wait(READY_SECONDS) or self.process.poll() is not None:
            raise AssertionError(f"millrace {command} did not start:\n" + "\n".join(self.log[-20:]))

    def _read_log(self, stream, listening):
        with stream:
            for line in stream:
                self.log.append(line.rstrip())
                if found := re.search(self.LISTENS + r" url=https?://127\.0\.0\.1:(\d+) grpc=(?:127\.0\.0\.1:(\d+)|off)", line):
                    self.port, self.grpc_port = int(found[1]), int(found[2] or 0)
                    listening.set()
        listening.set()

    def stop(self):
        """SIGTERM; the exit status."""
        if self.process.poll() is None:
            self.process.terminate()
        self.process.wait(30)
        self.reader.join()
        return self.process.returncode

    def kill9(self):
        self.process.kill()
        self.process.wait(30)

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()


class Server(Process):
    """One home folder, and a server on it as long as it runs. It keeps its ports over restarts. Its database is in the
    home folder, or at the URI `db`, or where the environment variable MILLRACE_TEST_POSTGRES says; its artifacts are in
    the home folder, or in the `artifacts` of an ObjectStore. `options` are further ones of its command line; `token` is
    what its requests and commands show; `verify` the certificates they believe, where it speaks TLS; `environment` is
    added to that of the program. It listens on loopback, or where `listen` says, which must include loopback."""

    def __init__(self, millrace, home, db=None, artifacts=None, options=(), token=None, verify=None, environment=None, listen="127.0.0.1"):
        super().__init__(millrace)
        self.home, self.db, self.artifacts, self.listen = home, db, artifacts, listen
        self.options, self.token, self.verify, self.environment = options, token, verify, environment
        if db is None and (shared := os.environ.get("MILLRACE_TEST_POSTGRES")):
            self.db = schema_for(shared, home)

    @property
    def url(self):
        return f"http{'s' if self.verify else ''}://127.0.0.1:{self.port}"

    def start(self):
        places = [*(["--db", self.db] if self.db else []), *(["--artifacts", self.artifacts] if self.artifacts else [])]
        grpc = [] if "--grpc-listen" in self.options else ["--grpc-listen", f"{self.listen}:{self.grpc_port}"]
        self._launch("server", "--home", self.home, "--listen", f"{self.listen}:{self.port}", *grpc, *places, *self.options, environment=self.environment)
        self.get("/health")
        return self

    def restart(self):
        self.stop()
        return self.start()

    def run(self, *args, **options):
        if self.token:
            options["env"] = {**ENVIRONMENT, "MILLRACE_TOKEN": self.token, **options.get("env", {})}
        return self.millrace("--server", self.url, *args, **options)

    def apply(self, folder):
        done = self.run("apply", folder)
        assert done.returncode == 0, done.stderr
        return done

    def request(self, method, path, expect=None, **options):
        if self.token and "auth" not in options:
            options["headers"] = {"Authorization": f"Bearer {self.token}", **options.get("headers", {})}
        response = requests.request(method, self.url + path, timeout=60, verify=self.verify, **options)
        if expect is None:
            assert response.ok, f"{method} {path}: {response.status_code} {response.text[:500]}"
        else:
            assert response.status_code == expect, f"{method} {path}: {response.status_code} {response.text[:500]}"
        return response.json() if response.headers.get("Content-Type", "").startswith("application/json") else response.text

    def get(self, path, **options):
        return self.request("GET", path, **options)

    def post(self, path, **options):
        return self.request("POST", path, **options)

    def put(self, path, **options):
        return self.request("PUT", path, **options)

    def list(self, path):
        """All items of a list, page by page."""
        items, joint, after = [], "&" if "?" in path else "?", ""
        while True:
            page = self.get(f"{path}{joint}limit=1000" + (f"&after={after}" if after else ""))
            items += page["items"]
            after = page["next"]
            if not after:
                return items

    def move_clock(self, now):
        """Answers when all that follows from the time is done."""
        while not self.put("/api/v1/clock", json={"now": now, "wait": True})["settled"]:
            pass

    def settle(self):
        self.move_clock(self.get("/api/v1/clock")["now"])

    def run_pipeline(self, name, **params):
        run = self.post(f"/api/v1/pipelines/{name}/runs", json={"params": params})
        self.settle()
        run = self.get(f"/api/v1/pipeline-runs/{run['id']}")
        logs = [self.get(f"/api/v1/pipeline-runs/{run['id']}/steps/{step['name']}/log")["text"] for step in run["steps"] if step["status"] == "failed"]
        assert run["status"] == "succeeded", f"{run['error']}\n{logs}"
        return run

    def path(self, uri):
        """Where an artifact lies."""
        return self.home / "artifacts" / uri.removeprefix("artifacts:")

    def files(self, dataset):
        """The Parquet files of a dataset's newest version."""
        return [segment["path"] for segment in self.get(f"/api/v1/datasets/{dataset}/versions/latest")["segments"]]


class MainJob:
    """The main job on the first weeks of the data, done once for all tests that only look."""

    UNTIL = "2001-03-20"

    def __init__(self, server, summary):
        self.server, self.summary = server, summary


def replay(server, project, until):
    done = server.run("--json", "replay", project / "replay.yaml", "--until", until)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def as_parquet(table):
    out = io.BytesIO()
    pq.write_table(table, out)
    return out.getvalue()
