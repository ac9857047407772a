"""The vector that was served is the one that training computes for that moment, bit for bit."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from running import Server

KEY = ["event_time", "origin", "destination", "distance"]

PIPELINE = """
kind: Pipeline
name: all_asked
steps:
  - name: features
    uses: features
    inputs: {spine: "file:all_asked.sql", flights: dataset:flights}
    with: {service: delay_features, label: late}
    timeout: 10m
"""

SPINE = """
select date as event_time, origin, destination, distance, delay > 15 as late
from flights
where date >= timestamp '2001-03-01'
"""


@pytest.fixture
def served(main_job):
    """The prediction log, its inputs under the names that a training set has."""
    main_job.server.post("/api/v1/endpoints/delays/commit")
    log = pa.concat_tables([pq.read_table(file) for file in main_job.server.files("delays.predictions")])
    return log.drop_columns(["distance"]).append_column("distance", log["input_distance"])


@pytest.fixture
def trained(main_job, project):
    """The training set over all flights since March 1, made by the step `features`."""
    (project / "all_asked.yaml").write_text(PIPELINE)
    (project / "all_asked.sql").write_text(SPINE)
    main_job.server.apply(project)
    run = main_job.server.run_pipeline("all_asked")
    return pq.read_table(main_job.server.path(run["steps"][0]["outputs"]["training_set"]["uri"]) / "data.parquet")


def columns(table, names):
    return [table[name].cast(pa.int64()).to_numpy() if table[name].type == pa.timestamp("us") else table[name].to_numpy() for name in names]


def vectors(table, names):
    """A vector for each key, as bytes, with one NaN for all."""
    values = np.column_stack([np.asarray(table[name].to_numpy(zero_copy_only=False), dtype=np.float64) for name in names])
    values[np.isnan(values)] = np.nan
    return dict(zip(zip(*columns(table, KEY)), (row.tobytes() for row in values)))


def test_the_vector_served_is_the_vector_of_training(main_job, served, trained):
    features = main_job.server.get("/api/v1/feature-services/delay_features")["features"]
    online = vectors(served, features)
    offline = vectors(trained, features)
    both = online.keys() & offline.keys()
    rows = sum(key in both for key in zip(*columns(served, KEY)))
    assert rows >= 100_000
    different = [key for key in both if online[key] != offline[key]]
    assert not different, f"{len(different)} of {len(both)} differ, the first at {different[0]}: {np.frombuffer(online[different[0]])} {np.frombuffer(offline[different[0]])}"
