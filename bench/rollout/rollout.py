#!/usr/bin/env python3
"""How long one server takes to bring a new version of a model to its replicas, on this machine.

    bench/rollout/rollout.py [--simulated 1000] [--real 20] [--rounds 5] [--json bench/rollout.json] [--program build/release/bin/millrace]

Each round moves an alias to a version whose files nobody has, and looks at the time from the request that moves it to each replica's word that
it serves the version. Simulated replicas are asynchronous clients in this process (simulated.py): they follow the serving state, fetch the version's
files, check their hashes and tell the server, but load no model; `published` is when the first of them heard of the version, which the server
loads and tries out itself before. Real ones are `millrace serve` processes; of those it is measured, too, when they
answer by the version: every 20 ms each is asked. The floor: an nginx gives the same state and the same files to the same clients, which all come at
once, and takes their word; it need not notice that there is something new, nor load the model itself.
"""

import argparse
import asyncio
import contextlib
import json
import os
import pathlib
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time

import mlflow
import numpy as np
import psutil
import requests
import xgboost

import simulated

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests"))
from replicas import Replica, until  # noqa: E402
from running import Millrace, Server  # noqa: E402
from serving import register, serve  # noqa: E402

TREES, DEPTH, FEATURES = 500, 8, 30
MODEL = "rolled"
PATIENCE = 300  # seconds
FILES, REPORTS = "/api/v1/serving-state/files/", "/api/v1/replicas/"


class Watch:
    """What a process and its children use while it is entered."""

    def __init__(self, pid):
        self.processes = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]

    def seconds(self):
        return sum(sum(process.cpu_times()[:2]) for process in self.processes)

    def resident(self):
        return sum(process.memory_info().rss for process in self.processes)

    def __enter__(self):
        self.peak, self.before, self.ended = self.resident(), self.seconds(), threading.Event()
        self.thread = threading.Thread(target=self.look)
        self.thread.start()
        return self

    def look(self):
        while not self.ended.wait(0.05):
            self.peak = max(self.peak, self.resident())

    def __exit__(self, *_):
        self.ended.set()
        self.thread.join()
        self.used = self.seconds() - self.before


def summary(seconds):
    """Of each replica's time, in milliseconds."""
    ordered = sorted(1000 * each for each in seconds)
    at = lambda share: ordered[min(len(ordered) - 1, int(share * len(ordered)))]
    return {"p50_ms": round(at(0.5), 1), "p99_ms": round(at(0.99), 1), "max_ms": round(ordered[-1], 1)}


def measured(times, watch, clients, received):
    return {**summary(times), "megabytes": round(received / 1e6, 1), "server_cpu_seconds": round(watch.used, 2), "server_peak_megabytes": round(watch.peak / 1e6),
            "client_cpu_seconds": round(clients, 2)}


class Shop:
    """A server with an endpoint, and as many versions of its model as there are rounds to come."""

    def __init__(self, server, folder, versions):
        self.server, self.next = server, 1
        rng = np.random.default_rng(1)
        rows = rng.normal(size=(4000, FEATURES))
        for number in range(versions):
            data = xgboost.DMatrix(rows, rows[:, 0] * rows[:, number % FEATURES] + rng.normal(size=len(rows)))
            model = xgboost.train({"max_depth": DEPTH, "seed": number}, data, TREES)
            self.bytes = len(model.save_raw("ubj"))
            register(mlflow.xgboost, model, MODEL, alias="candidate", pip_requirements=["xgboost"])
        self.move()
        done = serve(server, folder / "project", MODEL)
        assert done.returncode == 0, done.stderr

    def move(self):
        """Lets the endpoint's alias name the next version; its number."""
        version, self.next = self.next, self.next + 1
        answer = requests.post(f"{self.server.url}/api/2.0/mlflow/registered-models/alias", json={"name": MODEL, "alias": "champion", "version": str(version)}, timeout=60)
        assert answer.ok, answer.text
        return version


async def all_serve(replicas, version, seconds=PATIENCE):
    end = time.perf_counter() + seconds
    while not all(version in each.served for each in replicas):
        assert time.perf_counter() < end, f"{sum(version in each.served for each in replicas)} of {len(replicas)} serve version {version}"
        await asyncio.sleep(0.005)


async def simulated_rounds(shop, count, rounds):
    replicas = [simulated.Replica(f"replica-{number}", "127.0.0.1", shop.server.port, FILES, REPORTS) for number in range(count)]
    following = [asyncio.create_task(each.follow()) for each in replicas]
    await all_serve(replicas, shop.next - 1)
    for _ in range(rounds):
        await asyncio.sleep(1)
        received, used, begun = sum(each.connection.received for each in replicas), time.process_time(), time.perf_counter()
        with Watch(shop.server.pid) as watch:
            version = await asyncio.to_thread(shop.move)
            await all_serve(replicas, version)
        received = sum(each.connection.received for each in replicas) - received
        yield {"published_ms": round(1000 * (min(each.heard[version] for each in replicas) - begun), 1),
               **measured([each.served[version] - begun for each in replicas], watch, time.process_time() - used, received)}
    failed = [task.exception() for task in following if task.done()]
    assert not failed, failed[0]
    for task in following:
        task.cancel()
    await asyncio.gather(*following, return_exceptions=True)


class Nginx:
    """Gives what the server gives now: its serving state and the files that it names."""

    CONFIG = """daemon off; worker_processes auto; worker_rlimit_nofile 20000; pid {folder}/pid; error_log {folder}/error.log;
events {{ worker_connections 8192; }}
http {{ access_log off; sendfile on; keepalive_requests 1000000; client_body_temp_path {folder}/body;
  server {{ listen 127.0.0.1:{port} backlog=4096 reuseport; root {folder}/root; location /reports/ {{ return 200 '{{}}'; }} }} }}
"""

    def __init__(self, folder, server, port):
        self.port, files = port, folder / "root/files"
        files.mkdir(parents=True)
        state = server.get("/api/v1/serving-state")
        (folder / "root/state").write_text(json.dumps(state))
        for file in (file for version in state["state"]["versions"] for file in version["files"]):
            (files / file["sha256"]).write_bytes(requests.get(server.url + FILES + file["sha256"], timeout=60).content)
        (folder / "nginx.conf").write_text(self.CONFIG.format(folder=folder, port=port))
        folder.chmod(0o755)
        self.process = subprocess.Popen(["nginx", "-p", folder, "-c", folder / "nginx.conf", "-g", "user root;"])
        until(self.answers, "nginx answers")

    def answers(self):
        with contextlib.suppress(requests.RequestException):
            return requests.get(f"http://127.0.0.1:{self.port}/state", timeout=5).ok
        return False

    def stop(self):
        self.process.terminate()
        self.process.wait(30)


async def floor_rounds(nginx, count, rounds, already):
    """`already`: hashes that every replica has from before, as in a roll-out."""
    for _ in range(rounds):
        replicas = [simulated.Replica(f"replica-{number}", "127.0.0.1", nginx.port, "/files/", "/reports/") for number in range(count)]
        begin = asyncio.Event()
        for each in replicas:
            each.known |= already
        taking = [asyncio.create_task(each.take_once("/state", begin)) for each in replicas]
        await asyncio.sleep(2)
        received, used, begun = sum(each.connection.received for each in replicas), time.process_time(), time.perf_counter()
        with Watch(nginx.process.pid) as watch:
            begin.set()
            await asyncio.gather(*taking)
        received = sum(each.connection.received for each in replicas) - received
        yield measured([min(each.served.values()) - begun for each in replicas], watch, time.process_time() - used, received)


class Asked(threading.Thread):
    """Asks a real replica every 20 ms by which version it answers; notes when that was first so."""

    def __init__(self, replica):
        super().__init__(daemon=True)
        self.url, self.session, self.seen, self.ended = f"{replica.url}/v2/models/{MODEL}", requests.Session(), {}, threading.Event()

    def run(self):
        while not self.ended.wait(0.02):
            version = int(self.session.get(self.url, timeout=30).json()["versions"][0])
            self.seen.setdefault(version, time.perf_counter())


def announced(shop, names, version, before):
    """Waits until every replica has told a generation that is newer than `before`; when each had."""
    session, told = requests.Session(), {}
    end = time.perf_counter() + PATIENCE
    while len(told) < len(names):
        assert time.perf_counter() < end, f"{len(told)} of {len(names)} serve version {version}"
        for each in session.get(f"{shop.server.url}/api/v1/replicas", timeout=30).json()["items"]:
            if each["generation"] > before:
                told.setdefault(each["name"], time.perf_counter())
        time.sleep(0.005)
    return told


def real_rounds(shop, replicas, rounds):
    asked = [Asked(each) for each in replicas]
    for each in asked:
        each.start()
    for _ in range(rounds):
        time.sleep(1)
        before, begun = shop.server.get("/api/v1/replicas")["generation"], time.perf_counter()
        with Watch(shop.server.pid) as watch:
            version = shop.move()
            told = announced(shop, replicas, version, before)
        until(lambda: all(version in each.seen for each in asked), "all answer by it", seconds=PATIENCE)
        yield {**{f"announced_{name}": value for name, value in summary([at - begun for at in told.values()]).items()},
               **{f"answers_{name}": value for name, value in summary([each.seen[version] - begun for each in asked]).items()},
               "server_cpu_seconds": round(watch.used, 2), "server_peak_megabytes": round(watch.peak / 1e6)}
    for each in asked:
        each.ended.set()
        each.join()


def median(rounds):
    return {name: round(statistics.median(each[name] for each in rounds), 2) for name in rounds[0]}


def show(results):
    for title, rounds in results.items():
        print(f"\n{title}: the median of {len(rounds)} rounds")
        for name, value in median(rounds).items():
            print(f"  {name.replace('_', ' '):28} {value:>10}")


async def collect(rounds):
    return [each async for each in rounds]


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def run(arguments, folder, ended):
    program = Millrace(arguments.program.resolve())
    server = ended.enter_context(Server(program, folder / "home"))
    mlflow.set_tracking_uri(server.url)
    shop = Shop(server, folder, 1 + 2 * arguments.rounds)
    results = {}
    state = lambda: {file["sha256"] for version in server.get("/api/v1/serving-state")["state"]["versions"] for file in version["files"]}
    kept = state()  # by replicas that have served the first version
    if arguments.simulated:
        results[f"{arguments.simulated} simulated replicas"] = asyncio.run(collect(simulated_rounds(shop, arguments.simulated, arguments.rounds)))
    if arguments.simulated and shutil.which("nginx"):
        (folder / "nginx").mkdir()
        nginx = Nginx(folder / "nginx", server, free_port())
        ended.callback(nginx.stop)
        results[f"the floor: nginx, {arguments.simulated} clients"] = asyncio.run(collect(floor_rounds(nginx, arguments.simulated, arguments.rounds, kept & state())))
    replicas = [Replica(program, server.url, folder / f"replica-{number}") for number in range(arguments.real)]
    for each in replicas:
        ended.callback(each.stop)
        each.start()
    if replicas:
        results[f"{arguments.real} real replicas"] = list(real_rounds(shop, replicas, arguments.rounds))
    return results, shop.bytes


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--simulated", type=int, default=1000)
    parser.add_argument("--real", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", type=pathlib.Path)
    parser.add_argument("--program", type=pathlib.Path, default=ROOT / "build/release/bin/millrace")
    arguments = parser.parse_args()
    destination = arguments.json and arguments.json.resolve()
    with contextlib.ExitStack() as ended:
        folder = pathlib.Path(ended.enter_context(tempfile.TemporaryDirectory(prefix="millrace-rollout-")))
        arguments.program = arguments.program.resolve()
        ended.enter_context(contextlib.chdir(folder))
        results, size = run(arguments, folder, ended)
    print(f"a model of {TREES} trees of depth {DEPTH} on {FEATURES} features, {size / 1e6:.1f} MB; {os.cpu_count()} processors, shared with the clients")
    show(results)
    if destination:
        document = {"model_bytes": size, "processors": os.cpu_count(), "rounds": results, "median": {title: median(rounds) for title, rounds in results.items()}}
        destination.write_text(json.dumps(document, indent=1) + "\n")


if __name__ == "__main__":
    main()
