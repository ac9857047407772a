import os
import pathlib
import shutil
import time

import pytest

from running import MainJob, Millrace, Server, replay

ROOT = pathlib.Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def millrace():
    program = pathlib.Path(os.environ.get("MILLRACE_BINARY", ROOT / "build/release/bin/millrace"))
    assert program.is_file(), f"{program} is not there; `make build` makes it, MILLRACE_BINARY names another"
    return Millrace(program)


@pytest.fixture(scope="session")
def flights():
    return ROOT / "third_party/flights/flights-3m.parquet"


@pytest.fixture(scope="session")
def flights_project():
    return ROOT / "examples/flights"


@pytest.fixture
def new_server(millrace, tmp_path):
    """Starts servers that end with the test."""
    servers = []

    def start(home=tmp_path / "home"):
        servers.append(Server(millrace, home))
        return servers[-1].start()

    yield start
    for server in servers:
        server.stop()


@pytest.fixture
def server(new_server):
    return new_server()


@pytest.fixture
def project(flights_project, tmp_path):
    """The flights project, to be changed by the test."""
    return pathlib.Path(shutil.copytree(flights_project, tmp_path / "project"))


@pytest.fixture(scope="session")
def main_job(millrace, flights_project, tmp_path_factory):
    server = Server(millrace, tmp_path_factory.mktemp("main_job") / "home").start()
    server.apply(flights_project)
    start = time.monotonic()
    summary = replay(server, flights_project, MainJob.UNTIL)
    yield MainJob(server, summary, time.monotonic() - start)
    server.stop()
