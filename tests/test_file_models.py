"""Endpoints whose model is a file of the project."""

import lightgbm as lgb
import mlflow
import numpy as np
import pytest
import xgboost as xgb
from skl2onnx import to_onnx
from sklearn.linear_model import LinearRegression

ROWS = np.random.default_rng(1).normal(size=(300, 2)).astype(np.float32)


def booster(seed):
    return xgb.train({"max_depth": 3, "seed": seed}, xgb.DMatrix(ROWS, label=ROWS[:, 0] * seed, feature_names=["a", "b"]), 5)


@pytest.fixture
def project(tmp_path):
    folder = tmp_path / "project"
    (folder / "models").mkdir(parents=True)

    def write(*models):
        endpoints = "".join(f"---\nkind: Endpoint\nname: {name}\nmodel: {model}\n" for name, model in models)
        (folder / "serving.yaml").write_text(f"kind: Project\nname: files\n{endpoints}")
        return folder

    return write


def infer(server, name, rows):
    tensor = {"name": "X", "shape": list(rows.shape), "datatype": "FP32", "data": rows.ravel().tolist()}
    answer = server.post(f"/v2/models/{name}/infer", json={"inputs": [tensor]})
    return np.array(answer["outputs"][0]["data"], np.float64), int(answer["model_version"])


def test_files_and_folders_are_served_and_the_same_bytes_are_the_same_version(server, project):
    folder = project(("ubj", "file:models/m.ubj"), ("json", "file:models/m.json"), ("lgb", "file:./models/m.txt"), ("onnx", "file:models/m.onnx"), ("folder", "file:models/churn/"))
    models = folder / "models"
    booster(1).save_model(models / "m.ubj")
    booster(2).save_model(models / "m.json")
    light = lgb.train({"verbose": -1, "num_leaves": 4, "min_data_in_leaf": 5}, lgb.Dataset(ROWS, ROWS[:, 1]), 5)
    light.save_model(models / "m.txt")
    linear = LinearRegression().fit(ROWS, ROWS[:, 0] * 3)
    (models / "m.onnx").write_bytes(to_onnx(linear, ROWS[:1]).SerializeToString())
    mlflow.xgboost.save_model(booster(3), models / "churn", model_format="ubj")
    server.apply(folder)
    rows, data = ROWS[:20], xgb.DMatrix(ROWS[:20], feature_names=["a", "b"])
    for name, expected in (("ubj", booster(1).predict(data)), ("json", booster(2).predict(data)), ("folder", booster(3).predict(data)), ("lgb", light.predict(rows)), ("onnx", linear.predict(rows))):
        answer, version = infer(server, name, rows)
        np.testing.assert_allclose(answer, np.asarray(expected, np.float64), rtol=1e-6 if name == "onnx" else 1e-12, atol=1e-6 if name == "onnx" else 0)
        assert version == 1
    booster(9).save_model(models / "m.ubj")
    server.apply(folder)
    assert infer(server, "ubj", rows)[1] == 2 and infer(server, "json", rows)[1] == 1
    booster(1).save_model(models / "m.ubj")
    server.apply(folder)
    assert infer(server, "ubj", rows)[1] == 1
    server.kill9()
    server.start()
    assert infer(server, "ubj", rows)[1] == 1 and infer(server, "onnx", rows)[1] == 1
    assert "ubj.file/1" in server.run("endpoint", "list").stdout


@pytest.mark.parametrize(
    "model, message",
    [
        ("file:models/n.ubj", 'serving.yaml:6:8: the project has no file models/n.ubj; did you mean "models/m.ubj"?'),
        ("file:../m.ubj", "serving.yaml:6:8: the project has no file ../m.ubj"),
        ("file:/etc/passwd", "serving.yaml:6:8: \"file:\" is followed by a path in the project's folder"),
        ("'file:'", "is followed by a path"),
        ("file:models", "serving.yaml:6:8: the folder models has no file MLmodel"),
        ("file:serving.yaml", "model file:serving.yaml: serving.yaml is no model by itself"),
        ("file:models/m.ubj\nalias: champion", 'serving.yaml:7:8: an endpoint whose model is a file has one version and no "alias"'),
    ],
)
def test_what_cannot_be_a_model_is_said(server, project, model, message):
    folder = project(("e", model))
    booster(1).save_model(folder / "models" / "m.ubj")
    done = server.run("apply", folder)
    assert done.returncode == 1 and message in done.stderr, done.stderr


def test_a_damaged_file_leaves_what_is_served(server, project):
    folder = project(("e", "file:models/m.ubj"))
    booster(1).save_model(folder / "models" / "m.ubj")
    server.apply(folder)
    (folder / "models" / "m.ubj").write_bytes(b"{\xff\x00")
    assert server.run("apply", folder).returncode == 1
    assert infer(server, "e", ROWS[:1])[1] == 1
