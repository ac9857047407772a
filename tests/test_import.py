"""millrace import mlflow: what the real mlflow wrote into its stores, read back through its client from a Millrace."""

import contextlib
import json
import os
import sqlite3

import mlflow
import numpy as np
import pytest

from mlflow_store import fill, read_all, tracked_at
from postgres import Postgres, programs
from running import Server


def place(millrace, home):
    """A home folder and its database, as the options of a command."""
    database = Server(millrace, home).db
    return ["--home", home, *(["--db", database] if database else [])]


def imported(millrace, uri, home, *options, status=0):
    done = millrace("import", "mlflow", uri, *place(millrace, home), "--json", *options)
    assert done.returncode == status, done.stdout + done.stderr
    return json.loads(done.stdout) if done.stdout else done.stderr


def counts(report):
    return {kind["kind"]: kind["rows_here"] for kind in report["items"]}


@pytest.fixture
def workplace(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def database(workplace):
    """An MLflow's SQLite file with one of everything, and what its client sees of it."""
    uri = f"sqlite:///{workplace}/mlflow.db"
    with tracked_at(uri) as client:
        fill(client)
        return uri, read_all(client)


def test_a_database_comes_whole(millrace, database, tmp_path):
    uri, before = database
    report = imported(millrace, uri, tmp_path / "home")
    assert report["equal"] and not report["differ"] and not report["refused"]
    assert counts(report)["runs"] == len(before["runs"])
    with Server(millrace, tmp_path / "home") as server, tracked_at(server.url) as client:
        after = read_all(client)
        for part in before:
            assert after[part] == before[part], part
        loaded = mlflow.pyfunc.load_model("models:/halves@champion")
        assert loaded.predict(np.array([[4.0]])) == 2.0
        assert client.get_experiment_by_name("vision/cats").experiment_id == "1"
        # Numbers that are drawn from now on do not meet those that came.
        assert int(client.create_experiment("new")) > 2
        assert int(client.create_model_version("halves", "s3://b/x").version) == 5


def test_a_second_import_adds_what_is_new_and_doubles_nothing(millrace, database, tmp_path):
    uri, _ = database
    first = imported(millrace, uri, tmp_path / "home")
    again = imported(millrace, uri, tmp_path / "home")
    assert counts(again) == counts(first)
    with tracked_at(uri) as client:
        mlflow.set_experiment("vision/cats")
        with mlflow.start_run(run_name="late"):
            mlflow.log_metric("loss", 0.5)
        before = read_all(client)
    grown = imported(millrace, uri, tmp_path / "home")
    assert counts(grown)["metric points"] == counts(first)["metric points"] + 1
    with Server(millrace, tmp_path / "home") as server, tracked_at(server.url) as client:
        assert read_all(client)["runs"] == before["runs"]


def test_a_file_store_comes_whole(millrace, workplace):
    uri = f"file://{workplace}/mlruns"
    with tracked_at(uri) as client:
        fill(client, evaluation=False)
        before = read_all(client)
    report = imported(millrace, "./mlruns", workplace / "home")
    assert report["equal"], report["differ"]
    with Server(millrace, workplace / "home") as server, tracked_at(server.url) as client:
        after = read_all(client)
        for part in before:
            assert after[part] == before[part], part
        assert int(client.get_experiment_by_name("vision/cats").experiment_id) < 1000


@pytest.mark.skipif(programs() is None, reason="no PostgreSQL is installed")
def test_a_postgresql_database_comes_whole(millrace, workplace):
    with Postgres() as postgres:
        uri = postgres.create("theirs").replace("postgresql:", "postgresql+psycopg2:")
        with tracked_at(uri) as client:
            fill(client)
            before = read_all(client)
        report = imported(millrace, uri, workplace / "home")
        assert report["equal"], report["differ"]
    with Server(millrace, workplace / "home") as server, tracked_at(server.url) as client:
        after = read_all(client)
        for part in before:
            assert after[part] == before[part], part


def test_names_that_are_taken_are_refused_unless_they_should_become_one(millrace, database, tmp_path):
    uri, before = database
    with Server(millrace, tmp_path / "home") as server, tracked_at(server.url) as client:
        client.create_run(client.create_experiment("vision/cats"), run_name="ours")
        client.create_registered_model("halves")
    told = imported(millrace, uri, tmp_path / "home", status=1)
    assert 'there are experiments of the same name already: "vision/cats"' in told and "--merge" in told
    report = imported(millrace, uri, tmp_path / "home", "--merge")
    assert report["equal"], report["differ"]
    with Server(millrace, tmp_path / "home") as server, tracked_at(server.url) as client:
        assert len(client.search_runs([client.get_experiment_by_name("vision/cats").experiment_id])) == 4


def test_what_differs_here_is_told_and_is_exit_status_1(millrace, database, tmp_path):
    uri, before = database
    imported(millrace, uri, tmp_path / "home")
    run = next(run for run, state in before["runs"].items() if state["info"][0] == "first")
    with Server(millrace, tmp_path / "home") as server, tracked_at(server.url) as client:
        client.set_tag(run, "team", "sound")
        client.set_tag(run, "ours", "alone")
    done = millrace("import", "mlflow", uri, *place(millrace, tmp_path / "home"))
    assert done.returncode == 1
    assert f"differs: run {run}: tags" in done.stdout
    assert "DIFFER" in done.stdout and "is not all of" in done.stderr


def test_artifacts_of_a_server_lie_below_its_root(millrace, workplace):
    uri = f"sqlite:///{workplace}/mlflow.db"
    with tracked_at(uri) as client:
        number = client.create_experiment("proxied", artifact_location="mlflow-artifacts:/7")
        run = client.create_run(number)
        client.set_terminated(run.info.run_id)
        assert run.info.artifact_uri.startswith("mlflow-artifacts:/7")
    folder = workplace / "theirs" / run.info.artifact_uri.removeprefix("mlflow-artifacts:/")
    folder.mkdir(parents=True)
    (folder / "a.txt").write_text("a")
    os.symlink("/etc/passwd", folder / "link")
    report = imported(millrace, uri, workplace / "without")
    assert len(report["artifacts_elsewhere"]) == 1
    report = imported(millrace, uri, workplace / "home", "--artifacts", "theirs")
    assert report["artifacts_elsewhere"] == [] and counts(report)["artifact files"] == 1
    with Server(millrace, workplace / "home") as server, tracked_at(server.url) as client:
        assert [f.path for f in client.list_artifacts(run.info.run_id)] == ["a.txt"]


def test_what_has_no_place_here_is_counted_and_named(millrace, workplace, database):
    uri, _ = database
    with contextlib.closing(sqlite3.connect(workplace / "mlflow.db")) as sql, sql:
        sql.execute("insert into scorers (experiment_id, scorer_name, scorer_id) values (1, 's', 'x')")
    done = millrace("import", "mlflow", uri, *place(millrace, workplace / "home"))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "not carried: 1 scorers" in done.stdout


@pytest.mark.parametrize(
    "uri, told",
    [
        ("sqlite:///nowhere.db", "there is no database"),
        ("./nowhere", "there is no folder"),
        ("mysql://u@h/d", "is no place that records come from"),
        (".", "is no MLflow file store"),
        ("sqlite:///empty.db", "is no database of an MLflow"),
        ("sqlite:///old.db", "run `mlflow db upgrade`"),
    ],
)
def test_a_place_that_is_no_mlflow_is_told_so(millrace, workplace, uri, told):
    (workplace / "empty.db").touch()
    with contextlib.closing(sqlite3.connect(workplace / "old.db")) as sql, sql:
        sql.execute("create table alembic_version (version_num text)")
        sql.execute("insert into alembic_version values ('451aebb31d03')")
    assert told in imported(millrace, uri, workplace / "home", status=1)
    assert not (workplace / "home").exists()


def test_a_server_that_runs_keeps_its_home(millrace, database, server):
    assert "uses the home folder" in imported(millrace, database[0], server.home, status=1)
