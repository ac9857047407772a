"""Fills an MLflow with one of everything, by its own client, and reads one back, whoever serves it."""

import contextlib
import hashlib
import os
import pathlib

import mlflow
import numpy as np
import pandas as pd
from mlflow.entities import Metric, ViewType

os.environ.setdefault("MLFLOW_ALLOW_FILE_STORE", "true")


@contextlib.contextmanager
def tracked_at(uri):
    mlflow.set_tracking_uri(uri)
    try:
        yield mlflow.MlflowClient(uri)
    finally:
        with contextlib.suppress(Exception):
            mlflow.flush_trace_async_logging()
        mlflow.set_tracking_uri(None)


class Half(mlflow.pyfunc.PythonModel):
    def predict(self, context, model_input, params=None):
        return model_input / 2


def log_run(name="first", points=5):
    with mlflow.start_run(run_name=name) as run:
        mlflow.log_params({"lr": 0.1, "größe": "ä" * 100, "empty": ""})
        mlflow.set_tags({"team": "vision", "note": "line\nbreak"})
        for step in range(points):
            mlflow.log_metric("loss", 1 / (step + 1), step=step)
        mlflow.log_metric("odd/nan", float("nan"))
        mlflow.log_metric("odd/inf", float("-inf"), step=-3)
        data = mlflow.data.from_pandas(pd.DataFrame({"x": [1.5, 2.5]}), name="points")
        mlflow.log_input(data, context="train", tags={"of": "tuesday"})
        mlflow.log_text("hello", "notes/a b.txt")
        mlflow.log_dict({"k": [1, 2]}, "top.json")
    return run.info.run_id


def fill(client, evaluation=True, traces=True):
    """Experiments, runs, models, versions, traces and an evaluation dataset."""
    experiment = mlflow.set_experiment("vision/cats")
    client.set_experiment_tag(experiment.experiment_id, "owner", "ann")
    first = log_run()
    with mlflow.start_run(run_name="parent"):
        with mlflow.start_run(run_name="child", nested=True):
            info = mlflow.pyfunc.log_model(name="half", python_model=Half(), input_example=np.array([[2.0]]), registered_model_name="halves", pip_requirements=[])
            mlflow.log_metric("accuracy", 0.75, step=2, model_id=info.model_id, dataset=mlflow.data.from_numpy(np.zeros(3), name="zeros"))
    client.set_registered_model_tag("halves", "kind", "toy")
    client.update_registered_model("halves", description="halves what it gets")
    client.create_model_version("halves", source=f"runs:/{first}/notes", run_id=first, tags={"why": "a test"}, description="second")
    client.create_model_version("halves", source=client.get_run(first).info.artifact_uri + "/notes", run_id=first)
    client.create_model_version("halves", source="s3://elsewhere/models/5")
    client.set_registered_model_alias("halves", "champion", 1)
    client.transition_model_version_stage("halves", "2", "Staging")
    mlflow.register_prompt(name="greeting", template="Hello {{name}}", tags={"tone": "kind"})
    gone = client.create_run(experiment.experiment_id, run_name="gone")
    client.log_batch(gone.info.run_id, metrics=[Metric("m", 1.0, 1, 0)])
    client.set_terminated(gone.info.run_id, "FAILED")
    client.delete_run(gone.info.run_id)
    dead = client.create_experiment("dead")
    client.create_run(dead)
    client.delete_experiment(dead)
    if traces:
        fill_traces(client, first)
    if evaluation:
        from mlflow.genai import datasets

        made = datasets.create_dataset(name="questions", experiment_id=[experiment.experiment_id], tags={"set": "1"})
        made.merge_records([{"inputs": {"q": "who?"}, "expectations": {"a": "me"}}, {"inputs": {"q": "b", "n": 2}, "outputs": "text"}])
    return first


def fill_traces(client, run_id):
    @mlflow.trace(name="answer", attributes={"depth": 3})
    def answer(question):
        with mlflow.start_span("look up", span_type="RETRIEVER") as span:
            span.set_inputs({"q": question})
            span.set_attribute("list", [1, 2.5, None])
            span.set_attribute("mlflow.chat.tokenUsage", {"input_tokens": 3, "output_tokens": 4, "total_tokens": 7})
            mlflow.update_current_trace(tags={"color": "blue"}, metadata={"mlflow.trace.session": "s-1", "mlflow.trace.user": "ann"})
        return "forty-two"

    answer("what?")
    with contextlib.suppress(ValueError):
        broken()
    mlflow.flush_trace_async_logging()
    for trace in all_traces(client, [mlflow.get_experiment_by_name("vision/cats").experiment_id]):
        mlflow.log_feedback(trace_id=trace.info.trace_id, name="good", value=True, rationale="I say so", metadata={"a": "b"})
        mlflow.log_expectation(trace_id=trace.info.trace_id, name="truth", value={"is": [1, 2]})


@mlflow.trace
def broken():
    raise ValueError("broken on purpose")


def all_traces(client, experiments):
    return client.search_traces(locations=experiments, max_results=500)


def pages(search, **options):
    token = None
    while True:
        page = search(page_token=token, **options)
        yield from page
        token = page.token
        if not token:
            return


def read_all(client, traces=True):
    """All that a client sees, but for where artifacts are and the numbers of experiments."""
    experiments = {e.experiment_id: e for e in pages(client.search_experiments, view_type=ViewType.ALL)}
    names = {number: e.name for number, e in experiments.items()}
    if str(client.tracking_uri).startswith("file:"):
        return with_steps_of_model_metrics(read_state(client, experiments, names, traces))
    return read_state(client, experiments, names, traces)


def with_steps_of_model_metrics(state):
    """The file store's own reader forgets the step of a metric of a model, which is in the file."""
    for run in state["runs"].values():
        run["metrics"].update({key: [(time, 2, value) for time, _, value in run["metrics"][key]] for key in run["metrics"] if key == "accuracy"})
    return state


def read_state(client, experiments, names, traces):
    state = {
        "experiments": {e.name: (e.lifecycle_stage, {k: v for k, v in e.tags.items()}) for e in experiments.values()},
        "runs": {run.info.run_id: read_run(client, run, names) for number in experiments for run in pages(client.search_runs, experiment_ids=[number], run_view_type=ViewType.ALL)},
        "logged_models": {m.model_id: read_logged_model(m, names) for number in experiments for m in pages(client.search_logged_models, experiment_ids=[number])},
        "models": {m.name: read_model(client, m) for flag in ("", "tags.`mlflow.prompt.is_prompt` = 'true'") for m in pages(client.search_registered_models, filter_string=flag)},
    }
    if traces:
        alive = [number for number, e in experiments.items() if e.lifecycle_stage == "active"]
        state["traces"] = {t.info.trace_id: read_trace(t, names) for t in all_traces(client, alive)}
    return state


def same_number(value):
    return "nan" if value != value else max(min(value, 1.7976931348623157e308), -1.7976931348623157e308)


def read_run(client, run, names):
    info, data = run.info, run.data
    metrics = {key: sorted((m.timestamp, m.step, str(same_number(m.value))) for m in client.get_metric_history(info.run_id, key)) for key in data.metrics}
    return {
        "info": (info.run_name, info.status, info.start_time, info.end_time, info.lifecycle_stage, info.user_id, names[info.experiment_id]),
        "params": data.params,
        "tags": data.tags,
        "latest": {key: same_number(value) for key, value in data.metrics.items()},
        "metrics": metrics,
        "datasets": sorted((i.dataset.name, i.dataset.digest, i.dataset.source_type, i.dataset.source, i.dataset.schema or "", i.dataset.profile or "", *sorted((t.key, t.value) for t in i.tags)) for i in run.inputs.dataset_inputs),
        "models": (sorted(m.model_id for m in run.inputs.model_inputs), sorted((m.model_id, m.step) for m in run.outputs.model_outputs) if run.outputs else []),
        "artifacts": read_artifacts(client, info.run_id) if info.lifecycle_stage == "active" else None,
    }


def read_artifacts(client, run_id, path=None):
    found = {}
    for item in client.list_artifacts(run_id, path):
        if item.is_dir:
            found.update(read_artifacts(client, run_id, item.path))
        else:
            found[item.path] = hashlib.sha256(pathlib.Path(client.download_artifacts(run_id, item.path)).read_bytes()).hexdigest()
    return found


def read_logged_model(model, names):
    metrics = sorted((m.key, m.value, m.step, m.timestamp, m.run_id, m.dataset_name, m.dataset_digest) for m in model.metrics or [])
    return (model.name, str(model.status), names[model.experiment_id], model.source_run_id, model.model_type or "", model.creation_timestamp, model.params, model.tags, metrics)


def read_model(client, model):
    versions = sorted(pages(client.search_model_versions, filter_string=f"name = '{model.name}'"), key=lambda v: int(v.version))
    return {
        "model": (model.description or "", model.creation_timestamp, model.tags, {k: int(v) for k, v in model.aliases.items()}),
        "versions": [(int(v.version), v.source, v.run_id or "", v.description or "", v.current_stage, v.creation_timestamp, v.tags) for v in versions],
    }


def read_trace(trace, names):
    info = trace.info
    tags = {k: v for k, v in info.tags.items() if k not in ("mlflow.artifactLocation", "mlflow.trace.spansLocation")}
    spans = [(s.name, s.span_id, s.parent_id, s.start_time_ns, s.end_time_ns, str(s.status.status_code), s.status.description, s.span_type, s.inputs, s.outputs, dict(s.attributes), [(e.name, e.timestamp, dict(e.attributes)) for e in s.events]) for s in trace.data.spans]
    said = sorted((a.name, str(a.feedback.value if a.feedback else a.expectation.value), a.rationale or "", str(a.metadata), a.source.source_type, a.source.source_id, a.create_time_ms) for a in info.assessments)
    return (names[info.experiment_id], info.request_time, info.execution_duration, str(info.state), info.request_preview, info.response_preview, tags, dict(info.trace_metadata), sorted(spans, key=str), said)
