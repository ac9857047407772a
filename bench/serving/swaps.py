#!/usr/bin/env python3
"""What a hundred swaps of one endpoint's version cost its neighbour, and the server's memory.

    bench/serving/swaps.py [--swaps 100] [--swaps-per-second 10 2] [--rate 2000] [--pairs 3]
                           [--program build/release/bin/millrace] [--load build/release/bench/serving/serving_load]

Two endpoints: "swapped" has a model of 1000 trees on 200 features, "neighbour" one of 100 trees on 30. Both are asked all the
time. In turns the versions stay, then the alias of "swapped" goes back and forth between two, so many times a second; each time
the neighbour's p50 and p99 at a fixed rate are measured by the load generator. Whoever asks for the swaps gives way to both.
Prints JSON: both, their ratio, how long the swaps took, failures, resident memory.
"""

import argparse
import json
import os
import pathlib
import re
import statistics
import subprocess
import sys
import tempfile
import threading
import time

import models
import own_server
import wire

ROOT = own_server.ROOT
PROJECT = "kind: Project\nname: bench\n---\nkind: Endpoint\nname: swapped\nmodel: L\n---\nkind: Endpoint\nname: neighbour\nmodel: S\n"


def parse_options():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--swaps", type=int, default=100)
    options.add_argument("--swaps-per-second", type=float, nargs="+", default=[10, 2])
    options.add_argument("--rate", type=float, default=2000)
    options.add_argument("--pairs", type=int, default=3)
    options.add_argument("--program", default=str(ROOT / "build/release/bin/millrace"))
    options.add_argument("--load", default=str(ROOT / "build/release/bench/serving/serving_load"))
    return options.parse_args()


def write_bodies(folder, name):
    rows = models.make_data(name)[2][:200]
    bodies = [json.dumps({"inputs": [{"name": "rows", "shape": [1, len(row)], "datatype": "FP64", "data": [float(v) for v in row]}]}).encode() for row in rows]
    file = folder / f"{name}.bodies"
    file.write_bytes(wire.joined(bodies))
    return file


class Load:
    def __init__(self, program, server, folder):
        self.program, self.server = program, server
        self.bodies = {"swapped": write_bodies(folder, "L"), "neighbour": write_bodies(folder, "S")}

    def __call__(self, endpoint, rate, seconds):
        command = [self.program, "--port", self.server.port, "--target", f"/v2/models/{endpoint}/infer", "--bodies", self.bodies[endpoint]]
        command += ["--field", "Content-Type: application/json", "--connections", 16, "--rate", rate, "--seconds", seconds]
        done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=True)
        return json.loads(done.stdout)


def resident_mb(server):
    return int(pathlib.Path(f"/proc/{server.pid}/statm").read_text().split()[1]) * 4096 / 2**20


class Swapping(threading.Thread):
    """Moves the alias so many times, at that pace."""

    def __init__(self, server, swaps, pause):
        super().__init__()
        self.server, self.swaps, self.pause = server, swaps, pause

    def run(self):
        os.sched_setscheduler(threading.get_native_id(), os.SCHED_IDLE, os.sched_param(0))  # only this thread's
        begun = time.monotonic()
        for number in range(self.swaps):
            self.server.put("/api/v1/models/L/aliases/champion", json={"version": number % 2 + 1, "reason": "a swap"})
            time.sleep(max(0, begun + (number + 1) * self.pause - time.monotonic()))


def swaps_done(server):
    """How many, and their seconds together."""
    found = re.findall(r'millrace_swap_seconds_(count|sum)\{endpoint="swapped",outcome="done"\} (\S+)', server.get("/metrics"))
    told = {key: float(value) for key, value in found}
    return told["count"], told["sum"]


def measure(server, load, options, swaps, per_second):
    """The neighbour's report, and that of the endpoint that is swapped."""
    seconds = options.swaps / per_second
    swapping = Swapping(server, swaps, 1 / per_second)
    beside = {}
    asking = threading.Thread(target=lambda: beside.update(load("swapped", options.rate / 4, seconds)))
    for thread in (asking, swapping):
        thread.start()
    report = load("neighbour", options.rate, seconds)
    for thread in (asking, swapping):
        thread.join()
    return report, beside


def compare(server, load, options, per_second):
    before, begun, still, swapped = resident_mb(server), swaps_done(server), [], []
    for _ in range(options.pairs):
        still.append(measure(server, load, options, 0, per_second))
        swapped.append(measure(server, load, options, options.swaps, per_second))
    median = lambda reports, key: statistics.median(report[key] for report, _ in reports)
    out = {key: {"still": median(still, key), "swapped": median(swapped, key)} for key in ("p50_us", "p99_us")}
    out["p99_ratio"] = out["p99_us"]["swapped"] / out["p99_us"]["still"]
    out["failures"] = sum(each["failures"] for pair in still + swapped for each in pair)
    count, seconds = (now - then for now, then in zip(swaps_done(server), begun))
    out["swaps"], out["swap_ms"] = int(count), 1000 * seconds / count
    out["resident_mb"] = {"before": before, "after": resident_mb(server)}
    return out


def main():
    options = parse_options()
    boosters = {name: models.train_xgboost(name, *models.make_data(name)[:2]) for name in "SL"}
    with tempfile.TemporaryDirectory() as folder, own_server.Server(own_server.Millrace(options.program), pathlib.Path(folder) / "home") as server:
        folder = pathlib.Path(folder)
        own_server.register(server, boosters)
        own_server.register(server, {"L": boosters["L"]})  # version 2
        (folder / "project").mkdir()
        (folder / "project/serving.yaml").write_text(PROJECT)
        server.apply(folder / "project")
        load = Load(options.load, server, folder)
        measure(server, load, options, options.swaps, max(options.swaps_per_second))  # fills what is filled once
        told = [{"swaps_per_second": rate, **compare(server, load, options, rate)} for rate in options.swaps_per_second]
        json.dump(told, sys.stdout, indent=2)
        print()


if __name__ == "__main__":
    main()
