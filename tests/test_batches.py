"""Bad batches: a clear error, and the last good version stays current."""

import io
import json

import pyarrow.csv
import pyarrow.parquet as pq
import pytest

from running import as_parquet

GOOD = {"date": "2001-01-01 06:00:00", "known_at": "2001-01-01 09:11:00", "delay": "4", "distance": "1846", "origin": "ORD", "destination": "SFO"}


def csv(**changes):
    row = {**GOOD, **changes}
    row = {name: value for name, value in row.items() if value is not None}
    return (",".join(row) + "\n" + ",".join(row.values()) + "\n").encode()


BAD = {
    "missing column": (csv(distance=None), "csv", 'has no column "distance"'),
    "misspelt column": (csv(origin=None, orgin="ORD"), "csv", 'no column "orgin"; did you mean "origin"'),
    "extra column": (csv(carrier="UA"), "csv", 'no column "carrier"'),
    "wrong type": (csv(delay="late"), "csv", "column delay of dataset flights is a bigint, not 'late'"),
    "no event time": (csv(known_at=""), "csv", "row 1 has no known_at"),
    "bad UTF-8": (csv().replace(b"ORD", b"\xff\xfe\xfd"), "csv", "line 2 is not UTF-8"),
    "empty file": (b"", "csv", "empty"),
    "header alone": (csv().splitlines(keepends=True)[0], "csv", "no rows"),
    "text that is no Parquet": (b"not a parquet file", "parquet", "parquet"),
    "JSON that is cut off": (b'[{"date": "2001-01-0', "json", "JSON"),
    "unknown format": (csv(), "xml", "parquet, csv, json, ndjson"),
}


@pytest.fixture(scope="module")
def flights_server(shared_server, flights_project):
    shared_server.apply(flights_project)
    return shared_server


@pytest.fixture
def fresh(server, project):
    server.apply(project)
    server.post("/api/v1/datasets/flights/batches?format=csv&batch_id=good", data=csv())
    return server


def refused(server, case, body, format, status=400):
    server.post(f"/api/v1/datasets/flights/batches?format=csv&batch_id=before-{case}", data=csv())
    before = server.get("/api/v1/datasets/flights/versions/latest")
    answer = server.request("POST", f"/api/v1/datasets/flights/batches?format={format}&batch_id=bad", data=body, expect=status)
    assert server.get("/api/v1/datasets/flights/versions/latest") == before
    return answer["error"]["message"]


@pytest.mark.parametrize("case", BAD)
def test_a_bad_batch_is_refused_and_the_last_version_stays(flights_server, case):
    body, format, hint = BAD[case]
    message = refused(flights_server, case, body, format)
    assert hint.lower() in message.lower()
    assert "\n" not in message
    before = flights_server.get("/api/v1/datasets/flights")["version"]
    flights_server.post(f"/api/v1/datasets/flights/batches?format=csv&batch_id=after-{case}", data=csv(delay="5"))
    assert flights_server.get("/api/v1/datasets/flights")["version"] == before + 1


def test_a_truncated_parquet_file_is_refused(flights_server, flights_table):
    whole = flights_table()
    for part in (whole[: len(whole) // 2], whole[:-1], whole[:100]):
        assert "parquet" in refused(flights_server, "whole", part, "parquet").lower()


def test_a_broken_expectation_refuses_the_batch_and_says_which(flights_server):
    message = refused(flights_server, "expected", csv(distance="60000"), "csv", status=422)
    assert "expect_column_values_to_be_between" in message and "distance" in message


def test_an_absurd_delay_is_set_aside_and_shown(fresh):
    answer = fresh.post("/api/v1/datasets/flights/batches?format=csv", data=csv() + csv(delay="5000").splitlines(keepends=True)[1])
    assert (answer["rows"], answer["quarantined"]) == (1, 1)
    (row,) = fresh.list("/api/v1/datasets/flights/quarantine")
    assert row["row"]["delay"] == 5000 and "delay" in row["reason"]


def test_a_batch_sent_twice_is_one_version(fresh):
    again = fresh.post("/api/v1/datasets/flights/batches?format=csv&batch_id=good", data=csv())
    assert again["duplicate"] and again["version"] == 1
    assert fresh.get("/api/v1/datasets/flights")["rows"] == 1


def test_all_formats_bring_the_same_rows(fresh):
    table = pyarrow.csv.read_csv(io.BytesIO(csv()))
    (row,) = table.to_pylist()
    row = {**row, "date": str(row["date"]), "known_at": str(row["known_at"])}
    for format, body in (("parquet", as_parquet(table)), ("json", json.dumps([row])), ("ndjson", json.dumps(row))):
        fresh.post(f"/api/v1/datasets/flights/batches?format={format}&batch_id={format}", data=body)
    rows = [row for file in fresh.files("flights") for row in pq.read_table(file).to_pylist()]
    assert len(rows) == 4 and all(row == rows[0] for row in rows)


def test_a_refused_batch_is_an_event(fresh):
    refused(fresh, "typed", csv(delay="late"), "csv")
    (event,) = fresh.list("/api/v1/events?type=dataset.batch_rejected")
    assert event["subject"] == "flights" and event["data"]["batch_id"] == "bad"


def test_versions_stay_over_a_restart(fresh):
    before = fresh.get("/api/v1/datasets/flights/versions/latest")
    fresh.restart()
    assert fresh.get("/api/v1/datasets/flights/versions/latest") == before
