"""The server as a process: how it starts, what it needs, how it ends."""

import os
import re
import shutil
import socket
import sqlite3
import subprocess
import time

import psutil
import pytest

from running import Millrace

ROOT_ONLY = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")


def fails_to_start(millrace, *args, **options):
    """What it says: one plain sentence, with exit status 1."""
    done = millrace("server", *args, timeout=60, **options)
    assert done.returncode == 1, done
    assert done.stdout == ""
    lines = done.stderr.splitlines()
    assert len(lines) == 1 and lines[0].startswith("millrace: "), done.stderr
    return lines[0]


def test_it_is_ready_within_a_second(new_server, tmp_path):
    def seconds(home):
        start = time.monotonic()
        server = new_server(home)
        took = time.monotonic() - start
        # On a machine that is busy with other things only its own work counts.
        return sum(psutil.Process(server.pid).cpu_times()[:2]) if os.getloadavg()[0] > os.cpu_count() else took

    assert min(seconds(tmp_path / f"home-{attempt}") for attempt in range(3)) < 1


def test_it_takes_less_than_100_mb_when_idle(server):
    assert psutil.Process(server.pid).memory_info().rss < 100 << 20


def test_metrics_are_clean_to_promtool(main_job):
    if not shutil.which("promtool"):
        pytest.skip("promtool is not installed")
    checked = subprocess.run(["promtool", "check", "metrics"], input=main_job.server.get("/metrics"), capture_output=True, text=True)
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, "", "")


def test_a_request_under_way_is_answered_before_sigterm_ends_the_server(server, project, flights_table):
    server.apply(project)
    batch = flights_table(20_000)
    head = f"POST /api/v1/datasets/flights/batches?batch_id=last HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(batch)}\r\nExpect: 100-continue\r\n\r\n"
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as connection:
        connection.sendall(head.encode())
        assert connection.recv(100).startswith(b"HTTP/1.1 100")
        server.process.terminate()
        connection.sendall(batch)
        answer = b"".join(iter(lambda: connection.recv(1 << 16), b""))
    assert answer.startswith(b"HTTP/1.1 201"), answer
    assert server.stop() == 0
    assert server.log[-1].endswith("stopped")
    server.start()
    assert server.get("/api/v1/datasets/flights")["rows"] == 20_000


def test_what_was_made_is_there_after_a_restart(server, project, flights_table):
    server.apply(project)
    server.post("/api/v1/datasets/flights/batches?format=parquet", data=flights_table())
    server.move_clock("2001-01-02T00:00:00Z")
    looks = ["/api/v1/project", "/api/v1/datasets", "/api/v1/clock", "/api/v1/pipelines", "/api/v1/triggers", "/api/v1/feature-services"]
    before = [server.get(look) for look in looks]
    server.restart()
    assert [server.get(look) for look in looks] == before


def test_a_port_in_use_is_said_plainly(millrace, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        said = fails_to_start(millrace, "--home", tmp_path / "home", "--listen", f"127.0.0.1:{port}")
    assert f"127.0.0.1:{port}" in said and "in use" in said and "--listen" in said


def test_a_home_in_use_is_said_plainly(millrace, server):
    said = fails_to_start(millrace, "--home", server.home, "--listen", "127.0.0.1:0")
    assert str(server.pid) in said and "--home" in said
    server.get("/health")


def test_a_home_from_a_newer_version_is_said_plainly_and_left_alone(millrace, server):
    server.stop()
    with sqlite3.connect(server.home / "millrace.db") as db:
        (module,) = db.execute("select module from schema_migrations where module = 'datasets'").fetchone()
        db.execute("insert into schema_migrations (module, number) values (?, 999)", (module,))
    said = fails_to_start(millrace, "--home", server.home, "--listen", "127.0.0.1:0")
    assert "newer" in said and "upgrade" in said
    with sqlite3.connect(server.home / "millrace.db") as db:
        db.execute("delete from schema_migrations where number = 999")
    server.start()


def test_a_home_that_is_a_file_is_said_plainly(millrace, tmp_path):
    (tmp_path / "file").write_text("")
    said = fails_to_start(millrace, "--home", tmp_path / "file" / "home", "--listen", "127.0.0.1:0")
    assert str(tmp_path / "file") in said, "what is in the way is named"


@ROOT_ONLY
def test_a_home_that_may_not_be_written_is_said_plainly(millrace):
    if millrace("--version", user="nobody").returncode != 0:
        pytest.skip("nobody may not run the program where it lies")
    said = fails_to_start(millrace, "--home", "/etc/millrace-home", "--listen", "127.0.0.1:0", user="nobody")
    assert "/etc/millrace-home" in said and "ermission denied" in said


def test_a_home_that_is_no_database_is_said_plainly(millrace, tmp_path):
    (tmp_path / "millrace.db").write_bytes(b"this is no database" * 100)
    assert "millrace.db" in fails_to_start(millrace, "--home", tmp_path, "--listen", "127.0.0.1:0")


def test_a_missing_library_is_said_plainly(millrace, tmp_path):
    alone = tmp_path / "millrace"
    shutil.copy(millrace.program, alone)
    said = fails_to_start(Millrace(alone), "--home", tmp_path / "home", "--listen", "127.0.0.1:0")
    assert said.startswith("millrace: cannot load libduckdb.so")


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 96 MB."""
    folder = tmp_path / "small"
    folder.mkdir()
    if os.geteuid() != 0 or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=96m", "millrace-test", folder], capture_output=True).returncode != 0:
        pytest.skip("a file system cannot be mounted here")
    yield folder
    subprocess.run(["umount", "--lazy", folder], check=True)


def fill(folder):
    with open(folder / "filler", "wb", buffering=0) as filler:
        try:
            while filler.write(bytes(1 << 16)) == 1 << 16:
                pass
        except OSError:
            pass


def test_a_full_disk_at_the_start_is_said_plainly(millrace, small_disk):
    fill(small_disk)
    said = fails_to_start(millrace, "--home", small_disk / "home", "--listen", "127.0.0.1:0")
    assert re.search("full|space", said)


def test_a_full_disk_refuses_the_batch_and_the_server_goes_on(new_server, project, small_disk, flights_table):
    server = new_server(small_disk / "home")
    server.apply(project)
    server.post("/api/v1/datasets/flights/batches?format=parquet&batch_id=first", data=flights_table())
    before = server.get("/api/v1/datasets/flights/versions/latest")
    fill(small_disk)
    answer = server.request("POST", "/api/v1/datasets/flights/batches?format=parquet&batch_id=second", data=flights_table(20_000), expect=507)
    assert re.search("full|space", answer["error"]["message"])
    assert server.get("/api/v1/datasets/flights/versions/latest") == before
    (small_disk / "filler").unlink()
    server.post("/api/v1/datasets/flights/batches?format=parquet&batch_id=second", data=flights_table(20_000))
    assert server.get("/api/v1/datasets/flights")["version"] == 2


def test_without_a_server_a_command_says_so(millrace, flights_project):
    done = millrace("--server", "http://127.0.0.1:1", "apply", flights_project)
    assert done.returncode == 3
    assert "millrace server" in done.stderr and len(done.stderr.splitlines()) == 1


def test_a_wrong_command_line_is_a_usage_error(millrace):
    assert millrace("serve").returncode == 2
    assert millrace("server", "--hme", "x").returncode == 2
