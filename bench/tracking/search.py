#!/usr/bin/env python3
"""What a search costs a client: 100 000 runs of ten metrics, ten params and five tags, logged over HTTP, then asked for.

    bench/tracking/search.py [--runs 100000] [--program build/release/bin/millrace] [--json FILE]

Each search is sent fifteen times over one kept connection, each time with other values; a latency is from the request's first
byte to the answer's last. The floor is the same for /version, which reads nothing.
"""

import argparse
import http.client
import json
import pathlib
import random
import re
import statistics
import sys
import tempfile
import threading
import time

import psutil

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests"))
from running import Millrace, Server  # noqa: E402

import socket  # noqa: E402

LOADERS, PIPELINED, REPEATS = 8, 25, 15


class Pipe:
    """A connection on which many requests are under way at once."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.file = self.socket.makefile("rb")

    def post_all(self, path, bodies):
        head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: "
        self.socket.sendall(b"".join(f"{head}{len(body)}\r\n\r\n{body}".encode() for body in bodies))
        return [self._answer() for _ in bodies]

    def _answer(self):
        status, length = int(self.file.readline().split()[1]), 0
        while (line := self.file.readline()) != b"\r\n":
            if line.lower().startswith(b"content-length:"):
                length = int(line.split(b":")[1])
        body = self.file.read(length)
        assert status == 200, body
        return body


def run_body(dice, number):
    metrics = [{"key": f"metric_{k}", "value": dice.random(), "timestamp": 1, "step": 0} for k in range(10)]
    params = [{"key": f"param_{k}", "value": str(dice.randrange(1000))} for k in range(10)]
    tags = [{"key": f"tag_{k}", "value": dice.choice(["red", "green", "blue"])} for k in range(4)]
    return metrics, params, tags


def load(port, numbers):
    pipe, dice = Pipe(port), random.Random(numbers.start)
    for first in range(numbers.start, numbers.stop, PIPELINED):
        several = range(first, min(first + PIPELINED, numbers.stop))
        starts = [json.dumps({"experiment_id": "0", "start_time": 1_700_000_000_000 + n * 1000, "run_name": f"run-{n}"}) for n in several]
        made = pipe.post_all("/api/2.0/mlflow/runs/create", starts)
        bodies = []
        for answer, number in zip(made, several):
            metrics, params, tags = run_body(dice, number)
            run_id = re.search(rb'"run_id":\s*"(\w+)"', answer)[1].decode()
            bodies.append(json.dumps({"run_id": run_id, "metrics": metrics, "params": params, "tags": tags}))
        pipe.post_all("/api/2.0/mlflow/runs/log-batch", bodies)


def load_all(port, runs):
    share = -(-runs // LOADERS)
    threads = [threading.Thread(target=load, args=(port, range(n, min(n + share, runs)))) for n in range(0, runs, share)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def searches(dice):
    """Name, request, bar in milliseconds where there is one."""

    def metric():
        return f"metrics.metric_{dice.randrange(10)}"

    by = lambda f, order, rows=100, **more: {"experiment_ids": ["0"], "filter": f, "order_by": [order] if order else [], "max_results": rows, **more}
    return [
        ("newest 100", by("", ""), 20),
        ("100, half fit, by a metric", by(f"{metric()} > 0.5", f"{metric()} DESC"), 20),
        ("100, 10 % fit, by a metric", by(f"{metric()} > 0.9", f"{metric()} ASC"), 20),
        ("100, 4 % fit, by a metric", by(f"{metric()} > 0.96", f"{metric()} DESC"), 20),
        ("100, 1 % fit, by a metric", by(f"{metric()} > 0.99", f"{metric()} DESC"), 20),
        ("100, 0.1 % fit, by a metric", by(f"{metric()} > 0.999", f"{metric()} DESC"), 20),
        ("1000, half fit, by a metric", by(f"{metric()} > 0.5", f"{metric()} DESC", 1000), 60),
        ("1000, 10 % fit, by a metric", by(f"{metric()} > 0.9", f"{metric()} DESC", 1000), 60),
        ("1000, newest", by("", "", 1000), 60),
        ("1000, two fields of each", by("", "", 1000, fields=["run_id", "metrics.metric_1"]), None),
        ("100, two metrics of 30 %, by a third", by(f"metrics.metric_1 > 0.7 AND metrics.metric_2 < 0.3", "metrics.metric_3 DESC"), None),
        ("100, OR and NOT, by a metric", by(f"{metric()} > 0.9 OR NOT ({metric()} < 0.8)", f"{metric()} DESC"), None),
        ("100, a param's value, newest", by(f"params.param_{dice.randrange(10)} = '{dice.randrange(1000)}'", ""), None),
        ("100, LIKE on a param, newest", by(f"params.param_1 LIKE '%{dice.randrange(100)}'", ""), None),
        ("100, by a param", by(f"{metric()} > 0.5", "params.param_1 ASC"), None),
        ("count, half fit", by(f"{metric()} > 0.5", "", count_only=True), None),
        ("10 000, newest (mlflow.search_runs)", by("", "", 10_000), None),
    ]


def timed(connection, method, path, body=None):
    begin = time.perf_counter()
    connection.request(method, path, body, {"Content-Type": "application/json"} if body else {})
    answer = connection.getresponse()
    content = answer.read()
    seconds = time.perf_counter() - begin
    assert answer.status == 200, content
    return seconds * 1000, content


def quantiles(values):
    return {"min_ms": round(min(values), 2), "p50_ms": round(statistics.median(values), 2), "max_ms": round(max(values), 2)}


def measure(port):
    connection, dice = http.client.HTTPConnection("127.0.0.1", port), random.Random(5)
    rows = [{"search": "floor: /version", **quantiles([timed(connection, "GET", "/version")[0] for _ in range(200)])}]
    samples = {}
    for _ in range(REPEATS):
        for name, request, bar in searches(dice):
            took, content = timed(connection, "POST", "/api/2.0/mlflow/runs/search", json.dumps(request))
            known = samples.setdefault(name, ([], bar, len(content)))
            known[0].append(took)
    for name, (values, bar, size) in samples.items():
        rows.append({"search": name, **quantiles(values), "first_ms": round(values[0], 2), "bar_ms": bar, "answer_kb": round(size / 1000)})
    return rows


def megabytes(server):
    return round(psutil.Process(server.pid).memory_info().rss / 1e6, 1)


def show(rows, facts):
    print(f"{'search':40} {'min ms':>8} {'p50 ms':>8} {'max ms':>8} {'bar ms':>7}")
    for row in rows:
        print(f"{row['search']:40} {row['min_ms']:8.2f} {row['p50_ms']:8.2f} {row['max_ms']:8.2f} {row.get('bar_ms') or '':>7}")
    print("  ".join(f"{name} {value}" for name, value in facts.items()))


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--runs", type=int, default=100_000)
    options.add_argument("--program", default=str(ROOT / "build/release/bin/millrace"))
    options.add_argument("--json")
    options.add_argument("--home", help="a home folder to keep; what it holds already is searched, and nothing is loaded")
    chosen = options.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        home = pathlib.Path(chosen.home or pathlib.Path(folder) / "home")
        loaded = (home / "millrace.db").exists()
        server = Server(Millrace(chosen.program), home).start()
        facts = {"runs": chosen.runs, "memory_empty_mb": megabytes(server)}
        if not loaded:
            begin = time.perf_counter()
            load_all(server.port, chosen.runs)
            facts["load_s"] = round(time.perf_counter() - begin, 1)
            server.stop()
            server.start()
        facts["memory_loaded_mb"] = megabytes(server)
        rows = measure(server.port)
        facts["memory_after_mb"] = megabytes(server)
        server.stop()
    show(rows, facts)
    if chosen.json:
        pathlib.Path(chosen.json).write_text(json.dumps({"searches": rows, **facts}, indent=1) + "\n")


if __name__ == "__main__":
    main()
