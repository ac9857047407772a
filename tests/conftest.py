import datetime
import os
import pathlib
import shutil
import sys

import mlflow
import pyarrow as pa
import pytest

from running import MainJob, Millrace, Server, as_parquet, replay

ROOT = pathlib.Path(__file__).resolve().parent.parent


def pytest_addoption(parser):
    parser.addoption("--rewrite-golden", action="store_true", help="write the golden files anew from what the program says")


@pytest.fixture(scope="session")
def rewrite_golden(request):
    return request.config.getoption("--rewrite-golden")


@pytest.fixture(autouse=True)
def no_experiment_of_another_test():
    """MLflow's client remembers the last experiment in the process and in its environment."""
    yield
    os.environ.pop("MLFLOW_EXPERIMENT_ID", None)
    if fluent := sys.modules.get("mlflow.tracking.fluent"):
        fluent._active_experiment_id = None


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

    def start(home=tmp_path / "home", **options):
        servers.append(Server(millrace, home, **options))
        return servers[-1].start()

    yield start
    for server in servers:
        server.stop()


@pytest.fixture
def server(new_server):
    return new_server()


@pytest.fixture(scope="module")
def shared_server(millrace, tmp_path_factory):
    """For tests of a module that leave it as it was."""
    with Server(millrace, tmp_path_factory.mktemp("shared") / "home") as server:
        yield server


@pytest.fixture(scope="module")
def tracking(shared_server):
    """The server that mlflow talks to, for all of a module."""
    mlflow.set_tracking_uri(shared_server.url)
    yield shared_server
    mlflow.set_tracking_uri(None)


@pytest.fixture
def client(tracking):
    return mlflow.MlflowClient(tracking.url)


@pytest.fixture
def project(flights_project, tmp_path):
    """The flights project, to be changed by the test."""
    return pathlib.Path(shutil.copytree(flights_project, tmp_path / "project"))


@pytest.fixture(scope="session")
def flights_table():
    """Makes batches of flights, as Parquet: `count` rows that became known in the hours after `start`."""

    def make(count=1000, start=datetime.datetime(2001, 1, 1)):
        at = [start + datetime.timedelta(seconds=7 * row) for row in range(count)]
        airports = ["ORD", "SFO", "ATL", "DFW", "JFK"]
        return as_parquet(
            pa.table(
                {
                    "date": pa.array([moment - datetime.timedelta(hours=3) for moment in at], pa.timestamp("us")),
                    "known_at": pa.array(at, pa.timestamp("us")),
                    "delay": [row * 37 % 90 - 20 for row in range(count)],
                    "distance": [100 + row * 13 % 2000 for row in range(count)],
                    "origin": [airports[row % 5] for row in range(count)],
                    "destination": [airports[row // 5 % 5] for row in range(count)],
                }
            )
        )

    return make


@pytest.fixture(scope="session")
def main_job(millrace, flights_project, tmp_path_factory):
    with Server(millrace, tmp_path_factory.mktemp("main_job") / "home") as server:
        server.apply(flights_project)
        yield MainJob(server, replay(server, flights_project, MainJob.UNTIL))
