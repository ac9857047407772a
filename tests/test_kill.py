"""kill -9 at random moments of the main job: after a restart it goes on by itself, and nothing is lost or doubled."""

import contextlib
import datetime
import os
import random
import subprocess

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from running import Server

UNTIL = "2001-03-13"
SEED = int(os.environ.get("MILLRACE_KILL_SEED", random.SystemRandom().randrange(1 << 32)))


def moments(chance):
    """Ten days in order, each with how many seconds after its midnight the server is killed: while history is read in,
    while the first model is trained, and while flights are asked for."""
    quiet = [(datetime.datetime(2001, 1, 2) + datetime.timedelta(days=chance.randrange(55)), chance.uniform(0, 0.3)) for _ in range(3)]
    training = [(datetime.datetime(2001, 3, 1), chance.uniform(0, 3)) for _ in range(2)]
    busy = [(datetime.datetime(2001, 3, 2) + datetime.timedelta(days=chance.randrange(10)), chance.uniform(0, 0.5)) for _ in range(5)]
    return sorted(quiet + training + busy)


def reached(server, replay, day):
    while datetime.datetime.fromisoformat(server.get("/api/v1/clock")["now"][:19]) < day:
        if replay.poll() is not None:
            return False
    return True


def kill_while_it_runs(server, replay, chance):
    """How often it was killed; the replay may end before the last time."""
    killed = 0
    for day, seconds in moments(chance):
        if not reached(server, replay, day):
            break
        with contextlib.suppress(subprocess.TimeoutExpired):
            replay.wait(timeout=seconds)
            break
        server.kill9()
        server.start()
        killed += 1
    return killed


@pytest.fixture(scope="module")
def killed(millrace, flights_project, main_job, tmp_path_factory):
    """A server that was killed again and again while the replay went on by itself."""
    print(f"MILLRACE_KILL_SEED={SEED} repeats this")
    with Server(millrace, tmp_path_factory.mktemp("killed") / "home") as server:
        server.apply(flights_project)
        command = ["--server", server.url, "--json", "replay", flights_project / "replay.yaml", "--until", UNTIL]
        with millrace.start(*command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as replay:
            try:
                kills = kill_while_it_runs(server, replay, random.Random(SEED))
                output, errors = replay.communicate(timeout=600)
            finally:
                replay.kill()
        print(output)
        assert replay.returncode == 0, errors
        assert kills >= 8
        for each in (server, main_job.server):
            each.post("/api/v1/endpoints/delays/commit")
        yield server


def pick(items, *keys):
    """What must be the same: without the ids, which are random."""
    return [tuple(item[key] for key in keys) for item in items if item.get("event_time", item.get("created_event_time")) <= f"{UNTIL}T00:00:00Z"]


def same(killed, main_job, path, *keys):
    mine, uninterrupted = pick(killed.list(path), *keys), pick(main_job.server.list(path), *keys)
    assert uninterrupted
    assert mine == uninterrupted


def test_the_dataset_versions_are_the_same(killed, main_job):
    same(killed, main_job, "/api/v1/datasets/flights/versions", "version", "batch_id", "content_hash", "rows", "quarantined")


def test_the_gates_decide_the_same(killed, main_job):
    same(killed, main_job, "/api/v1/gates", "model", "version", "champion_version", "challenger", "champion", "rows", "passed", "reason", "event_time")


def test_the_promotions_are_the_same(killed, main_job):
    same(killed, main_job, "/api/v1/models/delays/alias-history", "alias", "version", "previous", "reason", "event_time")


def test_the_alerts_are_the_same(killed, main_job):
    same(killed, main_job, "/api/v1/alerts", "monitor", "alert", "window_start", "value", "threshold", "event_time")


def test_the_firings_are_the_same(killed, main_job):
    same(killed, main_job, "/api/v1/firings", "trigger", "event_time", "status")


def test_each_model_has_one_version_and_one_finished_run(killed, main_job):
    versions = killed.list("/api/v1/models/delays/versions")
    assert sorted(version["version"] for version in versions) == list(range(1, len(versions) + 1))
    assert len(versions) == len(pick(main_job.server.list("/api/v1/gates"), "version"))
    runs = killed.list("/api/v1/runs")
    assert sorted(run["id"] for run in runs) == sorted(version["run_id"] for version in versions)
    assert {run["status"] for run in runs} == {"FINISHED"}
    assert {run["status"] for run in killed.list("/api/v1/pipeline-runs")} == {"succeeded"}


def rows_of(server, dataset, columns):
    table = pa.concat_tables([pq.read_table(file, columns=["event_time", *columns]) for file in server.files(dataset)], promote_options="default")
    until = pa.scalar(datetime.datetime.fromisoformat(UNTIL), pa.timestamp("us"))
    return table.filter(pc.and_(pc.less(table["event_time"], until), pc.starts_with(table["id"], "f"))).sort_by("id")


def test_no_prediction_is_lost_or_doubled_and_all_say_the_same(killed, main_job):
    columns = ["id", "version", "prediction", "shadow_baseline"]
    mine, uninterrupted = rows_of(killed, "delays.predictions", columns), rows_of(main_job.server, "delays.predictions", columns)
    assert len(pc.unique(mine["id"])) == len(mine) == len(uninterrupted)
    assert mine.equals(uninterrupted)


def test_no_label_is_lost_or_doubled(killed, main_job):
    mine, uninterrupted = rows_of(killed, "delays.labels", ["id", "value"]), rows_of(main_job.server, "delays.labels", ["id", "value"])
    assert len(pc.unique(mine["id"])) == len(mine) == len(uninterrupted)
    assert mine.equals(uninterrupted)
