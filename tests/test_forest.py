"""The forest engine against the packages that trained its models: XGBoost's margins and predictions to the bit,
LightGBM's within 1e-12."""

import base64
import json
import pathlib
import subprocess

import forest_models
import numpy as np
import pytest
import xgboost as xgb

ROOT = pathlib.Path(__file__).resolve().parent.parent
ROWS = 6000  # of each model; three models a case
SEEDS = (1, 2, 3)


@pytest.fixture(scope="session")
def forest_scores():
    build = ROOT / "build/release"
    subprocess.run(["cmake", "--build", build, "--target", "forest_scores"], check=True, stdout=subprocess.DEVNULL)
    return build / "tests/forest_scores"


class Engine:
    """Our engine, on models and rows in a folder."""

    def __init__(self, program, folder):
        self.program, self.folder = program, folder

    def score(self, model, rows, steps):
        """(margins, predictions) of all rows, for each number of them that is scored at a time."""
        out = [self.folder / f"{step}.out" for step in steps]
        given = self.folder / ("rows.f64" if rows.dtype == np.float64 else "rows.f32")
        rows.tofile(given)
        jobs = self.folder / "jobs"
        jobs.write_text("".join(f"{model} {given} {path} {step}\n" for path, step in zip(out, steps)))
        done = subprocess.run([self.program, jobs], capture_output=True, text=True, check=True)
        for line, path in zip(done.stdout.splitlines(), out, strict=True):
            assert not line.startswith("error"), line
            margins, predictions = map(int, line.split())
            values = np.fromfile(path, rows.dtype)
            assert len(values) == len(rows) * (margins + predictions)
            yield values[: len(rows) * margins], values[len(rows) * margins :]


@pytest.fixture()
def engine(forest_scores, tmp_path):
    return Engine(forest_scores, tmp_path)


def same_bits(got, wanted):
    wanted = np.ascontiguousarray(wanted, np.float32).ravel()
    differ = np.flatnonzero(got.view(np.uint32) != wanted.view(np.uint32))
    assert len(differ) == 0, f"{len(differ)} of {len(got)} differ, the first: {got[differ[0]]!r}, not {wanted[differ[0]]!r}"


@pytest.mark.parametrize("name", forest_models.XGBOOST)
@pytest.mark.parametrize("suffix", [".json", ".ubj"])
def test_xgboost_to_the_bit(engine, tmp_path, name, suffix):
    case = forest_models.XGBOOST[name]
    for seed in SEEDS:
        booster = forest_models.train_xgboost(case, seed)
        rows = forest_models.make_rows(case, ROWS, seed + 100, unseen=True)
        rows[np.isinf(rows)] = np.nan  # a DMatrix refuses them
        booster.save_model(tmp_path / f"model{suffix}")
        margins, predictions = forest_models.xgboost_answers(case, xgb.Booster(model_file=tmp_path / f"model{suffix}"), rows)
        for got in engine.score(tmp_path / f"model{suffix}", rows, (1, 5, 1000)):
            same_bits(got[0], margins)
            same_bits(got[1], predictions)


@pytest.mark.parametrize("name", forest_models.LIGHTGBM)
def test_lightgbm_within_1e_12(engine, tmp_path, name):
    case = forest_models.LIGHTGBM[name]
    for seed in SEEDS:
        booster = forest_models.train_lightgbm(case, seed)
        rows = forest_models.lightgbm_rows(case, ROWS, seed + 100)
        wanted = forest_models.lightgbm_answers(case, booster, rows)
        booster.save_model(tmp_path / "model.txt")
        for got in engine.score(tmp_path / "model.txt", rows, (1, 5, 1000)):
            for values, truth in zip(got, wanted):
                np.testing.assert_allclose(values, truth.ravel(), rtol=1e-12, atol=1e-12)


FIXTURES = [(file.stem, model) for file in sorted((pathlib.Path(__file__).parent / "reference/forest").glob("*.json")) for model in json.loads(file.read_text())]


@pytest.mark.parametrize("release, fixture", FIXTURES, ids=[f"{release} {fixture['name']}{fixture['suffix']}" for release, fixture in FIXTURES])
def test_models_of_older_releases(engine, tmp_path, release, fixture):
    """Made by reference/forest_fixtures.py. Sums are those of the newest release, to the bit; the first releases add in
    another order, so what they answered themselves is met but for the last digits."""
    model = tmp_path / f"model{fixture['suffix']}"
    model.write_bytes(base64.b64decode(fixture["model"]) if fixture["suffix"] == ".ubj" else fixture["model"].encode())
    rows = np.array(fixture["rows"], np.float32).reshape(-1, 4)
    categories = fixture["name"] in ("categories", "one hot")
    asked = xgb.DMatrix(rows, feature_types=["c", "float", "float", "float"] if categories else None, enable_categorical=categories)
    # 1.0 read this base score otherwise than newer releases, and 3.2 crashes on older leaves of several values.
    newest = None if (release, fixture["name"]) == ("xgboost-1.0.2", "logitraw") or fixture["name"] == "targets" else xgb.Booster(model_file=model)
    for margins, predictions in engine.score(model, rows, (1, 24)):
        np.testing.assert_allclose(margins, fixture["margins"], rtol=2e-6, atol=1e-6)
        np.testing.assert_allclose(predictions, fixture["predictions"], rtol=2e-6, atol=1e-6)
        if newest:
            same_bits(margins, newest.predict(asked, output_margin=True))
            same_bits(predictions, newest.predict(asked))
