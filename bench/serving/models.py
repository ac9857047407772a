"""Trains the models that bench/serving/engine.cc scores, and makes what its peers need, in a folder:

    S  100 trees of depth 6 on 30 features      M  500 trees of depth 8 on 30      L  1000 trees of depth 6 on 200
    F  as S, on 50 features (beside_peers.py looks them up)

by XGBoost (NAME.ubj, NAME.onnx, NAME.treelite, and S.so as tl2cgen compiles it: M and L take a C compiler very long) and LightGBM (NAME.txt), with rows of doubles (NAME.rows).
Without onnxmltools or tl2cgen their files are left out. Needs xgboost, lightgbm, numpy."""

import argparse
import pathlib

import lightgbm as lgb
import numpy as np
import xgboost as xgb

SIZES = {"S": (100, 6, 30), "M": (500, 8, 30), "L": (1000, 6, 200), "F": (100, 6, 50)}
TRAINED_ROWS, SCORED_ROWS = 20_000, 10_000


def data(features, rows, seed):
    random = np.random.default_rng(seed)
    values = random.normal(size=(rows, features)).astype(np.float32)
    score = values[:, 0] + values[:, 1] * values[:, 2] + np.sin(2 * values[:, 3]) + 0.3 * values[:, 4:20].sum(1)
    return values, (score + random.normal(size=rows) > 0).astype(int)


def make_data(name, missing=False):
    """What a model is trained on, its label, and other rows to score."""
    features = SIZES[name][2]
    values, label = data(features, TRAINED_ROWS, 1)
    rows, _ = data(features, SCORED_ROWS, 2)
    for table in (values, rows) if missing else ():
        table[np.random.default_rng(3).random(table.shape) < 0.1] = np.nan
    return values, label, rows


def train_xgboost(name, values, label):
    trees, depth, _ = SIZES[name]
    params = {"objective": "binary:logistic", "max_depth": depth, "tree_method": "hist", "eta": 0.05, "min_child_weight": 0}
    return xgb.train(params, xgb.DMatrix(values, label), trees)


def train_lightgbm(name, values, label):
    trees, depth, _ = SIZES[name]
    params = {"objective": "binary", "num_leaves": 2**depth, "max_depth": depth, "learning_rate": 0.05, "min_data_in_leaf": 1, "verbosity": -1}
    return lgb.train(params, lgb.Dataset(values.astype(np.float64), label), trees)


def train(folder, name, missing):
    values, label, rows = make_data(name, missing)
    booster = train_xgboost(name, values, label)
    booster.save_model(folder / f"{name}.ubj")
    train_lightgbm(name, values, label).save_model(folder / f"{name}.txt")
    rows.tofile(folder / f"{name}.rows")
    return booster, values.shape[1]


def convert(folder, name, booster, features):
    try:
        from onnxmltools import convert_xgboost
        from onnxmltools.convert.common.data_types import FloatTensorType

        model = convert_xgboost(booster, initial_types=[("x", FloatTensorType([None, features]))])
        (folder / f"{name}.onnx").write_bytes(model.SerializeToString())
    except Exception as problem:  # a converter may lag behind XGBoost's newest format
        print(f"{name}.onnx: {problem}")


def compile_trees(folder, name):
    try:
        import treelite

        model = treelite.frontend.load_xgboost_model(str(folder / f"{name}.ubj"), format_choice="ubjson")
        model.serialize(str(folder / f"{name}.treelite"))
        if name != "S":
            return
        import tl2cgen

        tl2cgen.export_lib(model, toolchain="gcc", libpath=str(folder / f"{name}.so"), params={"parallel_comp": 8}, nthread=2, verbose=False)
    except Exception as problem:
        print(f"{name}.so: {problem}")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--missing", action="store_true", help="one value in ten is missing")
    parser.add_argument("--sizes", default="SML")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    for name in options.sizes:
        booster, features = train(options.folder, name, options.missing)
        convert(options.folder, name, booster, features)
        compile_trees(options.folder, name)


if __name__ == "__main__":
    main()
