#!/usr/bin/env python3
"""Millrace and MLflow's own server side by side, each on SQLite and on PostgreSQL, doing what MLflow's client asks for.

    bench/tracking/beside_mlflow.py [--program build/release/bin/millrace] [--load build/release/bench/tracking/tracking_load]
                                    [--runs 20000] [--mlflow-runs 2000] [--gib 1] [--json bench/tracking.json]

Both servers get the same requests from the same load generator, one server after the other. MLflow gets fewer of them, so
that the whole takes minutes: a latency or a rate does not depend on how long it was looked at, and where it does depend on
how much is stored (the searches), both sides are also measured with the same number of runs. The floors are an answer that
reads nothing (/version) and a file written and read with nothing in between.
"""

import argparse
import contextlib
import http.client
import http.server
import json
import os
import pathlib
import random
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time

import psutil

import search

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests"))
from postgres import Postgres  # noqa: E402
from running import Millrace, Server  # noqa: E402

ENVIRONMENT = {**os.environ, "MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true", "GIT_PYTHON_REFRESH": "quiet"}
PIECE = 1 << 20


def answers(port):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/version")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


def resident_mb(pid):
    """Of a process and all below it."""
    process = psutil.Process(pid)
    return sum(one.memory_info().rss for one in [process, *process.children(recursive=True)]) / 1e6


class MlflowServer:
    def __init__(self, folder, database=None):
        self.folder, self.database = folder, database or f"sqlite:///{folder}/mlflow.db"
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]

    def start(self):
        program = pathlib.Path(sys.executable).parent / "mlflow"
        self.process = subprocess.Popen(
            [program, "server", "--backend-store-uri", self.database, "--artifacts-destination", self.folder / "artifacts", "--host", "127.0.0.1", "--port", str(self.port)],
            env=ENVIRONMENT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True, cwd=self.folder)
        while not answers(self.port):
            assert self.process.poll() is None, "mlflow server does not start"
            time.sleep(0.02)
        return self

    @property
    def pid(self):
        return self.process.pid

    def stop(self):
        os.killpg(self.process.pid, signal.SIGTERM)
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()


class Side:
    """One of the servers, and how much of each kind of work it is given."""

    def __init__(self, name, make, runs, scale, gib):
        self.name, self.make, self.runs, self.scale, self.gib = name, make, runs, scale, gib


def start_seconds(server):
    begin = time.perf_counter()
    server.start()
    return time.perf_counter() - begin


def start_figures(make, attempts=3):
    """The first start makes the tables; those after it find them."""
    first, again = [], []
    for _ in range(attempts):
        server = make()
        first.append(start_seconds(server))
        memory = resident_mb(server.pid)
        server.stop()
        again.append(start_seconds(server))
        server.stop()
    return {"first_start_s": round(min(first), 3), "start_s": round(min(again), 3), "memory_empty_mb": round(memory, 1)}


def load_figures(load, port, scale):
    lines = subprocess.run([load, str(port), str(scale)], check=True, capture_output=True, text=True).stdout.splitlines()
    figures = {}
    for line in map(json.loads, lines):
        assert line["failures"] == 0, line
        figures[line["work"]] = line
    return figures


def search_figures(port, repeats):
    """The two searches of the bars, each time by other metrics."""
    connection, dice = http.client.HTTPConnection("127.0.0.1", port, timeout=600), random.Random(11)
    wanted = {"search 100, half fit, by a metric": 1, "search 1000, half fit, by a metric": 6}
    figures = {}
    for name, index in wanted.items():
        samples = []
        for _ in range(repeats):
            _, request, _ = search.searches(dice)[index]
            samples.append(search.timed(connection, "POST", "/api/2.0/mlflow/runs/search", json.dumps(request))[0])
        figures[name] = round(statistics.median(samples), 2)
    return figures


class Canned(http.server.BaseHTTPRequestHandler):
    """Gives the answer it was given to whoever asks."""

    protocol_version, answer = "HTTP/1.1", b""

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(self.answer)))
        self.end_headers()
        self.wfile.write(self.answer)

    def log_message(self, *_):
        pass


@contextlib.contextmanager
def canned(port, rows):
    """A server that knows one answer, that of the server at `port` to the client's search, and gives it at once."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=600)
    connection.request("POST", "/api/2.0/mlflow/runs/search", json.dumps({"experiment_ids": ["0"], "max_results": rows}), {"Content-Type": "application/json"})
    answer = json.loads(connection.getresponse().read())
    answer.pop("next_page_token", None)
    handler = type("Answer", (Canned,), {"answer": json.dumps(answer).encode()})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


def search_seconds(port, rows):
    """mlflow.search_runs through the client, in a process of its own."""
    code = (
        "import sys, time, mlflow\n"
        f"mlflow.set_tracking_uri('http://127.0.0.1:{port}')\n"
        "begin = time.perf_counter()\n"
        f"frame = mlflow.search_runs(experiment_ids=['0'], max_results={rows})\n"
        f"assert len(frame) == {rows}, len(frame)\n"
        "print(time.perf_counter() - begin)\n")
    best = min(float(subprocess.run([sys.executable, "-c", code], env=ENVIRONMENT, check=True, capture_output=True, text=True).stdout.split()[-1]) for _ in range(2))
    return round(best, 2)


def client_figures(port, rows):
    """The floor is what the client does with an answer that costs the server nothing."""
    figures = {f"mlflow.search_runs of {rows}": search_seconds(port, rows)}
    with canned(port, rows) as floor:
        figures["floor: the client, given the answer"] = search_seconds(floor, rows)
    return figures


def transfer_figures(server, gib, folder):
    """A file up and down again, in pieces; the server's memory is looked at on the way."""
    size, target = int(gib * 1024) * PIECE, "/api/2.0/mlflow-artifacts/artifacts/0/bench/artifacts/large.bin"
    piece, peak, before = os.urandom(PIECE), 0, resident_mb(server.pid)
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=600)
    begin = time.perf_counter()
    connection.putrequest("PUT", target)
    connection.putheader("Content-Length", str(size))
    connection.endheaders()
    for number in range(size // PIECE):
        connection.send(piece)
        if number % 256 == 0:
            peak = max(peak, resident_mb(server.pid))
    answer = connection.getresponse()
    assert answer.status == 200, answer.read()
    answer.read()
    up = size / (time.perf_counter() - begin) / 1e6
    begin = time.perf_counter()
    connection.request("GET", target)
    answer, got = connection.getresponse(), 0
    while read := answer.read(PIECE):
        got += len(read)
    assert got == size
    down = size / (time.perf_counter() - begin) / 1e6
    return {"upload_mb_s": round(up), "download_mb_s": round(down), "memory_growth_mb": round(max(peak, resident_mb(server.pid)) - before, 1)}


def disk_floor(gib, folder):
    piece, path = os.urandom(PIECE), folder / "floor.bin"
    begin = time.perf_counter()
    with open(path, "wb", buffering=0) as file:
        for _ in range(int(gib * 1024)):
            file.write(piece)
        os.fsync(file.fileno())
    up = gib * (1 << 30) / (time.perf_counter() - begin) / 1e6
    begin = time.perf_counter()
    with open(path, "rb", buffering=0) as file:
        while file.read(PIECE):
            pass
    down = gib * (1 << 30) / (time.perf_counter() - begin) / 1e6
    path.unlink()
    return {"write_mb_s": round(up), "read_mb_s": round(down)}


def measure(side, load, folder, rows):
    figures = start_figures(side.make)
    server = side.make().start()
    try:
        figures["floor /version ms"] = round(statistics.median(search.timed(http.client.HTTPConnection("127.0.0.1", server.port), "GET", "/version")[0] for _ in range(100)), 2)
        figures["logging"] = load_figures(load, server.port, side.scale)
        begin = time.perf_counter()
        for runs in side.runs:
            loaded = figures.get("runs", 0)
            search.load_all(server.port, runs - loaded)
            figures["runs"] = runs
            figures[f"with {runs} runs"] = search_figures(server.port, 15 if side.scale == 1 else 3)
        figures["load_s"] = round(time.perf_counter() - begin, 1)
        figures.update(client_figures(server.port, rows))
        figures["memory_loaded_mb"] = round(resident_mb(server.pid), 1)
        figures["transfer"] = transfer_figures(server, side.gib, folder)
    finally:
        server.stop()
    return figures


def rows_of(figures, runs):
    """What the bars are about: (label, value)."""
    logging = figures["logging"]
    yield "first start, on an empty database, s", figures["first_start_s"]
    yield "start to the first answer, s", figures["start_s"]
    yield "memory when loaded, MB", figures["memory_loaded_mb"]
    yield "floor: /version, ms", figures["floor /version ms"]
    yield "log-metric, p50 ms", logging["log-metric, 1 writers"]["p50_ms"]
    yield "log-metric, p95 ms", logging["log-metric, 1 writers"]["p95_ms"]
    yield "log-metric, 8 writers, per s", logging["log-metric, 8 writers"]["per_second"]
    yield "log-batch, points per s", logging["log-batch of 1000 points, 1 writers"]["per_second"]
    yield "history of 100 000 points, ms", logging["history of 100000 points in pages of 25000"]["p50_ms"]
    yield "sample of 320 of it, ms", logging["sample of 320 of 100000 points"]["p50_ms"]
    for name, value in figures[f"with {runs} runs"].items():
        yield f"{name}, {runs} runs, ms", value
    for name, value in figures.items():
        if name.startswith(("mlflow.search_runs", "floor: the client")):
            yield f"{name}, s", value
    yield "upload, MB/s", figures["transfer"]["upload_mb_s"]
    yield "download, MB/s", figures["transfer"]["download_mb_s"]
    yield "memory growth on the way, MB", figures["transfer"]["memory_growth_mb"]


def show(results, runs, disk):
    tables = {name: dict(rows_of(figures, runs)) for name, figures in results.items()}
    print(f"{'':48}" + "".join(f"{name:>22}" for name in tables))
    for label in next(iter(tables.values())):
        print(f"{label:48}" + "".join(f"{table[label]:>22,.3f}" if table[label] < 10 else f"{table[label]:>22,.0f}" for table in tables.values()))
    print(f"floor of the transfers: write {disk['write_mb_s']} MB/s, read {disk['read_mb_s']} MB/s (from memory)")


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--program", default=str(ROOT / "build/release/bin/millrace"))
    options.add_argument("--load", default=str(ROOT / "build/release/bench/tracking/tracking_load"))
    options.add_argument("--runs", type=int, default=20_000)
    options.add_argument("--mlflow-runs", type=int, default=2_000)
    options.add_argument("--rows", type=int, default=2_000, help="of mlflow.search_runs")
    options.add_argument("--gib", type=float, default=1)
    options.add_argument("--only", help="sides whose name holds this, such as Millrace")
    options.add_argument("--json")
    chosen = options.parse_args()
    results = {}
    with contextlib.ExitStack() as stack:
        folder = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory()))
        postgres = stack.enter_context(Postgres("shared_buffers=1GB"))  # as whoever runs one sets it; its default of 128 MB is no more than a start
        few, many = chosen.mlflow_runs, chosen.runs

        def millrace(name, create=None):
            homes = iter(range(100))

            def make():
                home = f"{name}_{next(homes)}"
                return Server(Millrace(chosen.program), folder / home, create(home) if create else None)
            return make

        def mlflow(name, database=None):
            def make():
                home = folder / name
                shutil.rmtree(home, ignore_errors=True)
                home.mkdir()
                return MlflowServer(home, database)
            return make

        sides = [
            Side("Millrace, SQLite", millrace("sqlite"), [few, many], 1, chosen.gib),
            Side("MLflow, SQLite", mlflow("mlflow"), [few], 0.01, min(chosen.gib, 1)),
            Side("Millrace, PostgreSQL", millrace("postgres", postgres.create), [few, many], 1, chosen.gib),
            Side("MLflow, PostgreSQL", mlflow("mlflow-postgres", postgres.create("mlflow").replace("postgresql:", "postgresql+psycopg2:")), [few], 0.01, min(chosen.gib, 1)),
        ]
        disk = disk_floor(chosen.gib, folder)
        for side in [side for side in sides if (chosen.only or "") in side.name]:
            print(f"measuring {side.name} ...", file=sys.stderr)
            results[side.name] = measure(side, chosen.load, folder, chosen.rows)
    show(results, few, disk)
    if chosen.json:
        pathlib.Path(chosen.json).write_text(json.dumps({"floor": disk, **results}, indent=1) + "\n")


if __name__ == "__main__":
    main()
