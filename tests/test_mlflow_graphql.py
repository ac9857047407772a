"""GraphQL as MLflow's UI asks it, beside what the REST routes answer."""

import mlflow
import pytest
import requests

RUN = """
query GetRun($data: MlflowGetRunInput!) @component(name: "MLflow.RunPage") {
  mlflowGetRun(input: $data) {
    apiError { helpUrl code message __typename }
    run {
      info { runName status runUuid experimentId artifactUri endTime lifecycleStage startTime userId __typename }
      experiment { experimentId name tags { key value } artifactLocation lifecycleStage lastUpdateTime }
      modelVersions { status version name source }
      data { metrics { key value step timestamp } params { key value } tags { key value } }
      inputs { datasetInputs { dataset { digest name profile schema source sourceType } tags { key value } } modelInputs { modelId } }
      outputs { modelOutputs { modelId step } }
    }
  }
}
"""

pytestmark = pytest.mark.usefixtures("tracking")


@pytest.fixture
def run(request):
    experiment = mlflow.set_experiment(request.node.name).experiment_id
    with mlflow.start_run(run_name="mill") as run:
        mlflow.log_param("p", "1")
        for step in range(5):
            mlflow.log_metric("m", step / 2, step=step)
        mlflow.log_metric("nan", float("nan"))
        mlflow.log_text("hi", "folder/file.txt")
    return mlflow.get_run(run.info.run_id)


@pytest.fixture
def ask(tracking):
    def ask(query, **variables):
        answer = requests.post(f"{tracking.url}/graphql", json={"query": query, "variables": variables})
        assert answer.status_code == 200 and set(answer.json()) == {"data", "errors"}
        return answer.json()

    return ask


def test_the_page_of_a_run(ask, run):
    answer = ask(RUN, data={"runId": run.info.run_id})
    assert answer["errors"] is None
    got = answer["data"]["mlflowGetRun"]["run"]
    assert got["info"]["runName"] == "mill" and got["info"]["__typename"] == "MlflowRunInfo"
    assert got["info"]["startTime"] == str(run.info.start_time) and got["info"]["status"] == "FINISHED"
    assert got["experiment"]["experimentId"] == run.info.experiment_id and got["experiment"]["name"] == "test_the_page_of_a_run"
    metrics = {metric["key"]: metric for metric in got["data"]["metrics"]}
    assert metrics["m"] == {"key": "m", "value": 2.0, "step": "4", "timestamp": metrics["m"]["timestamp"]}
    assert metrics["nan"]["value"] is None
    assert got["data"]["params"] == [{"key": "p", "value": "1"}] and got["modelVersions"] == []


def test_what_else_the_ui_asks_for(ask, run):
    id, experiment = run.info.run_id, run.info.experiment_id
    query = """
    query Q($experiment: String, $history: MlflowGetMetricHistoryBulkIntervalInput!, $files: MlflowListArtifactsInput) {
      mlflowGetExperiment(input: {experimentId: $experiment}) { experiment { name } }
      mlflowGetMetricHistoryBulkInterval(input: $history) { metrics { runId step value timestamp } }
      mlflowListArtifacts(input: $files) { rootUri files { path isDir fileSize } }
      mlflowSearchModelVersions(input: {filter: "name = 'nobody'", maxResults: 5}) { modelVersions { name } nextPageToken }
    }
    """
    answer = ask(query, experiment=experiment, history={"runIds": [id], "metricKey": "m", "maxResults": 3}, files={"runId": id, "path": "folder"})
    assert answer["errors"] is None
    data = answer["data"]
    assert data["mlflowGetExperiment"] == {"experiment": {"name": "test_what_else_the_ui_asks_for"}}
    points = data["mlflowGetMetricHistoryBulkInterval"]["metrics"]
    assert points[0]["step"] == "0" and points[-1]["step"] == "4" and {point["runId"] for point in points} == {id}
    assert data["mlflowListArtifacts"]["files"] == [{"path": "folder/file.txt", "isDir": False, "fileSize": "2"}]
    assert data["mlflowSearchModelVersions"] == {"modelVersions": [], "nextPageToken": None}


def test_runs_and_datasets_are_searched_by_mutations(ask, run):
    query = "mutation S($input: MlflowSearchRunsInput!) { mlflowSearchRuns(input: $input) { runs { info { runId } experiment { name } } nextPageToken } }"
    answer = ask(query, input={"experimentIds": [run.info.experiment_id], "filter": "metrics.m > 1", "runViewType": "ACTIVE_ONLY", "maxResults": 10})
    (found,) = answer["data"]["mlflowSearchRuns"]["runs"]
    assert found == {"info": {"runId": run.info.run_id}, "experiment": {"name": "test_runs_and_datasets_are_searched_by_mutations"}}
    answer = ask("mutation D($input: MlflowSearchDatasetsInput!) { mlflowSearchDatasets(input: $input) { datasetSummaries { name digest } } }", input={"experimentIds": [run.info.experiment_id]})
    assert answer == {"data": {"mlflowSearchDatasets": {"datasetSummaries": []}}, "errors": None}


def test_a_get_is_answered_too(tracking):
    answer = requests.get(f"{tracking.url}/graphql", params={"query": "{__typename}"})
    assert answer.json() == {"data": {"__typename": "Query"}, "errors": None}


def test_errors_are_messages(ask):
    answer = ask("{ mlflowGetRun(input: {runId: \"" + "0" * 32 + "\"}) { run { info { runId } } } }")
    assert answer == {"data": {"mlflowGetRun": None}, "errors": [f"Run with id={'0' * 32} not found"]}
    assert "Syntax Error" in ask("{")["errors"][0]
    assert "at most 10 root fields" in ask("{" + " ".join(f"a{i}: __typename" for i in range(11)) + "}")["errors"][0]


def test_hostile_queries_cost_little(tracking, ask):
    assert ask("{a" * 40_000)["data"] is None
    assert ask("{a(b: " + "[" * 50_000)["data"] is None
    assert ask("query(" + "$a: [" * 20_000)["data"] is None
    assert ask('{a(b: "\\ud800")}')["data"] is None
    for body in ("{", "[]", '{"query": 1}', '{"query": "{__typename}", "variables": 7, "operationName": []}', "\xff", ""):
        answer = requests.post(f"{tracking.url}/graphql", data=body.encode("latin1"), headers={"content-type": "application/json"})
        assert answer.status_code in (200, 400), body
    assert requests.post(f"{tracking.url}/graphql", data="{}", headers={"content-type": "text/plain"}).status_code == 400
