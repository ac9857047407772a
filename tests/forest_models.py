"""Models of the real XGBoost and LightGBM over their objectives and options, with rows and what the packages answer.

A case is a trained model and how to make rows for it; `XGBOOST` and `LIGHTGBM` list them by name."""

import dataclasses
import tempfile

import lightgbm as lgb
import numpy as np
import xgboost as xgb

FEATURES = 9
CATEGORIES = 40
TRAINED_ROWS = 3000


@dataclasses.dataclass
class Case:
    name: str
    params: dict
    rounds: int = 25
    classes: int = 1  # or targets
    targets: bool = False
    categories: int = 0  # how many of the first features are categories
    missing: float = 0.15
    groups: bool = False  # of rows, for ranking
    early: bool = False
    options: dict = dataclasses.field(default_factory=dict)


def make_rows(case, count, seed, unseen=False):
    """Values in steps of a quarter, so that many equal a threshold, mixed with large, small and missing ones. `unseen`
    ones are what training never showed: infinities, zeros of either sign, categories beyond all and below zero."""
    random = np.random.default_rng(seed)
    rows = random.normal(size=(count, FEATURES)).astype(np.float32)
    draw = random.random(rows.shape)
    rows[draw > 0.6] = np.round(rows[draw > 0.6] * 4) / 4
    rows[draw > 0.98] *= 1e6
    rows[(draw > 0.90) & (draw < 0.93)] = 0
    if case.categories:
        rows[:, : case.categories] = random.integers(0, CATEGORIES, (count, case.categories))
    if unseen:
        strange = np.array([np.inf, -np.inf, -0.0, 1e-36, -1e-36, 1e-35, 3e38, -3e38, 1e-45, 16777216], np.float32)
        where = random.random(rows.shape) < 0.03
        rows[where] = random.choice(strange, where.sum())
        if case.categories:
            where = random.random((count, case.categories)) < 0.1
            rows[:, : case.categories][where] = random.choice(np.array([-1, -0.5, 3.7, 31, 32, CATEGORIES, 1000, 2**24, 1e9], np.float32), where.sum())
    rows[random.random(rows.shape) < case.missing] = np.nan
    return rows


def scores(case, rows, seed):
    random = np.random.default_rng(seed + 1)
    clean = np.clip(np.nan_to_num(rows[:, :], nan=0.3, posinf=3, neginf=-3), -3, 3).astype(np.float64)
    score = clean[:, 3] + 0.7 * clean[:, 4] * clean[:, 5] - (clean[:, 6] > 0.25) + 0.4 * random.normal(size=len(rows))
    if case.categories:
        score += np.sin(np.nan_to_num(rows[:, 0], nan=5) * 1.7)
    return score


def labels(case, rows, seed):
    score = scores(case, rows, seed)
    objective = case.params["objective"]
    if case.targets:
        return np.stack([score * (i + 1) + i * np.nan_to_num(rows[:, 7], nan=1).clip(-3, 3) for i in range(case.classes)], 1)
    if case.classes > 1:
        return np.digitize(score, np.quantile(score, np.arange(1, case.classes) / case.classes))
    if case.groups:
        return np.digitize(score, np.quantile(score, [0.4, 0.7, 0.9]))
    if "map" in objective:
        return (score > 0).astype(int)
    if any(word in objective for word in ("logistic", "binary", "hinge", "logitraw")):
        return (score > 0).astype(int)
    if "entropy" in objective:
        return 1 / (1 + np.exp(-score))
    if any(word in objective for word in ("poisson", "tweedie")):
        return np.floor(np.exp(score / 2))
    if any(word in objective for word in ("gamma", "cox", "aft", "squaredlog", "mape")):
        return np.exp(score / 2) + 0.01
    return score


# ---- XGBoost

ELEMENTWISE = ["reg:squarederror", "reg:squaredlogerror", "reg:logistic", "reg:pseudohubererror", "reg:absoluteerror", "reg:gamma",
               "reg:tweedie", "count:poisson", "binary:logistic", "binary:logitraw", "binary:hinge", "survival:cox", "survival:aft"]


def xgboost_cases():
    for objective in ELEMENTWISE:
        yield Case(objective, {"objective": objective, "max_depth": 5})
        bounded = objective in ("reg:logistic", "binary:logistic")
        yield Case(objective + " base", {"objective": objective, "max_depth": 3, "base_score": 0.137 if bounded else 1.7})
    for score in (1e-7, 0.99999999):
        yield Case(f"logistic base {score}", {"objective": "binary:logistic", "max_depth": 3, "base_score": score})
    yield Case("quantiles", {"objective": "reg:quantileerror", "quantile_alpha": [0.1, 0.5, 0.9], "max_depth": 4})
    for objective in ("multi:softprob", "multi:softmax"):
        yield Case(objective, {"objective": objective, "num_class": 4, "max_depth": 4}, classes=4)
        yield Case(objective + " forest", {"objective": objective, "num_class": 3, "max_depth": 4, "num_parallel_tree": 3, "subsample": 0.6}, classes=3, rounds=8)
    for objective in ("rank:pairwise", "rank:ndcg", "rank:map"):
        yield Case(objective, {"objective": objective, "max_depth": 4}, groups=objective != "rank:map")
    for strategy in ("one_output_per_tree", "multi_output_tree"):
        params = {"objective": "reg:squarederror", "max_depth": 4, "multi_strategy": strategy, "tree_method": "hist"}
        yield Case(strategy, params, classes=3, targets=True)
        yield Case(strategy + " forest", {**params, "num_parallel_tree": 2, "subsample": 0.7}, classes=3, targets=True, rounds=6)
    for objective, classes in (("binary:logistic", 1), ("multi:softprob", 3)):
        params = {"objective": objective, "booster": "dart", "rate_drop": 0.3, "max_depth": 4, **({"num_class": 3} if classes > 1 else {})}
        yield Case(f"dart {objective}", params, classes=classes)
        yield Case(f"dart {objective} forest", {**params, "num_parallel_tree": 2, "normalize_type": "forest", "one_drop": 1}, classes=classes, rounds=10)
        params = {"objective": objective, "booster": "gblinear", **({"num_class": 3} if classes > 1 else {})}
        yield Case(f"linear {objective}", params, classes=classes)
    yield Case("linear base", {"objective": "reg:squarederror", "booster": "gblinear", "base_score": 2.5})
    yield Case("random forest", {"objective": "binary:logistic", "num_parallel_tree": 60, "subsample": 0.7, "colsample_bynode": 0.7, "learning_rate": 1.0, "max_depth": 7}, rounds=1)
    for method in ("exact", "approx", "hist"):
        yield Case(method, {"objective": "binary:logistic", "tree_method": method, "max_depth": 7, "gamma": 0.5})
    yield Case("lossguide", {"objective": "binary:logistic", "tree_method": "hist", "grow_policy": "lossguide", "max_leaves": 60, "max_depth": 0})
    yield Case("deep", {"objective": "reg:squarederror", "max_depth": 14, "min_child_weight": 0}, rounds=12)
    yield Case("stumps", {"objective": "reg:squarederror", "max_depth": 1}, rounds=100)
    yield Case("never missing", {"objective": "binary:logistic", "max_depth": 6}, missing=0)
    yield Case("mostly missing", {"objective": "binary:logistic", "max_depth": 6}, missing=0.8)
    yield Case("no rounds", {"objective": "binary:logistic"}, rounds=0)
    yield Case("weights", {"objective": "binary:logistic", "scale_pos_weight": 7, "max_delta_step": 0.7, "max_depth": 5})
    for one_hot in (1, 1000):
        for method in ("hist", "approx"):
            params = {"objective": "binary:logistic", "tree_method": method, "max_cat_to_onehot": one_hot, "max_depth": 6}
            yield Case(f"categories {one_hot} {method}", params, categories=3)
    params = {"objective": "multi:softprob", "num_class": 3, "tree_method": "hist", "max_cat_to_onehot": 4, "max_depth": 5}
    yield Case("categories of classes", params, classes=3, categories=2)
    yield Case("categories dart", {"objective": "reg:squarederror", "booster": "dart", "rate_drop": 0.2, "tree_method": "hist", "max_depth": 5}, categories=3)
    yield Case("early stop", {"objective": "binary:logistic", "max_depth": 6, "learning_rate": 1.0, "eval_metric": "logloss"}, rounds=60, early=True)


def xgboost_matrix(case, rows, label=None):
    kinds = ["c"] * case.categories + ["float"] * (FEATURES - case.categories) if case.categories else None
    matrix = xgb.DMatrix(rows, label, feature_types=kinds, enable_categorical=bool(case.categories))
    if label is not None and case.params["objective"] == "survival:aft":
        matrix.set_float_info("label_lower_bound", label)
        matrix.set_float_info("label_upper_bound", label * 1.5)
    if label is not None and "rank" in case.params["objective"]:
        matrix.set_group([50] * (len(rows) // 50))
    return matrix


def train_xgboost(case, seed=1):
    rows = make_rows(case, TRAINED_ROWS, seed)
    train = xgboost_matrix(case, rows, labels(case, rows, seed))
    params = {"seed": seed, "nthread": 1, **case.params}
    if not case.early:
        return xgb.train(params, train, case.rounds)
    other = make_rows(case, TRAINED_ROWS, seed + 7)
    valid = xgboost_matrix(case, other, labels(case, other, seed + 7))
    return xgb.train(params, train, case.rounds, evals=[(valid, "valid")], early_stopping_rounds=3, verbose_eval=False)


def xgboost_answers(case, booster, rows):
    matrix = xgboost_matrix(case, rows)
    return booster.predict(matrix, output_margin=True), booster.predict(matrix)


# ---- LightGBM

SIMPLE = ["regression", "regression_l1", "huber", "fair", "poisson", "quantile", "mape", "gamma", "tweedie", "binary", "cross_entropy", "cross_entropy_lambda"]


def lightgbm_cases():
    for objective in SIMPLE:
        yield Case(objective, {"objective": objective})
    for objective in ("regression", "regression_l1", "quantile"):
        yield Case(objective + " sqrt", {"objective": objective, "reg_sqrt": True})
    yield Case("sigmoid", {"objective": "binary", "sigmoid": 2.7})
    for objective in ("multiclass", "multiclassova"):
        yield Case(objective, {"objective": objective, "num_class": 4}, classes=4)
        yield Case(objective + " sigmoid", {"objective": objective, "num_class": 3, "sigmoid": 0.6}, classes=3)
    for objective in ("lambdarank", "rank_xendcg"):
        yield Case(objective, {"objective": objective}, groups=True)
    for boosting, extra in (("dart", {"drop_rate": 0.4}), ("rf", {"bagging_freq": 1, "bagging_fraction": 0.6}), ("gbdt", {"data_sample_strategy": "goss"})):
        yield Case(boosting, {"objective": "binary", "boosting": boosting, **extra})
        yield Case(boosting + " regression", {"objective": "regression", "boosting": boosting, **extra})
        yield Case(boosting + " classes", {"objective": "multiclass", "num_class": 3, "boosting": boosting, **extra}, classes=3)
    yield Case("zero is missing", {"objective": "binary", "zero_as_missing": True})
    yield Case("missing unused", {"objective": "binary", "use_missing": False})
    yield Case("never missing", {"objective": "binary"}, missing=0)
    yield Case("mostly missing", {"objective": "binary"}, missing=0.8)
    for options in ({}, {"max_cat_to_onehot": 100}, {"cat_smooth": 1, "min_data_per_group": 5, "max_cat_threshold": 64}):
        yield Case("categories " + " ".join(options), {"objective": "binary", **options}, categories=3)
    yield Case("categories zero is missing", {"objective": "regression", "zero_as_missing": True}, categories=3)
    yield Case("categories of classes", {"objective": "multiclass", "num_class": 3}, classes=3, categories=2)
    yield Case("many leaves", {"objective": "regression", "num_leaves": 500, "min_data_in_leaf": 1}, rounds=15)
    yield Case("stumps", {"objective": "regression", "num_leaves": 2}, rounds=60)
    yield Case("depth", {"objective": "binary", "max_depth": 3, "num_leaves": 8})
    yield Case("nothing to split", {"objective": "regression", "min_data_in_leaf": 100000}, rounds=3)
    yield Case("monotone", {"objective": "regression", "monotone_constraints": [0, 0, 0, 1, 0, 0, -1, 0, 0]})
    yield Case("extra trees", {"objective": "binary", "extra_trees": True, "path_smooth": 2.0, "linear_lambda": 0.1})
    yield Case("early stop", {"objective": "binary", "learning_rate": 1.0, "metric": "binary_logloss"}, rounds=60, early=True)


def lightgbm_data(case, seed, **options):
    rows = make_rows(case, TRAINED_ROWS, seed).astype(np.float64)
    if case.categories:
        options["categorical_feature"] = list(range(case.categories))
    group = [50] * (TRAINED_ROWS // 50) if case.groups else None
    return lgb.Dataset(rows, labels(case, rows, seed), group=group, **options)


def train_lightgbm(case, seed=1):
    params = {"seed": seed, "num_threads": 1, "verbosity": -1, "deterministic": True, **case.params}
    train, more = lightgbm_data(case, seed, params={"verbosity": -1, **case.params}), {}
    if case.early:
        more = {"valid_sets": [lightgbm_data(case, seed + 7, reference=train)], "callbacks": [lgb.early_stopping(3, verbose=False)]}
    return lgb.train(params, train, case.rounds, **more)


def lightgbm_rows(case, count, seed):
    """Doubles that floats do not hold, and thresholds' own neighbours."""
    rows = make_rows(case, count, seed, unseen=True).astype(np.float64)
    random = np.random.default_rng(seed + 3)
    numbers = rows[:, case.categories :]
    where = random.random(numbers.shape) < 0.3
    numbers[where] *= 1 + 1e-12 * random.normal(size=where.sum())
    return rows


def lightgbm_answers(_, booster, rows):
    return booster.predict(rows, raw_score=True), booster.predict(rows)


XGBOOST = {case.name: case for case in xgboost_cases()}
LIGHTGBM = {case.name: case for case in lightgbm_cases()}


def saved(booster, suffix):
    """A booster's bytes."""
    with tempfile.NamedTemporaryFile(suffix=suffix) as file:
        booster.save_model(file.name)
        return file.read()
