"""Small models as older releases of XGBoost save them, with rows and what that release answers once it has read them back.

    python -m venv V && V/bin/pip install xgboost==1.0.2 "numpy<2" scipy
    V/bin/python tests/reference/forest_fixtures.py tests/reference/forest

writes xgboost-1.0.2.json; likewise 1.3.3, 1.7.6, 2.0.3, 2.1.4, 3.0.5 and 3.1.3 (Python 3.11, x86-64). Runs with each of these."""

import base64
import json
import pathlib
import sys
import tempfile

import numpy as np
import xgboost as xgb

VERSION = tuple(int(part) for part in xgb.__version__.split(".")[:2])


def make_rows(count, seed, categories):
    random = np.random.RandomState(seed)
    rows = np.round(random.normal(size=(count, 4)) * 8).astype(np.float32) / 8
    rows[random.rand(count, 4) < 0.15] = np.nan
    if categories:
        rows[:, 0] = random.randint(0, 12, count)
    return rows


def cases(score):
    classes, several = np.digitize(score, [-0.3, 0.3]), np.stack([score, -2 * score], 1)
    yield "logistic", (1, 0), {"objective": "binary:logistic", "base_score": 0.3}, score > 0
    yield "logitraw", (1, 0), {"objective": "binary:logitraw", "base_score": 0.3}, score > 0
    yield "poisson", (1, 0), {"objective": "count:poisson"}, np.floor(np.exp(score))
    yield "softprob", (1, 0), {"objective": "multi:softprob", "num_class": 3, "num_parallel_tree": 2, "subsample": 0.8}, classes
    yield "dart", (1, 0), {"objective": "reg:squarederror", "booster": "dart", "rate_drop": 0.4}, score
    yield "linear", (1, 0), {"objective": "multi:softprob", "num_class": 3, "booster": "gblinear"}, classes
    yield "aft", (1, 2), {"objective": "survival:aft", "base_score": 0.7}, np.exp(score)
    yield "categories", (1, 6), {"objective": "reg:squarederror", "tree_method": "hist", "max_cat_to_onehot": 1}, score
    yield "one hot", (1, 6), {"objective": "reg:squarederror", "tree_method": "hist", "max_cat_to_onehot": 100}, score
    yield "quantiles", (2, 0), {"objective": "reg:quantileerror", "quantile_alpha": [0.2, 0.8]}, score
    yield "targets", (2, 0), {"objective": "reg:squarederror", "tree_method": "hist", "multi_strategy": "multi_output_tree"}, several


def matrix(rows, categories, label=None):
    if not categories:
        return xgb.DMatrix(rows, label)
    return xgb.DMatrix(rows, label, feature_types=["c", "float", "float", "float"], enable_categorical=True)


def read_back(booster, suffix):
    with tempfile.TemporaryDirectory() as folder:
        file = f"{folder}/model{suffix}"
        booster.save_model(file)
        again = xgb.Booster()
        again.load_model(file)
        return pathlib.Path(file).read_bytes(), again


def numbers(values):
    return [None if np.isnan(value) else float(value) for value in np.asarray(values, np.float32).ravel()]


def fixture(name, params, rows, label):
    categories = name in ("categories", "one hot")
    train = matrix(rows, categories, label)
    if name == "aft":
        train.set_float_info("label_lower_bound", label)
        train.set_float_info("label_upper_bound", label * 1.5)
    booster = xgb.train({"nthread": 1, "seed": 1, "eta": 0.5, "max_depth": 2, "verbosity": 0, **params}, train, 3)
    asked = make_rows(24, 9, categories)
    if categories:
        asked[:6, 0] = [np.nan, -1, 12, 31, 32, 500]
    for suffix in (".json", ".ubj") if VERSION >= (1, 6) and name == "softprob" else (".json",):
        model, again = read_back(booster, suffix)
        answers = [again.predict(matrix(asked, categories), output_margin=margin) for margin in (True, False)]
        yield {"name": name, "suffix": suffix, "model": base64.b64encode(model).decode() if suffix == ".ubj" else model.decode(),
               "rows": numbers(asked), "margins": numbers(answers[0]), "predictions": numbers(answers[1])}


def main(folder):
    fixtures = []
    for name, since, params, _ in cases(np.zeros(1)):
        if VERSION < since:
            continue
        rows = make_rows(400, 0, name in ("categories", "one hot"))
        first = np.sin(rows[:, 0] * 2) if name in ("categories", "one hot") else np.nan_to_num(rows[:, 0])
        label = next(case[3] for case in cases(first + 0.5 * np.nan_to_num(rows[:, 1])) if case[0] == name)
        fixtures += fixture(name, params, rows, label)
    (pathlib.Path(folder) / f"xgboost-{xgb.__version__}.json").write_text("[" + ",\n".join(map(json.dumps, fixtures)) + "]\n")


main(sys.argv[1])
