"""Backups of a running server, whatever its database is."""

import json
import os
import re
import threading

import mlflow
import pytest
import requests

import postgres as pg
import running
from running import Server


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def new_database(request):
    """Makes the URI of a new database, or None for the home folder's own."""
    if request.param == "sqlite":
        yield lambda name: None if "MILLRACE_TEST_POSTGRES" not in os.environ else pytest.skip("for SQLite")
    elif pg.programs() is None:
        pytest.skip("PostgreSQL is not installed")
    else:
        with pg.Postgres("fsync=off") as postgres:
            yield postgres.create


def place(home, db):
    return ["--home", home, *(["--db", db] if db else [])]


class Writers:
    """Log runs with an artifact each, and predictions' worth of rows, until they are stopped."""

    def __init__(self, server, folder):
        self.server, self.folder, self.stop, self.threads = server, folder, threading.Event(), []

    def _write(self, number):
        client = mlflow.MlflowClient(self.server.url)
        file = self.folder / f"artifact-{number}.txt"
        count = 0
        while not self.stop.is_set():
            count += 1
            run = client.create_run("0", run_name=f"{number}-{count}").info.run_id
            file.write_text(f"{number}-{count}\n" * 1000)
            client.log_artifact(run, str(file))
            client.set_tag(run, "whole", "yes")

    def __enter__(self):
        self.threads = [threading.Thread(target=self._write, args=(number,)) for number in range(3)]
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.stop.set()
        for thread in self.threads:
            thread.join()


def check_runs(server, folder):
    """Every run that is whole has its artifact, to the byte."""
    client = mlflow.MlflowClient(server.url)
    whole = client.search_runs(["0"], "tags.whole = 'yes'", max_results=10000)
    for run in whole:
        number = run.info.run_name.split("-")[0]
        path = client.download_artifacts(run.info.run_id, f"artifact-{number}.txt", str(folder))
        assert open(path).read() == f"{run.info.run_name}\n" * 1000
    return len(whole)


def test_a_backup_under_load_is_whole(millrace, new_database, tmp_path, flights_project, flights_table):
    database = new_database("busy")
    with Server(millrace, tmp_path / "home", database) as server:
        server.apply(flights_project)
        server.post("/api/v1/datasets/flights/batches?batch_id=one", data=flights_table(), headers={"Content-Type": "application/vnd.apache.parquet"})
        with Writers(server, tmp_path) as writers:
            backups = []
            for number in range(3):
                folder = tmp_path / f"backup-{number}"
                done = millrace("--json", "backup", folder, *place(server.home, database))
                assert done.returncode == 0, done.stderr
                backups.append(folder)
                assert writers.threads
        dataset = server.get("/api/v1/datasets/flights")
    counts = []
    for number, folder in enumerate(backups):
        assert millrace("backup", "verify", folder).stdout.startswith("good: ")
        restored = new_database(f"restored_{number}")
        home = tmp_path / f"home-{number}"
        done = millrace("restore", folder, *place(home, restored))
        assert done.returncode == 0, done.stderr
        with Server(millrace, home, restored) as server:
            (tmp_path / f"out-{number}").mkdir()
            counts.append(check_runs(server, tmp_path / f"out-{number}"))
            assert server.get("/api/v1/datasets/flights") == dataset
            for file in server.files("flights"):
                assert os.path.getsize(file) > 0
    assert counts == sorted(counts)
    assert counts[-1] > 0


@pytest.fixture
def backup(millrace, tmp_path):
    home = tmp_path / "home"
    with Server(millrace, home, db=f"sqlite:{home}/millrace.db") as server:
        mlflow.MlflowClient(server.url).create_experiment("one")
        assert millrace("backup", tmp_path / "backup", "--home", home).returncode == 0
    return tmp_path / "backup"


def spoil(folder, name):
    if name == "missing":
        (folder / "home/id").unlink()
        return "home/id is missing"
    if name == "changed":
        file = folder / "millrace.db"
        file.write_bytes(file.read_bytes()[:-1] + b"x")
        return "millrace.db in the backup"
    (folder / "manifest.json").unlink()
    return "is not a backup, or not a whole one"


@pytest.mark.parametrize("name", ["missing", "changed", "unfinished"])
def test_a_spoiled_backup_is_not_restored(millrace, backup, tmp_path, name):
    says = spoil(backup, name)
    for command in (["backup", "verify", backup], ["restore", backup, "--home", tmp_path / "new"]):
        done = millrace(*command)
        assert done.returncode == 1
        assert says in done.stderr


def test_what_is_there_is_not_overwritten(millrace, backup, tmp_path):
    done = millrace("restore", backup, "--home", tmp_path / "home")
    assert re.search("home is not empty; a backup is restored into a new home folder", done.stderr)
    done = millrace("backup", backup, "--home", tmp_path / "home")
    assert "is not empty; a backup needs a folder of its own" in done.stderr


def test_a_backup_tells_what_it_holds(millrace, backup):
    manifest = json.loads((backup / "manifest.json").read_text())
    assert manifest["format"] == 1
    assert {table["name"]: table["rows"] for table in manifest["tables"]}["experiments"] == 2
    assert {file["path"] for file in manifest["files"]} >= {"millrace.db", "home/id"}
    listed = json.loads(millrace("--json", "backup", "verify", backup).stdout)
    assert listed["files"] == len(manifest["files"])


def test_a_backup_does_not_hold_the_key_of_the_secrets_and_says_so(millrace, tmp_path, new_database):
    db = new_database("sealed")
    with Server(millrace, tmp_path / "home", db) as server:
        requests.post(f"{server.url}/api/2.0/mlflow/webhooks", json={"name": "a", "url": "https://1.1.1.1/", "secret": "s3cret", "events": [{"entity": "REGISTERED_MODEL", "action": "CREATED"}]}).raise_for_status()
        made = millrace("backup", tmp_path / "backup", *place(tmp_path / "home", db))
    assert made.returncode == 0 and "keep secret.key" in made.stdout
    files = [path for path in (tmp_path / "backup").rglob("*") if path.is_file()]
    assert not any(path.name == "secret.key" or b"s3cret" in path.read_bytes() for path in files)
    fresh = new_database("fresh")
    back = millrace("restore", tmp_path / "backup", *place(tmp_path / "restored", fresh))
    assert back.returncode == 0 and "copy secret.key" in back.stdout
    with Server(millrace, tmp_path / "restored", fresh) as server:
        assert any("sealed with another key" in line for line in server.log)
        server.stop()
        (tmp_path / "restored" / "secret.key").write_bytes((tmp_path / "home" / "secret.key").read_bytes())
        server.log.clear()
        server.start()
        assert not any("sealed with another key" in line for line in server.log)


def test_the_key_may_come_from_the_environment(millrace, tmp_path, monkeypatch):
    monkeypatch.setitem(running.ENVIRONMENT, "MILLRACE_SECRET_KEY", "cd" * 32)
    with Server(millrace, tmp_path / "home") as server:
        assert not (tmp_path / "home" / "secret.key").exists()
        server.stop()
    monkeypatch.setitem(running.ENVIRONMENT, "MILLRACE_SECRET_KEY", "cd")
    done = millrace("server", "--home", tmp_path / "home", "--listen", "127.0.0.1:0", timeout=30)
    assert done.returncode == 1 and "a key in MILLRACE_SECRET_KEY is not 64 hexadecimal digits" in done.stderr, done.stderr
