"""The registered model in the hands of the field's own tools."""

import mlflow.pyfunc
import mlflow.xgboost
import numpy as np
import pyarrow.parquet as pq
import pytest
import tritonclient.http
import xgboost


@pytest.fixture(scope="module")
def version(main_job):
    return main_job.server.get("/api/v1/models/delays/aliases/baseline")


@pytest.fixture(scope="module")
def folder(main_job, version):
    return str(main_job.server.path(version["source"]))


@pytest.fixture(scope="module")
def answered(main_job, version):
    """Rows of the log that this version answered."""
    main_job.server.post("/api/v1/endpoints/delays/commit")
    rows = pq.read_table(main_job.server.files("delays.predictions")[0]).to_pandas()
    return rows[rows["version"] == version["version"]].head(5000)


@pytest.fixture(scope="module")
def features(main_job):
    return main_job.server.get("/api/v1/feature-services/delay_features")["features"]


def test_mlflow_scores_to_the_numbers_that_were_served(folder, answered, features):
    model = mlflow.pyfunc.load_model(folder)
    scores = np.asarray(model.predict(answered[features]), dtype=np.float64)
    np.testing.assert_array_equal(scores, answered["prediction"])


def test_mlflow_loads_the_booster_itself(folder, answered, features):
    booster = mlflow.xgboost.load_model(folder)
    scores = booster.predict(xgboost.DMatrix(answered[features])).astype(np.float64)
    np.testing.assert_array_equal(scores, answered["prediction"])


def test_the_signature_names_the_features_in_order(folder, features):
    signature = mlflow.pyfunc.load_model(folder).metadata.signature
    assert [column.name for column in signature.inputs] == features


def test_the_folder_names_the_run_that_made_it(folder, version):
    assert mlflow.pyfunc.load_model(folder).metadata.run_id == version["run_id"]


@pytest.fixture
def triton(main_job):
    with tritonclient.http.InferenceServerClient(main_job.server.url.removeprefix("http://")) as client:
        yield client


def triton_inputs(row):
    inputs = []
    for name, datatype, value in (("origin", "BYTES", np.array([row["origin"].encode()], dtype=object)),
                                  ("destination", "BYTES", np.array([row["destination"].encode()], dtype=object)),
                                  ("distance", "INT64", np.array([row["input_distance"]], dtype=np.int64))):
        inputs.append(tritonclient.http.InferInput(name, [1], datatype))
        inputs[-1].set_data_from_numpy(value, binary_data=False)
    return inputs


def test_triton_s_client_infers(main_job, triton, answered):
    row = answered.iloc[0]
    output = tritonclient.http.InferRequestedOutput("prediction", binary_data=False)
    answer = triton.infer("delays", triton_inputs(row), outputs=[output], request_id="by-triton")
    assert answer.get_response()["id"] == "by-triton"
    assert answer.as_numpy("prediction").shape == (1,)
    assert 0 < answer.as_numpy("prediction")[0] < 1


def test_triton_s_client_sees_a_ready_model(triton):
    assert triton.is_server_live() and triton.is_server_ready()
    assert triton.is_model_ready("delays")
    metadata = triton.get_model_metadata("delays")
    assert {tensor["name"]: tensor["datatype"] for tensor in metadata["inputs"]} == {"origin": "BYTES", "destination": "BYTES", "distance": "INT64"}
    assert metadata["outputs"] == [{"name": "prediction", "datatype": "FP64", "shape": [-1]}]


def test_triton_s_client_is_told_what_is_wrong(triton, answered):
    inputs = triton_inputs(answered.iloc[0])
    with pytest.raises(tritonclient.utils.InferenceServerException, match='needs input "distance"'):
        triton.infer("delays", inputs[:2])
    with pytest.raises(tritonclient.utils.InferenceServerException, match='did you mean "delays"'):
        triton.infer("delay", inputs)
