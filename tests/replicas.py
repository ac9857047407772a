"""Replicas of a server, and what is asked of both."""

import time

import requests

from running import Process

PATIENCE = 30


def until(condition, what, seconds=PATIENCE):
    """Waits until something is so; answers what the condition did."""
    end = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < end, what if isinstance(what, str) else what()
        time.sleep(0.01)
    return found


class Replica(Process):
    """One home folder, and a replica on it as long as it runs. It keeps its ports over restarts."""

    LISTENS = "millrace is listening"

    def __init__(self, millrace, server_url, home, options=(), token=None, environment=None):
        super().__init__(millrace)
        self.server_url, self.home = server_url, home
        self.options, self.token, self.environment = options, token, environment

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    @property
    def name(self):
        return self.home.name

    def start(self, ready=True):
        drain = [] if "--drain-seconds" in self.options else ["--drain-seconds", "0"]
        environment = {**(self.environment or {}), **({"MILLRACE_TOKEN": self.token} if self.token else {})}
        self._launch("serve", "--from", self.server_url, "--home", self.home, "--name", self.name, "--listen", f"127.0.0.1:{self.port}",
                     "--grpc-listen", f"127.0.0.1:{self.grpc_port}", *drain, *self.options, environment=environment)
        return self.wait_ready() if ready else self

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
