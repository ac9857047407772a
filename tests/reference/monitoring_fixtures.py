"""Writes src/monitoring/testdata/statistics.json: what scipy, scikit-learn and Evidently say about small made-up columns.

    python -m venv venv && venv/bin/pip install scipy scikit-learn evidently 'pandas<3'
    venv/bin/python tests/reference/monitoring_fixtures.py src/monitoring/testdata/statistics.json

The columns are made by additions and multiplications only, so that the C++ test makes the very same ones from the
recipes in the file; only the results are stored.
"""
import json
import platform
import sys
import warnings
from importlib.metadata import version

import numpy as np
import pandas as pd
from evidently.legacy.calculations.stattests import registry
from evidently.legacy.core import ColumnType
from scipy import stats
from sklearn import metrics
from sklearn.calibration import calibration_curve

MASK = (1 << 64) - 1


def splitmix(seed, count):
    """Uniform doubles in [0, 1) by SplitMix64."""
    out = np.empty(count)
    state = seed & MASK
    for i in range(count):
        state = (state + 0x9E3779B97F4A7C15) & MASK
        z = state
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
        z ^= z >> 31
        out[i] = (z >> 11) * 2.0**-53
    return out


def column(recipe):
    """uniform: shift + scale u; bell: shift + scale (u1 + u2 + u3 + u4 - 2); integers: floor of uniform."""
    kind, count = recipe["kind"], recipe["n"]
    if kind == "bell":
        u = splitmix(recipe["seed"], 4 * count).reshape(count, 4)
        base = u[:, 0] + u[:, 1] + u[:, 2] + u[:, 3] - 2.0
    else:
        base = splitmix(recipe["seed"], count)
    values = recipe["shift"] + recipe["scale"] * base
    if kind == "integers":
        values = np.floor(values)
    if recipe.get("missing_every"):
        values[:: recipe["missing_every"]] = np.nan
    return values


def recipe(kind, seed, n, shift=0.0, scale=1.0, missing_every=0):
    return {"kind": kind, "seed": seed, "n": n, "shift": shift, "scale": scale, "missing_every": missing_every}


PAIRS = [
    ("same bell", recipe("bell", 1, 900), recipe("bell", 2, 700)),
    ("shifted bell, small reference", recipe("bell", 3, 800), recipe("bell", 4, 1200, 0.07)),
    ("equal sizes", recipe("bell", 5, 500), recipe("bell", 6, 500, 0.05, 1.1)),
    ("far apart", recipe("uniform", 7, 300), recipe("uniform", 8, 200, 2.0)),
    ("tiny", recipe("uniform", 9, 7), recipe("uniform", 10, 5, 0.3)),
    ("one row each", recipe("uniform", 11, 1), recipe("uniform", 12, 1)),
    ("large reference", recipe("bell", 13, 5000), recipe("bell", 14, 3000, 0.02)),
    ("large reference, wide shift", recipe("bell", 15, 5000), recipe("bell", 16, 3000, 0.4, 1.5)),
    ("long against short", recipe("bell", 17, 12000), recipe("bell", 18, 60, 0.1)),
    ("long against shorter still", recipe("bell", 19, 12000), recipe("bell", 20, 9, 0.2)),
    ("long against 500", recipe("bell", 21, 12000), recipe("bell", 22, 500, 0.01)),
    ("long against long", recipe("bell", 23, 20000), recipe("bell", 24, 15000)),
    ("long against long, some shift", recipe("bell", 25, 20000), recipe("bell", 26, 15000, 0.015)),
    ("long against long, more shift", recipe("bell", 27, 20000), recipe("bell", 28, 15000, 0.05)),
    ("long against long, far", recipe("bell", 29, 20000), recipe("bell", 30, 15000, 0.7)),
    ("many integers", recipe("integers", 31, 3000, 0.0, 24.0), recipe("integers", 32, 2000, 2.0, 22.0)),
    ("seven integers, small", recipe("integers", 33, 900, 0.0, 7.0), recipe("integers", 34, 800, 0.0, 7.0)),
    ("seven integers, large", recipe("integers", 35, 3000, 0.0, 7.0), recipe("integers", 36, 800, 1.0, 6.0)),
    ("four integers, small", recipe("integers", 37, 900, 0.0, 4.0), recipe("integers", 38, 800, 0.0, 4.0)),
    ("four integers, a new one", recipe("integers", 39, 900, 0.0, 3.0), recipe("integers", 40, 800, 0.0, 4.0)),
    ("four integers, large", recipe("integers", 41, 2000, 0.0, 4.0), recipe("integers", 42, 800, 0.5, 3.5)),
    ("two integers", recipe("integers", 43, 900, 0.0, 2.0), recipe("integers", 44, 800, 0.1, 1.9)),
    ("two integers, large", recipe("integers", 45, 2000, 0.0, 2.0), recipe("integers", 46, 800, 0.1, 1.9)),
    ("a constant", recipe("integers", 47, 900, 3.0, 0.5), recipe("integers", 48, 800, 3.0, 0.5)),
    ("with missing values", recipe("bell", 49, 2000, 5.0, 3.0, 7), recipe("bell", 50, 900, 5.2, 3.0, 3)),
    ("twenty values", recipe("integers", 51, 3000, 0.0, 20.0), recipe("integers", 52, 2000, 0.0, 23.0)),
]

CATEGORICAL = ["chisquare", "z", "jensenshannon", "psi", "kl_div", "hellinger"]
NUMERICAL = ["ks", "wasserstein", "jensenshannon", "psi", "kl_div", "hellinger"]


def evidently(reference, current, kind, name=None):
    reference = pd.Series(reference).replace([-np.inf, np.inf], np.nan).dropna()
    current = pd.Series(current).replace([-np.inf, np.inf], np.nan).dropna()
    test = registry.get_stattest(reference, current, kind, name)
    result = test(reference.copy(), current.copy(), kind, None)
    return {"method": test.name, "score": float(result.drift_score), "drifted": bool(result.drifted)}


def drift_case(name, left, right):
    reference, current = column(left), column(right)
    case = {"name": name, "reference": left, "current": right}
    case["default"] = evidently(reference, current, ColumnType.Numerical)
    case["numerical"] = {t: evidently(reference, current, ColumnType.Numerical, t)["score"] for t in NUMERICAL}
    ref, cur = reference[np.isfinite(reference)], current[np.isfinite(current)]
    case["ks_statistic"] = float(stats.ks_2samp(ref, cur).statistic)
    case["distance"] = float(stats.wasserstein_distance(ref, cur))
    if left["kind"] == "integers":
        ref, cur = (pd.Series([f"v{int(x):03d}" for x in side]) for side in (ref, cur))
        case["categorical_default"] = evidently(ref, cur, ColumnType.Categorical)
        many = len(set(ref) | set(cur)) > 1
        tests = [t for t in CATEGORICAL if many or t not in ("chisquare",)]
        case["categorical"] = {t: evidently(ref, cur, ColumnType.Categorical, t)["score"] for t in tests}
    return case


def kolmogorov_cases():
    cases = []
    for n in (1, 2, 5, 9, 50, 140, 141, 500, 3000, 99_999, 120_000, 1_000_000):
        for z in (0.1, 0.3, 0.45, 0.6, 0.8, 0.87, 1.0, 1.2, 1.5, 1.8, 2.1, 3.0, 6.0, 12.0):
            d = z / n**0.5
            if 0.5 / n < d < 1:
                cases.append({"n": n, "d": d, "survival": float(stats.kstwo.sf(d, n))})
    return cases


def curve(labels, predictions, bins, strategy):
    share, mean = calibration_curve(labels, predictions, n_bins=bins, strategy=strategy)
    edges = np.linspace(0, 1, bins + 1)
    if strategy == "quantile":
        edges = np.percentile(predictions, edges * 100)
    rows = np.bincount(np.searchsorted(edges[1:-1], predictions), minlength=bins)
    rows = rows[rows > 0]
    return {
        "share": share.tolist(),
        "mean": mean.tolist(),
        "rows": rows.tolist(),
        "error": float(np.sum(np.abs(share - mean) * rows) / len(labels)),
    }


def performance_case(name, seed, n, steps, lift):
    """Predictions are u^2, rounded to 1/steps where steps > 0; a label is 1 where another u < lift * prediction."""
    u = splitmix(seed, 2 * n).reshape(n, 2)
    predictions = u[:, 0] * u[:, 0]
    if steps:
        predictions = np.floor(predictions * steps) / steps
    labels = (u[:, 1] < lift * predictions).astype(float)
    said = predictions > 0.5
    out = {"name": name, "seed": seed, "n": n, "steps": steps, "lift": lift}
    out["metrics"] = {
        "log_loss": metrics.log_loss(labels, predictions, labels=[0, 1]),
        "roc_auc": metrics.roc_auc_score(labels, predictions),
        "brier_score": metrics.brier_score_loss(labels, predictions),
        "accuracy": metrics.accuracy_score(labels, said),
        "precision": metrics.precision_score(labels, said, zero_division=0),
        "recall": metrics.recall_score(labels, said, zero_division=0),
        "f1": metrics.f1_score(labels, said, zero_division=0),
        "mean_absolute_error": metrics.mean_absolute_error(labels, predictions),
        "root_mean_squared_error": metrics.root_mean_squared_error(labels, predictions),
    }
    out["uniform"] = curve(labels, predictions, 10, "uniform")
    out["quantile"] = curve(labels, predictions, 10, "quantile")
    return out


def main():
    warnings.simplefilter("ignore")
    fixtures = {
        "made_with": {p: version(p) for p in ("numpy", "scipy", "scikit-learn", "pandas", "evidently")}
        | {"python": platform.python_version()},
        "drift": [drift_case(*pair) for pair in PAIRS],
        "kolmogorov": kolmogorov_cases(),
        "performance": [
            performance_case("well calibrated", 101, 2000, 0, 1.0),
            performance_case("too sure", 102, 1500, 0, 0.6),
            performance_case("many ties", 103, 1000, 8, 0.9),
            performance_case("exact zeros and edges", 104, 800, 10, 1.2),
            performance_case("few rows", 105, 12, 0, 1.0),
        ],
    }
    with open(sys.argv[1], "w", encoding="utf-8") as file:
        json.dump(fixtures, file, indent=1)
        file.write("\n")


main()
