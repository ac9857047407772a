"""Faults in a project's documents: all are shown with their places, and nothing is applied."""

import re

import jsonschema_rs
import pytest

FAULTS = {
    "unknown key": ("serving.yaml", "\nmodel: delays", "\nmodle: delays", "modle", 'did you mean "model"'),
    "wrong type": ("serving.yaml", "min_predictions: 1000", "min_predictions: many", "many", "min_predictions"),
    "value that is not one of the choices": ("project.yaml", "clock: event", "clock: evnt", "evnt", '"event"'),
    "dangling feature service": ("serving.yaml", "features: delay_features", "features: delay_featurs", "delay_featurs", 'did you mean "delay_features"'),
    "dangling dataset": ("features.yaml", "source: flights", "source: flihgts", "flihgts", 'did you mean "flights"'),
    "dangling alert": ("serving.yaml", "delays_weekly.drift", "delays_weekly.dirft", "delays_weekly.dirft", 'did you mean "drift"'),
    "dangling pipeline": ("serving.yaml", "pipeline: retrain", "pipeline: retain", "retain", 'did you mean "retrain"'),
    "unknown function in a feature": ("features.yaml", "hour(event_time)", "huor(event_time)", "huor(event_time)", "huor"),
    "unknown column in a feature": ("features.yaml", "sql: distance", "sql: distence", "distence", 'did you mean "distance"'),
    "unknown table in the spine": ("sql/training_rows.sql", "from flights", "from flihgts", "flihgts", "flihgts"),
    "unknown column in the spine": ("sql/training_rows.sql", "  distance,", "  distence,", "distence,", "distence"),
    "syntax error in the spine": ("sql/training_rows.sql", "\nfrom flights", "\nfrm flights", None, "syntax error"),
    "bad cron": ("serving.yaml", '"0 0 1 * *"', '"0 0 32 * *"', '"0 0 32 * *"', "32"),
    "bad duration": ("serving.yaml", "window: 7d", "window: 7 days", "7 days", "7d"),
    "unknown expectation": ("flights.yaml", "expect_table_row_count_to_be_between", "expect_table_row_cuont_to_be_between", "expect_table_row_cuont_to_be_between", 'did you mean "expect_table_row_count_to_be_between"'),
    "unknown step": ("retrain.yaml", "uses: evaluate", "uses: evalute", "evalute", 'did you mean "evaluate"'),
    "step that needs one that is not there": ("retrain.yaml", "needs: [validate]", "needs: [valdate]", "valdate", 'did you mean "validate"'),
    "unknown param of XGBoost's place": ("retrain.yaml", "margin: 0.0005", "margn: 0.0005", "margn", 'did you mean "margin"'),
    "unknown kind": ("project.yaml", "kind: Project", "kind: Projct", "Projct", 'did you mean "Project"'),
    "text that is not YAML": ("project.yaml", "clock: event", "clock: [event", None, "yaml"),
}


def place_of(text, word):
    """The line and the column of a word, both from 1."""
    at = text.index(word)
    return text.count("\n", 0, at) + 1, at - text.rfind("\n", 0, at)


def edit(project, file, old, new):
    text = (project / file).read_text()
    assert old in text
    text = text.replace(old, new, 1)
    (project / file).write_text(text)
    return text


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_shown_at_its_place_and_nothing_is_applied(shared_server, project, fault):
    file, old, new, word, hint = FAULTS[fault]
    text = edit(project, file, old, new)
    done = shared_server.run("apply", project)
    assert done.returncode == 1
    place = re.compile(re.escape(file) + r":(\d+):(\d+): (.*)")
    found = [place.match(line) for line in done.stderr.splitlines()]
    shown = [(int(match[1]), int(match[2]), match[3]) for match in found if match]
    assert shown, done.stderr
    if word:
        line, column = place_of(text, word)
        assert (line, column) in [(shown_line, shown_column) for shown_line, shown_column, _ in shown], done.stderr
    assert hint.lower() in done.stderr.lower()
    shared_server.request("GET", "/api/v1/project", expect=404)
    assert shared_server.list("/api/v1/datasets") == [] and shared_server.list("/api/v1/pipelines") == []


def test_all_faults_are_shown_at_once(shared_server, project):
    edit(project, "serving.yaml", "\nmodel: delays", "\nmodle: delays")
    edit(project, "serving.yaml", "min_predictions: 1000", "min_predictions: many")
    edit(project, "project.yaml", "clock: event", "clock: evnt")
    shown = shared_server.run("apply", project).stderr
    assert "project.yaml:" in shown and shown.count("serving.yaml:") >= 2


def test_a_bad_change_leaves_the_release_in_force(server, project):
    server.apply(project)
    before = server.get("/api/v1/project/documents")
    edit(project, "flights.yaml", "known_at, type: timestamp", "known_at, type: timestmp")
    edit(project, "serving.yaml", "min_predictions: 1000", "min_predictions: 2000")
    assert server.run("apply", project).returncode == 1
    assert server.get("/api/v1/project")["number"] == 1
    assert server.get("/api/v1/project/documents") == before


def test_a_dry_run_shows_the_diff_and_changes_nothing(server, project):
    server.apply(project)
    before = server.get("/api/v1/project/documents")
    edit(project, "serving.yaml", "min_predictions: 1000", "min_predictions: 2000")
    done = server.run("apply", project, "--dry-run")
    assert done.returncode == 0
    lines = [line.split() for line in done.stdout.splitlines()]
    assert ["update", "Monitor", "delays_weekly"] in lines
    assert any(line[0].startswith("-") and "1000" in line[-1] for line in lines)
    assert any(line[0].startswith("+") and "2000" in line[-1] for line in lines)
    assert server.get("/api/v1/project/documents") == before
    assert server.get("/api/v1/project")["number"] == 1


def test_applying_again_is_no_change(server, project):
    server.apply(project)
    assert "as it was" in server.apply(project).stdout
    assert len(server.list("/api/v1/project/releases")) == 1


def test_a_document_that_is_gone_is_deleted(server, project):
    server.apply(project)
    edit(project, "serving.yaml", "---\nkind: Trigger\nname: monthly\npipeline: retrain\non: {schedule: \"0 0 1 * *\", from: 2001-03-01}\ncooldown: 6d\n", "")
    assert ["delete", "Trigger", "monthly"] in [line.split() for line in server.apply(project).stdout.splitlines()]
    assert "monthly" not in [trigger["name"] for trigger in server.list("/api/v1/triggers")]


def test_a_column_with_rows_cannot_be_taken_away(server, project, flights_table):
    server.apply(project)
    server.post("/api/v1/datasets/flights/batches?format=parquet", data=flights_table())
    text = edit(project, "flights.yaml", "date, type: timestamp", "date, type: varchar")
    done = server.run("apply", project)
    assert done.returncode == 1
    assert f"flights.yaml:{place_of(text, 'date, type: varchar')[0]}:" in done.stderr


def test_every_kind_has_a_published_schema_that_its_documents_meet(server, project):
    server.apply(project)
    documents = server.list("/api/v1/project/documents")
    assert {document["kind"] for document in documents} == {"Project", "Dataset", "FeatureView", "FeatureService", "Pipeline", "Endpoint", "Monitor", "Trigger", "Replay"}
    for document in documents:
        schema = server.get(f"/api/v1/schemas/{document['kind']}")
        assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
        jsonschema_rs.validator_for(schema).validate(document["document"])


def test_faults_of_every_sort_are_shown_at_once(shared_server, project):
    """One in a value, one in a name, one in a spine: and none that only follows from another."""
    for fault in ("value that is not one of the choices", "dangling alert", "unknown column in the spine"):
        edit(project, *FAULTS[fault][:3])
    done = shared_server.run("apply", project)
    assert done.returncode == 1
    places = [line for line in done.stderr.splitlines() if re.match(r"[\w/.]+:\d+:\d+: ", line)]
    assert len(places) == 3 and all(any(word in line for line in places) for word in ("event", "dirft", "distence")), done.stderr
