"""Replicas of a server, and what is asked of both."""

import re
import threading
import time

import requests

from running import READY_SECONDS

PATIENCE = 30


def until(condition, what, seconds=PATIENCE):
    """Waits until something is so; answers what the condition did."""
    end = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < end, what if isinstance(what, str) else what()
        time.sleep(0.01)
    return found


class Replica:
    """One home folder, and a replica on it as long as it runs. It keeps its ports over restarts."""

    def __init__(self, millrace, server_url, home, options=(), token=None, environment=None):
        self.millrace, self.server_url, self.home = millrace, server_url, home
        self.options, self.token, self.environment = options, token, environment
        self.port, self.grpc_port, self.process, self.reader, self.log = 0, 0, None, None, []

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    @property
    def grpc(self):
        return f"127.0.0.1:{self.grpc_port}"

    @property
    def name(self):
        return self.home.name

    def start(self, ready=True):
        listening = threading.Event()
        drain = [] if "--drain-seconds" in self.options else ["--drain-seconds", "0"]
        environment = {**(self.environment or {}), **({"MILLRACE_TOKEN": self.token} if self.token else {})}
        self.process = self.millrace.start("serve", "--from", self.server_url, "--home", self.home, "--name", self.name, "--listen", f"127.0.0.1:{self.port}",
                                           "--grpc-listen", f"127.0.0.1:{self.grpc_port}", *drain, *self.options, environment=environment, stderr=-1, text=True)
        self.reader = threading.Thread(target=self._read_log, args=(self.process.stderr, listening), daemon=True)
        self.reader.start()
        if not listening.wait(READY_SECONDS) or self.process.poll() is not None:
            raise AssertionError("the replica did not start:\n" + "\n".join(self.log[-20:]))
        return self.wait_ready() if ready else self

    def _read_log(self, stream, listening):
        with stream:
            for line in stream:
                self.log.append(line.rstrip())
                if found := re.search(r"millrace is listening url=https?://127\.0\.0\.1:(\d+) grpc=(?:127\.0\.0\.1:(\d+)|off)", line):
                    self.port, self.grpc_port = int(found[1]), int(found[2] or 0)
                    listening.set()
        listening.set()

    def is_ready(self):
        return requests.get(self.url + "/v2/health/ready", timeout=10).status_code == 200

    def wait_ready(self):
        until(self.is_ready, lambda: "\n".join(self.log[-20:]))
        return self

    def request(self, method, path, **options):
        if self.token:
            options["headers"] = {"Authorization": f"Bearer {self.token}", **options.get("headers", {})}
        return requests.request(method, self.url + path, timeout=30, **options)

    def status(self):
        return self.request("GET", "/api/v1/status").json()

    def stop(self):
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
