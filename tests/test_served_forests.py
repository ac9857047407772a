"""Models that the field's own client registered are served by an endpoint and answer what their library answers."""

import json

import forest_models
import lightgbm as lgb
import mlflow
import numpy as np
import pandas as pd
import pytest
import xgboost as xgb
from serving import register, serve


@pytest.fixture
def tracked(server, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    mlflow.set_tracking_uri(server.url)
    yield server
    mlflow.set_tracking_uri(None)


def log_and_serve(server, tmp_path, flavor, model, **options):
    register(flavor, model, "scores", **options)
    return serve(server, tmp_path / "project", "scores")


def infer(server, rows):
    columns = [{"name": name, "shape": [len(rows)], "datatype": "FP64", "data": rows[name].tolist()} for name in rows]
    answer = server.post("/v2/models/scores/infer", data=json.dumps({"inputs": columns}), headers={"Content-Type": "application/json"})
    output = answer["outputs"][0]
    return np.array(output["data"]).reshape(output["shape"])


def table(case, names, seed=5):
    rows = forest_models.lightgbm_rows(case, 500, seed)
    return pd.DataFrame(np.nan_to_num(rows, posinf=1e9, neginf=-1e9), columns=names)


@pytest.mark.parametrize("name", ["binary", "multiclass", "rf", "categories ", "poisson"])
def test_a_lightgbm_model_of_mlflow_answers_as_lightgbm_does(tracked, tmp_path, name):
    case = forest_models.LIGHTGBM[name]
    booster = forest_models.train_lightgbm(case)
    names = [f"reading {i}" for i in range(forest_models.FEATURES)]
    rows = table(case, names)
    signature = mlflow.models.infer_signature(rows, booster.predict(rows))
    log_and_serve(tracked, tmp_path, mlflow.lightgbm, booster, signature=signature)
    np.testing.assert_allclose(infer(tracked, rows), booster.predict(rows), rtol=1e-12, atol=1e-12)
    loaded = mlflow.pyfunc.load_model("models:/scores@champion")
    np.testing.assert_allclose(infer(tracked, rows), loaded.predict(rows), rtol=1e-12, atol=1e-12)


def test_a_lightgbm_model_without_a_signature_has_lightgbms_names(tracked, tmp_path):
    case = forest_models.LIGHTGBM["regression"]
    booster = forest_models.train_lightgbm(case)
    log_and_serve(tracked, tmp_path, mlflow.lightgbm, booster)
    rows = table(case, booster.feature_name())
    assert booster.feature_name()[0] == "Column_0"
    np.testing.assert_allclose(infer(tracked, rows), booster.predict(rows), rtol=1e-12, atol=1e-12)


def test_a_model_on_pandas_categories_is_refused_with_the_reason(tracked, tmp_path):
    rows = pd.DataFrame({"color": pd.Categorical(["red", "green", "blue"] * 40), "size": np.arange(120.0)})
    booster = lgb.train({"objective": "regression", "verbosity": -1}, lgb.Dataset(rows, np.arange(120.0)), 3)
    assert "pandas' categories; train it on their codes" in log_and_serve(tracked, tmp_path, mlflow.lightgbm, booster).stderr


def test_an_early_stopped_xgboost_regressor_answers_up_to_its_best_round(tracked, tmp_path):
    case = forest_models.XGBOOST["reg:squarederror"]
    rows, other = (pd.DataFrame(forest_models.make_rows(case, 2000, seed)).add_prefix("x") for seed in (1, 2))
    score, truth = (forest_models.scores(case, values.to_numpy(), seed) for values, seed in ((rows, 1), (other, 2)))
    model = xgb.XGBRegressor(n_estimators=200, learning_rate=0.8, early_stopping_rounds=5).fit(rows, score, eval_set=[(other, truth)], verbose=False)
    assert model.best_iteration + 1 < model.get_booster().num_boosted_rounds()
    log_and_serve(tracked, tmp_path, mlflow.xgboost, model)
    asked = other.fillna(0.5)
    np.testing.assert_array_equal(infer(tracked, asked), model.predict(asked).astype(np.float64))
