"""Model cards: made from the records, with what people wrote."""

import mlflow
import pandas as pd
import pytest
from mlflow import MlflowClient
from sklearn.linear_model import LogisticRegression

CARD = """---
license: apache-2.0
---
# Anything
Says which flights are late.

## Limits
Only for <b>domestic</b> flights. [x](javascript:alert(1))

## Ethics
Nothing known.
"""


@pytest.fixture
def registered(server, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    mlflow.set_tracking_uri(server.url)
    rows = pd.DataFrame({"x": [0.0, 1.0, 2.0, 3.0], "late": [0, 0, 1, 1]})
    with mlflow.start_run(run_name="train"):
        mlflow.log_params({"C": 1.0, "note": "a|b\n<script>"})
        mlflow.log_metrics({"log_loss": 0.25, "north/log_loss": 0.5})
        mlflow.log_input(mlflow.data.from_pandas(rows, source="s3://lake/flights.csv", name="flights"), context="training")
        model = mlflow.sklearn.log_model(LogisticRegression().fit(rows[["x"]], rows["late"]), name="model", input_example=rows[["x"]])
    client = MlflowClient()
    client.create_registered_model("delays", description="Late flights", tags={"contact": "ann@example.org"})
    client.create_model_version("delays", model.model_uri, model_id=model.model_id)
    client.set_registered_model_alias("delays", "champion", "1")
    yield server, model
    mlflow.set_tracking_uri(None)


def test_a_card_is_made_from_the_records(registered):
    server, _ = registered
    card = server.run("model", "card", "delays@champion").stdout
    assert card.startswith("# delays version 1\n\n## Description\n\nLate flights\n")
    for part in ("## Data", "flights", "## Training", "Run train", "| C | 1.0 |", "## Evaluation", "0.25", "| log\\_loss | north |", "## Signature", "| inputs | x | double |", "## Environment", "scikit-learn==", "champion since", "## Contact\n\nann@example.org"):
        assert part in card, part
    assert "<script" not in card and "a\\|b &lt;script\\>" in card
    assert server.get("/api/v1/models/delays/versions/@champion/card") == card


def test_what_people_wrote_in_the_folder_wins(registered, tmp_path):
    server, model = registered
    (tmp_path / "model_card.md").write_text(CARD)
    client = MlflowClient()
    client.log_model_artifact(model.model_id, tmp_path / "model_card.md")
    card = server.get("/api/v1/models/delays/versions/1/card")
    assert "Says which flights are late." in card and "## Ethics\n\nNothing known." in card
    assert "Only for &lt;b>domestic&lt;/b> flights. [x](#javascript:alert(1))" in card and "apache\\-2.0" not in card and "apache-2.0" in card


def test_mistakes_are_named(registered):
    server, _ = registered
    server.request("GET", "/api/v1/models/delays/versions/9/card", expect=404)
    server.request("GET", "/api/v1/models/delays/versions/x/card", expect=400)
    server.request("GET", "/api/v1/models/delays/versions/@nobody/card", expect=404)
    done = server.run("model", "card", "delays")
    assert done.returncode == 1 and "write NAME@ALIAS or NAME/VERSION" in done.stderr
