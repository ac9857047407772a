"""The command line as people and scripts meet it: the whole program against a real server.

Text that must not change by accident stands in tests/golden/cli; `pytest --rewrite-golden` writes it anew.
"""

import json
import pathlib
import re
import shlex
import shutil
import signal
import subprocess

import pytest

GOLDEN = pathlib.Path(__file__).resolve().parent / "golden/cli"
NOUNS = ["dataset", "feature", "pipeline", "run", "experiment", "model", "endpoint", "monitor", "trigger", "gate", "event", "user", "token", "role", "audit"]
COMMANDS = ["server", "serve", "apply", "status", "replay", *NOUNS, "login", "schema", "lineage", "completion", "help"]
NOBODY = "http://127.0.0.1:1"

PROJECT = """\
kind: Project
name: mill
clock: event
---
kind: Dataset
name: grain
description: What came to the mill.
event_time: at
columns:
  - {name: at, type: timestamp}
  - {name: farm, type: varchar, description: where it grew}
  - {name: kilos, type: double}
expectations:
  - type: expect_column_values_to_be_between
    kwargs: {column: kilos, min_value: 0}
    on_failure: quarantine
---
kind: FeatureView
name: farm_now
entities: [farm]
source: grain
features:
  - {name: kilos_7d, sql: kilos, aggregate: sum, window: 7d}
---
kind: FeatureService
name: grain_features
features: [farm_now]
---
kind: Pipeline
name: grind
params: {stone: 1}
steps:
  - {name: coarse, run: "echo coarse with stone ${params.stone}", outputs: []}
  - {name: fine, run: "echo fine; test ${params.stone} -lt 9", needs: [coarse], outputs: []}
---
kind: Trigger
name: daily
pipeline: grind
on: {schedule: "0 6 * * *", from: 2001-01-01}
"""

BATCH = "at,farm,kilos\n2001-01-01T08:00:00Z,north,12.5\n2001-01-01T09:00:00Z,south,-1\n2001-01-01T10:00:00Z,south,7\n"


@pytest.fixture
def mill(server, tmp_path):
    """A server with a small project and one batch."""
    folder = tmp_path / "mill"
    folder.mkdir()
    (folder / "mill.yaml").write_text(PROJECT)
    (tmp_path / "batch.csv").write_text(BATCH)
    server.apply(folder)
    server.move_clock("2001-01-02")
    done = server.run("dataset", "ingest", "grain", tmp_path / "batch.csv", "--batch-id", "first")
    assert (done.returncode, done.stdout) == (0, "dataset grain is at version 1: 2 new rows, 1 quarantined\n"), done.stderr
    server.settle()
    return server


def words(done):
    """The words of each line of a table."""
    return [line.split() for line in done.stdout.splitlines()]


def check_golden(name, text, rewrite):
    path = GOLDEN / name
    text = re.sub(r"\b[0-9a-f]{64}\b", "HASH", text)
    if rewrite:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    assert text == path.read_text()


@pytest.mark.parametrize("command", [[], *([name] for name in COMMANDS), ["dataset", "show"], ["run", "logs"], ["model", "lineage"]], ids=" ".join)
def test_help(millrace, command, rewrite_golden):
    done = millrace("help", *command)
    assert (done.returncode, done.stderr) == (0, "")
    check_golden("_".join(["help", *command]) + ".txt", done.stdout, rewrite_golden)
    assert millrace(*command, "--help").stdout == done.stdout


def test_alone_it_prints_its_help(millrace):
    done = millrace()
    assert (done.returncode, done.stdout) == (0, millrace("help").stdout)
    done = millrace("dataset")
    assert (done.returncode, done.stdout) == (2, millrace("help", "dataset").stdout)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("datset", 'there is no command "datset"; did you mean "dataset"?'),
        ("datset list", 'there is no command "datset"; did you mean "dataset"?'),
        ("dataset lst", 'there is no command "lst"; did you mean "list"?'),
        ("xyzzy", 'there is no command "xyzzy"'),
        ("help datset", 'there is no command "datset"; did you mean "dataset"?'),
        ("dataset list --jsn", 'there is no option --jsn; did you mean "--json"?'),
        ("run list --limt 3", 'there is no option --limt; did you mean "--limit"?'),
        ("dataset show", "NAME is required"),
        ("dataset show a b", 'there is no place for "b"'),
        ("run list grind", 'there is no place for "grind"'),
        ("run", "PIPELINE, or one of list, show, logs and cancel, is required"),
        ("completion tcsh", "SHELL: tcsh not in {bash,zsh,fish}"),
    ],
)
def test_a_wrong_command_line_is_explained(millrace, line, message):
    done = millrace(*line.split())
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.splitlines()[0] == f"millrace: {message}"


def test_without_a_server(millrace):
    done = millrace("--server", NOBODY, "status")
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr == f"millrace: no server answers at {NOBODY}; start one with `millrace server`, or name another with --server\n"


def test_the_server_is_named_by_the_environment(millrace, server, monkeypatch):
    environment = {"MILLRACE_SERVER": server.url}
    done = subprocess.run([millrace.program, "status", "--json"], env=environment, capture_output=True, text=True)
    assert json.loads(done.stdout)["pid"] == server.pid


# There is always the experiment "Default".
@pytest.mark.parametrize("noun", [noun for noun in NOUNS if noun != "experiment"])
def test_an_empty_list_says_what_to_do(server, noun):
    done = server.run(noun, "list")
    assert done.returncode == 0
    assert "yet" in done.stdout and len(done.stdout.splitlines()) == 1
    assert server.run(noun, "list", "--json").returncode == 0


def test_status(mill):
    fields = dict(line.split(":", 1) for line in mill.run("status").stdout.splitlines())
    assert fields["project"].strip().startswith("mill, release 1")
    assert fields["clock"].strip() == "2001-01-02 00:00 (event time, moved by clients)"
    assert fields["datasets"].strip() == "1 with 2 rows, 1 quarantined"


def test_datasets(mill, rewrite_golden):
    assert words(mill.run("dataset", "list"))[1] == "grain 1 2 1 2001-01-01 08:00 2001-01-01 10:00 no".split()
    check_golden("dataset_show.txt", mill.run("dataset", "show", "grain").stdout, rewrite_golden)
    assert words(mill.run("dataset", "versions", "grain"))[1] == "1 2001-01-02 00:00 first 2 1 2".split()
    assert "expect_column_values_to_be_between" in mill.run("dataset", "quarantine", "grain").stdout
    shown = json.loads(mill.run("dataset", "show", "grain", "--json").stdout)
    assert shown == {"dataset": mill.get("/api/v1/datasets/grain"), "versions": mill.list("/api/v1/datasets/grain/versions")}


def test_a_batch_is_taken_once_and_a_bad_one_is_refused(mill, tmp_path):
    again = mill.run("dataset", "ingest", "grain", tmp_path / "batch.csv", "--batch-id", "first")
    assert again.stdout == "dataset grain already has this batch, since version 1\n"
    (tmp_path / "bad.csv").write_text("at,farm\n2001-01-01T08:00:00Z,north\n")
    bad = mill.run("dataset", "ingest", "grain", tmp_path / "bad.csv")
    assert (bad.returncode, bad.stdout) == (1, "") and "kilos" in bad.stderr


def test_features(mill, rewrite_golden):
    assert [line[:2] for line in words(mill.run("feature", "list"))[1:]] == [["view", "farm_now"], ["service", "grain_features"]]
    check_golden("feature_show_view.txt", mill.run("feature", "show", "farm_now").stdout, rewrite_golden)
    assert "kilos_7d" in mill.run("feature", "show", "grain_features").stdout


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("dataset show grian", 'dataset grian does not exist; did you mean "grain"?'),
        ("feature show farm_no", 'feature view or service "farm_no" does not exist; did you mean "farm_now"?'),
        ("pipeline show grid", 'pipeline "grid" does not exist; did you mean "grind"?'),
        ("run grid", 'pipeline grid does not exist; did you mean "grind"?'),
        ("run grind --param ston=2", 'pipeline grind has no param "ston"; did you mean "stone"?'),
        ("run grind --param 2", '--param "2" is not of the form NAME=VALUE'),
        ("run show 99", 'there is no pipeline run "99"; `millrace run list` shows them'),
        ("model show flour", 'registered model "flour" does not exist'),
        ("model lineage flour", '"flour" does not name a version; write NAME@ALIAS or NAME/VERSION'),
        ("endpoint show flour", "endpoint flour does not exist"),
        ("monitor show flour", "monitor flour does not exist"),
        ("trigger fire dayly", 'trigger dayly does not exist; did you mean "daily"?'),
    ],
)
def test_an_unknown_name_is_named_with_the_nearest(mill, line, message):
    done = mill.run(*line.split())
    assert (done.returncode, done.stdout, done.stderr) == (1, "", f"millrace: {message}\n")


def test_a_run_is_followed_to_its_end(mill):
    done = mill.run("run", "grind", "--param", "stone=3", "--follow")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0].startswith("run ") and lines[0].endswith(" started")
    assert "coarse | coarse with stone 3" in lines and "fine | fine" in lines
    assert " succeeded after " in lines[-1]


def test_a_run_that_fails_is_status_4(mill):
    done = mill.run("run", "grind", "--param", "stone=9", "--follow")
    assert done.returncode == 4
    assert " failed after " in done.stdout.splitlines()[-1]
    as_json = mill.run("run", "grind", "--param", "stone=9", "--follow", "--json")
    assert (as_json.returncode, json.loads(as_json.stdout)["status"]) == (4, "failed")


def test_runs_are_named_by_number_and_by_the_beginning_of_their_id(mill):
    run = json.loads(mill.run("run", "grind", "--follow", "--json").stdout)
    shown = [mill.run("run", "show", name).stdout for name in (run["number"], run["id"][:8], run["id"])]
    assert shown[0] == shown[1] == shown[2] and "coarse" in shown[0]
    assert mill.run("run", "logs", run["number"], "fine").stdout == "fine\n"
    assert "coarse | coarse with stone 1" in mill.run("run", "logs", run["id"], "--follow").stdout
    assert mill.run("run", "logs", run["number"], "fin").stderr.endswith('has no step "fin"; did you mean "fine"?\n')
    assert mill.run("run", "cancel", run["number"]).stderr.endswith("has succeeded already\n")
    listed = words(mill.run("run", "list", "--pipeline", "grind", "--limit", "1"))
    assert listed[1][:4] == [str(run["number"]), run["id"][:8], "grind", "succeeded"]


def test_triggers(mill):
    assert words(mill.run("trigger", "list"))[1][:6] == ["daily", "schedule", "0", "6", "*", "*"]
    fired = mill.run("trigger", "fire", "daily", "--param", "stone=2")
    assert fired.returncode == 0 and "see `millrace run show " in fired.stdout
    mill.settle()
    assert "by hand" in mill.run("trigger", "show", "daily").stdout


def test_events(mill):
    listed = words(mill.run("event", "list", "--type", "dataset.*"))
    assert listed[1][1:5] == ["2001-01-02", "00:00", "dataset.version_created", "grain"]
    assert mill.run("event", "list", "--limit", "1").stdout.splitlines()[0].endswith("earlier events; --limit 0 shows all)")
    assert json.loads(mill.run("event", "list", "--limit", "0", "--json").stdout)["items"] == mill.list("/api/v1/events")


@pytest.mark.parametrize("kind", ["Project", "Dataset", "FeatureView", "FeatureService", "Pipeline", "Endpoint", "Monitor", "Trigger", "Replay"])
def test_schemas_need_no_server(millrace, kind):
    assert kind in millrace("schema").stdout.split()
    assert json.loads(millrace("schema", kind).stdout)["$schema"] == "https://json-schema.org/draft/2020-12/schema"


def test_an_unknown_kind_is_named_with_the_nearest(millrace):
    done = millrace("schema", "Datset")
    assert (done.returncode, done.stderr) == (1, 'millrace: there is no kind "Datset"; did you mean "Dataset"?\n')


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_scripts_are_valid(millrace, shell, tmp_path):
    if not shutil.which(shell):
        pytest.skip(f"{shell} is not installed")
    script = tmp_path / "script"
    script.write_text(millrace("completion", shell).stdout)
    assert subprocess.run([shell, "-n", script], capture_output=True, text=True).stderr == ""


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        (["datas"], ["dataset"]),
        (["dataset", ""], ["list", "show", "versions", "quarantine", "ingest"]),
        (["--json", "run", "li"], ["list"]),
        (["run", "list", "--st"], ["--status"]),
        (["run", "list", "--ser"], ["--server"]),
        (["run", "list", "--status", ""], []),
        (["ste"], []),
    ],
    ids=lambda words: " ".join(words),
)
def test_bash_completes(millrace, typed, offered):
    line = " ".join(shlex.quote(word) for word in ["millrace", *typed])
    script = f'{millrace("completion", "bash").stdout}\nCOMP_WORDS=({line}); COMP_CWORD={len(typed)}; _millrace; echo "${{COMPREPLY[*]}}"'
    assert subprocess.run(["bash", "-c", script], capture_output=True, text=True).stdout.split() == offered


def test_a_reader_that_goes_away_is_no_error(millrace):
    program = millrace.start("help", stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    program.stdout.close()
    assert program.stderr.read() == b""
    assert program.wait(30) in (0, -signal.SIGPIPE)


def test_output_that_cannot_be_written_is_a_failure(millrace):
    with open("/dev/full", "w") as full:
        program = millrace.start("schema", "Dataset", stdout=full, stderr=subprocess.PIPE, text=True)
        assert "No space left on device" in program.stderr.read()
        assert program.wait(30) == 1


def test_models_and_what_they_came_of(main_job):
    run = main_job.server.run
    assert words(run("model", "list"))[1][0] == "delays"
    champion = main_job.server.get("/api/v1/models/delays/aliases/champion")["version"]
    shown = json.loads(run("model", "show", "delays", "--json").stdout)
    assert shown["model"]["aliases"]["champion"] == champion and len(shown["versions"]) >= champion
    assert "there is no champion yet" in run("model", "show", "delays").stdout
    assert run("model", "show", f"delays/{champion}").stdout == run("model", "show", "delays@champion").stdout
    lineage = run("model", "lineage", "delays@champion").stdout.splitlines()
    assert lineage[0].split()[0] == f"model:delays/{champion}"
    assert any(line.strip().startswith("dataset:flights/") for line in lineage) and len(lineage) < 40
    assert run("model", "show", "delay").stderr == 'millrace: registered model "delay" does not exist; did you mean "delays"?\n'
    assert run("model", "show", "delays@champ").stderr == 'millrace: model "delays" has no alias "champ"\n'
    assert run("model", "show", "delays@champions").stderr == 'millrace: model "delays" has no alias "champions"; did you mean "champion"?\n'


def test_endpoints_and_predictions(main_job):
    run = main_job.server.run
    assert words(run("endpoint", "list"))[1][:2] == ["delays", "delays@champion"]
    shown = run("endpoint", "show", "delays").stdout
    ask = shown[shown.index("curl") :].strip()
    body = json.loads(shlex.split(ask)[-1])
    for tensor in body["inputs"]:
        if tensor["datatype"] == "BYTES":
            tensor["data"] = ["ORD"]
    answer = main_job.server.post("/v2/models/delays/infer", json={**body, "id": "from-the-help"})
    assert 0 < answer["outputs"][0]["data"][0] < 1
    prediction = run("endpoint", "prediction", "delays", "from-the-help").stdout
    assert "No label yet." in prediction and "model:delays/" in prediction and "dataset:flights/" in prediction


def test_monitors_and_gates(main_job):
    run = main_job.server.run
    assert words(run("monitor", "list"))[1][:3] == ["delays_weekly", "delays", "7d"]
    windows = main_job.server.list("/api/v1/monitors/delays_weekly/windows")
    shown = run("monitor", "show", "delays_weekly").stdout
    starts = sorted(window["window_start"][:10] for window in windows)
    lines = [line.split()[0] for line in shown[shown.index("Windows") :].splitlines() if line.startswith("2001-")]
    assert lines[: len(starts)] == starts
    assert "wasserstein" in run("monitor", "show", "delays_weekly", "--window", starts[0]).stdout
    gates = main_job.server.list("/api/v1/gates")
    assert len(words(run("gate", "list"))) == len(gates) + 1
