#!/usr/bin/env python3
"""Millrace's serving beside its peers, on this machine, one server after the other: rates, latencies, processor time and
memory of one-row requests to the models S (100 trees of depth 6 on 30 features) and L (1000 trees on 200).

    bench/serving/beside_peers.py [--quick] [--only "Millrace,FastAPI, 1 worker"] [--json bench/serving/peers.json]
                                  [--program build/release/bin/millrace] [--load build/release/bench/serving/serving_load]

Everything is asked by the same load generator from the same machine, so a server has what is left of two cores. For each
work: a hundred rows are asked once and the answers compared with XGBoost's own; a short sweep finds the number of connections
that gets the most; then the rate (closed loop) and the processor time of a request; then, at half of that rate with
requests that come at random (open loop), p50 and p99. The floors are nginx with a constant answer of the same size and
Millrace's empty handler, which is measured at the same rate beside each of Millrace's own works, in turns.
bench/serving/peers/install makes the environments of the peers; one that is not there is left out.
"""

import argparse
import dataclasses
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

import numpy as np
import xgboost

import models
import own_server
import servers
import wire

ROOT = servers.ROOT
ASKED_ROWS = 500
COMPARED_ROWS = 100
SLOW = 2_000  # answers a second, under which fewer connections are tried
OPEN_CONNECTIONS = 64  # at half load, where most of them are free
LOOKED_UP = "F JSON, 50 features looked up"


@dataclasses.dataclass
class Setting:
    """How long things are looked at, in seconds."""

    sweep: float = 0.4
    closed: float = 2.5
    opened: float = 2
    turns: int = 3  # of Millrace and its floors


QUICK = Setting(sweep=0.2, closed=0.4, opened=0.4, turns=1)


class Rows:
    """The rows that are asked about, and what XGBoost says of them."""

    def __init__(self, boosters):
        tables = {name: models.make_data(name)[2] for name in boosters}
        self.asked = {name: table[:ASKED_ROWS] for name, table in tables.items()}
        self.expected = {name: boosters[name].inplace_predict(rows) for name, rows in self.asked.items()}
        self.customers = tables["F"][:own_server.CUSTOMERS]
        keys = np.random.default_rng(4).integers(0, len(self.customers), ASKED_ROWS)
        self.asked["customers"] = keys.reshape(-1, 1)
        self.expected["customers"] = boosters["F"].inplace_predict(self.customers[keys])


class Load:
    """The load generator, asking for the rows of a work."""

    def __init__(self, program, folder, rows):
        self.program, self.folder, self.rows = program, folder, rows

    def _command(self, work, rows=ASKED_ROWS):
        command = [self.program, "--port", str(work.port), "--target", work.target]
        if work.format is None:
            return command
        bodies = self.folder / "bodies"
        bodies.write_bytes(wire.joined([work.format.write(row) for row in self.rows.asked[work.rows][:rows]]))
        command += ["--bodies", bodies] + [part for field in work.format.fields if not work.format.grpc for part in ("--field", field)]
        return command + (["--grpc"] if work.format.grpc else [])

    def _run(self, command):
        done = subprocess.run(list(map(str, command)), capture_output=True, text=True)
        if done.returncode != 0:
            raise RuntimeError(done.stderr.strip())
        return done.stdout

    def answers(self, work, rows):
        """To the first rows, one after the other."""
        out = self.folder / "answers"
        self._run([*self._command(work, rows), "--once", out])
        return wire.split(out.read_bytes())

    def __call__(self, work, connections, seconds, rate=0.0, warm_up=None, threads=1):
        more = ["--connections", connections, "--threads", threads, "--seconds", seconds, "--rate", rate, "--warm-up", min(0.3, seconds / 4) if warm_up is None else warm_up]
        report = json.loads(self._run([*self._command(work), *more]))
        if report["failures"]:
            print(f"  {work.name}: {report['failures']} of {report['sent']} failed: {report['first_failure']}", file=sys.stderr)
        return report


@dataclasses.dataclass
class Side:
    """A server that stands ready, and what it is asked."""

    server: str
    settings: str
    pid: int
    work: servers.Work
    shape: tuple = (8, 1)  # connections, threads of the load generator
    difference: float = 0.0  # the largest, of its answers from XGBoost's


def compare(load, work):
    found = np.array([work.format.read(answer) for answer in load.answers(work, COMPARED_ROWS)])
    difference = float(np.max(np.abs(found - load.rows.expected[work.rows][:COMPARED_ROWS])))
    assert difference < 1e-6, f"{work.name} answers other numbers than XGBoost does: {difference} off"
    return difference


def sweep(load, work, seconds):
    """The shape that gets the most answers."""
    rates = {(8, 1): load(work, 8, seconds)["per_second"]}
    for connections, threads in [(2, 1), (32, 1)] if rates[8, 1] < SLOW else [(32, 1), (64, 1), (64, 2)]:
        rates[connections, threads] = load(work, connections, seconds, threads=threads)["per_second"]
    return max(rates, key=rates.get)


def closed_loop(load, side, seconds):
    connections, threads = side.shape
    before = servers.processor_seconds(side.pid)
    report = load(side.work, connections, seconds, threads=threads)
    report["processor_us"] = (servers.processor_seconds(side.pid) - before) * 1e6 / max(report["sent"], 1)
    report["threads"] = threads
    # Little's law: those under way are rate times stay, and should be as many as there are connections.
    report["under_way"] = report["per_second"] * report["mean_us"] / 1e6
    if abs(report["under_way"] / connections - 1) > 0.15:
        print(f"  {side.work.name}: {report['under_way']:.1f} requests were under way on {connections} connections", file=sys.stderr)
    return report


def at_rate(load, work, rate, seconds):
    report = load(work, OPEN_CONNECTIONS, seconds, rate)
    return {"rate": rate, **{key: report[key] for key in ("per_second", "p50_us", "p99_us", "late_p99_us", "failures")}}


def at_rate_beside(load, work, floor, rate, setting):
    """at_rate, with the empty handler at the same rate, in turns."""
    pairs = [[at_rate(load, one, rate, setting.opened / setting.turns) for one in (floor, work)] for _ in range(setting.turns)]
    figures = {key: statistics.median(pair[1][key] for pair in pairs) for key in pairs[0][1]}
    figures["failures"] = sum(report["failures"] for pair in pairs for report in pair)
    for key in ("p50_us", "p99_us"):
        figures[f"floor_{key}"] = statistics.median(pair[0][key] for pair in pairs)
        figures[f"added_{key}"] = statistics.median(pair[1][key] - pair[0][key] for pair in pairs)
    return figures


def rounded(figures):
    return {key: round(value, 2) if isinstance(value, float) else value for key, value in figures.items()}


class Bench:
    """What has been measured, in the order it was."""

    def __init__(self, load, setting):
        self.load, self.setting, self.figures = load, setting, []

    def measure(self, sides, floor=None):
        """In turns, where there are several sides; the figures are those of the turn with the median rate. At half load
        beside `floor`, where there is one."""
        sides = [side for side in sides if self._prepare(side)]
        turns = self.setting.turns if len(sides) > 1 else 1
        reports = [[closed_loop(self.load, side, self.setting.closed) for side in sides] for _ in range(turns)]
        for index, side in enumerate(sides):
            closed = sorted((turn[index] for turn in reports), key=lambda report: report["per_second"])[turns // 2]
            failures = sum(turn[index]["failures"] for turn in reports)
            self._add(side, closed, failures, None if side.work is floor else floor)

    def _prepare(self, side):
        """False where it does not answer, which is noted."""
        try:
            if side.work.compared:
                side.difference = compare(self.load, side.work)
            side.shape = sweep(self.load, side.work, self.setting.sweep)
            return True
        except RuntimeError as problem:
            print(f"  {side.work.name}: {problem}", file=sys.stderr)
            self.figures.append({"server": side.server, "work": side.work.name, "problem": " ".join(str(problem).split())[-300:]})
            return False

    def _add(self, side, closed, failures, floor):
        rate = round(closed["per_second"] / 2)
        half = at_rate_beside(self.load, side.work, floor, rate, self.setting) if floor else at_rate(self.load, side.work, rate, self.setting.opened)
        self.figures.append({"server": side.server, "settings": side.settings, "work": side.work.name, "largest_difference": side.difference,
                             "closed": rounded(closed), "half": rounded(half), "failures": failures + half["failures"]})
        print(f"  {side.work.name:30} {closed['per_second']:>9,.0f}/s   at half {half['p50_us']:>8,.0f} us, p99 {half['p99_us']:>8,.0f} us   "
              f"{closed['processor_us']:>7,.1f} us of processor", file=sys.stderr)


def measure_own(bench, program, folder, boosters):
    """Millrace, with nginx and the empty handler in turns with its first work. Answers its memory."""
    with own_server.OwnServer(program, folder, boosters).running() as own:
        works, floor, load = own.works(), own.floor(), bench.load
        body = load.answers(works[0], 1)[0].decode()
        memory = {"with S loaded": servers.resident_mb(own.pid)}
        own.load_all(load.rows.customers)
        first, *others = [Side("Millrace", "as it is", own.pid, work) for work in works]
        with servers.nginx(folder, body) as (pid, constant):
            bench.measure([Side("nginx", "2 workers, a constant answer of the size of Millrace's", pid, constant),
                           Side("Millrace", "as it is", own.pid, floor), first], floor)
        for side in others:
            bench.measure([side], own.grpc_floor() if side.work.format.grpc else floor)
        memory["after all"] = servers.resident_mb(own.pid)
    return memory


def wait_for_answers(load, works):
    """A port may be open before anything is behind it."""
    deadline = time.monotonic() + servers.READY_SECONDS
    for work in works:
        while True:
            try:
                load.answers(work, 1)
                break
            except RuntimeError:
                if time.monotonic() > deadline:
                    return
                time.sleep(0.2)


def measure_peer(bench, peer, folder, model_files):
    """Answers its memory with S loaded."""
    memory = {}
    for model in peer.models:
        with peer.running(folder, model_files[model], model) as (pid, works):
            wait_for_answers(bench.load, works)
            for work in works:
                bench.measure([Side(peer.name, peer.settings, pid, work)])
            memory[model] = servers.resident_mb(pid)
    return {"with S loaded, after its work": memory["S"]}


def find(figures, server, work):
    return next((one for one in figures if one["server"] == server and one["work"] == work and "closed" in one), None)


def ratios(figures, memory):
    """What the bars are about: (what, value, bar). A bar with a leading "<" is an upper one."""
    rate = {(one["server"], one["work"]): one["closed"]["per_second"] for one in figures if "closed" in one}
    own = rate.get(("Millrace", "S JSON"))
    if not own:
        return
    applications = [value for (server, work), value in rate.items() if work == "S JSON" and server.split(",")[0] in ("FastAPI", "MLServer", "BentoML", "Ray Serve")]
    yield "S JSON: of nginx's rate", own / rate["nginx", "constant"], "0.6"
    if applications:
        yield "S JSON: times the best of FastAPI, MLServer, BentoML, Ray Serve", own / max(applications), "15"
    for server, work, bar in (("MLflow's server", "S invocations", "100"), ("Triton", "S JSON", "1")):
        if (server, work) in rate:
            yield f"S JSON: times {server}", own / rate[server, work], bar
    if ("MLServer", "S gRPC") in rate and ("Millrace", "S gRPC") in rate:
        yield "S gRPC: times MLServer's", rate["Millrace", "S gRPC"] / rate["MLServer", "S gRPC"], "10"
    if ("Millrace", LOOKED_UP) in rate:
        yield "F with 50 features looked up: of the rate with them sent", rate["Millrace", LOOKED_UP] / rate["Millrace", "F JSON, 50 features sent"], "0.5"
        yield "F with 50 features looked up: of S JSON's rate", rate["Millrace", LOOKED_UP] / own, "0.5"
    yield "S JSON: p50 added to the empty handler's at half load, us", find(figures, "Millrace", "S JSON")["half"]["added_p50_us"], "<20"
    yield "memory with S loaded, MB", memory["Millrace"]["with S loaded"], "<120"


def reaches(value, bar):
    return value < float(bar[1:]) if bar.startswith("<") else value >= float(bar)


def show(figures, bars):
    print(f"{'':52}{'rate /s':>10}{'conn.':>7}{'half p50':>10}{'p99':>10}{'floor p50':>10}{'p99':>10}{'proc. us':>10}{'failed':>8}")
    for one in figures:
        name = f"{one['server']}: {one['work']}"
        if "problem" in one:
            print(f"{name:52} {one['problem'][:90]}")
            continue
        closed, half = one["closed"], one["half"]
        floor = "".join(f"{half[key]:>10,.0f}" if key in half else f"{'':>10}" for key in ("floor_p50_us", "floor_p99_us"))
        print(f"{name:52}{closed['per_second']:>10,.0f}{closed['connections']:>7}{half['p50_us']:>10,.0f}{half['p99_us']:>10,.0f}{floor}{closed['processor_us']:>10,.1f}{one['failures']:>8}")
    for what, value, bar in bars:
        print(f"{what:70}{value:>10,.2f}   bar {bar:>5}  {'' if reaches(value, bar) else 'MISSED'}")


def parse_options():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--program", default=str(ROOT / "build/release/bin/millrace"))
    options.add_argument("--load", default=str(ROOT / "build/release/bench/serving/serving_load"))
    options.add_argument("--quick", action="store_true", help="a minute; the figures mean little")
    options.add_argument("--only", nargs="*", metavar="SERVER", help="of the peers; none for Millrace alone")
    options.add_argument("--models", help="a folder where the models stay, so that they are trained once")
    options.add_argument("--json")
    return options.parse_args()


def train(folder):
    """Answers the models and their files; what is there already is not trained again."""
    folder.mkdir(parents=True, exist_ok=True)
    files = {name: folder / f"{name}.ubj" for name in ("S", "L", "F")}
    for name, file in files.items():
        if not file.exists():
            models.train_xgboost(name, *models.make_data(name)[:2]).save_model(file)
    return {name: xgboost.Booster({"nthread": 1}, model_file=file) for name, file in files.items()}, files


def main():
    chosen = parse_options()
    begun = time.monotonic()
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        boosters, model_files = train(pathlib.Path(chosen.models or folder / "models"))
        bench = Bench(Load(chosen.load, folder, Rows(boosters)), QUICK if chosen.quick else Setting())
        print("Millrace", file=sys.stderr)
        memory, versions = {"Millrace": measure_own(bench, chosen.program, folder, boosters)}, {"nginx": servers.nginx_version(), "xgboost": xgboost.__version__}
        for peer in servers.PEERS:
            if chosen.only is not None and peer.name not in chosen.only:
                continue
            if not peer.there:
                print(f"{peer.name} is not installed: bench/serving/peers/install", file=sys.stderr)
                continue
            print(f"{peer.name} ({time.monotonic() - begun:.0f} s)", file=sys.stderr)
            versions[peer.name] = peer.versions()
            try:
                memory[peer.name] = measure_peer(bench, peer, folder, model_files)
            except Exception as problem:  # whatever is wrong with one server, the others are measured
                print(problem, file=sys.stderr)
                bench.figures.append({"server": peer.name, "work": "start", "problem": " ".join(str(problem).split())[-300:]})
    bars = list(ratios(bench.figures, memory))
    show(bench.figures, bars)
    print("resident, MB: " + ", ".join(f"{server} {value:,.0f} ({when})" for server, of in memory.items() for when, value in of.items()))
    if chosen.json:
        result = {"took_s": round(time.monotonic() - begun), "versions": versions, "memory_mb": memory, "bars": [{"what": what, "value": round(value, 2), "bar": bar} for what, value, bar in bars], "works": bench.figures}
        pathlib.Path(chosen.json).write_text(json.dumps(result, indent=1) + "\n")
    failed = [one for one in bench.figures if one["server"] == "Millrace" and one.get("failures", 1)]
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
