#include "datasets/datasets.h"

#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "datasets/testing.h"
#include "lineage/graph.h"

namespace millrace::datasets {
namespace {

// Rows n of [from, to): one a minute from 2001-01-01, delays 0..9, and an absurd one where n % 50 == 7.
std::string rows_sql(int from, int to) {
  return fmt::format(
      "select timestamp '2001-01-01' + to_minutes(n) as date, (case when n % 50 = 7 then 5000 else n % 10 end)::bigint "
      "as delay,"
      " n / 2.0::double as distance, 'AB' || chr((65 + n % 3)::int) as origin from range({}, {}) t(n)",
      from, to);
}

class DatasetsTest : public ::testing::Test {
 protected:
  DatasetsTest() { MUST(home_.datasets->apply(parse_spec(kFlights))); }

  Datasets& datasets() { return *home_.datasets; }

  Result<IngestResult> ingest(const std::string& id, Format format, std::string_view bytes) {
    return datasets().ingest("flights", {.batch_id = id, .format = format, .bytes = bytes});
  }
  IngestResult ingest_rows(const std::string& id, int from, int to) {
    return MUST(ingest(id, Format::kParquet, home_.parquet(rows_sql(from, to))));
  }
  std::string refusal(Format format, std::string_view bytes) {
    const auto result = ingest("bad", format, bytes);
    return result ? "accepted" : result.error().message;
  }
  std::int64_t count(const std::string& from) { return home_.query("select count(*) from " + from).columns[0].ints[0]; }

  TestHome home_;
};

TEST_F(DatasetsTest, ABatchBecomesAVersion) {
  const IngestResult result = ingest_rows("day 1", 0, 1000);
  EXPECT_EQ(result.version, 1);
  EXPECT_EQ(result.rows, 980);
  EXPECT_EQ(result.quarantined, 20);
  const Version version = MUST(datasets().version("flights"));
  EXPECT_EQ(version.rows, 980);
  EXPECT_EQ(version.quarantined, 20);
  EXPECT_EQ(version.batch_id, "day 1");
  EXPECT_EQ(format_time(version.min_event_time), "2001-01-01T00:00:00Z");
  EXPECT_EQ(format_time(version.max_event_time), "2001-01-01T16:39:00Z");
  EXPECT_EQ(count(scan_sql(version)), 980);
  const Json profile = MUST(parse_json(version.profile));
  EXPECT_EQ(profile["rows"], 980);
  EXPECT_EQ(profile["columns"]["delay"]["max"], 9);
  const Json validation = MUST(parse_json(version.validation));
  EXPECT_EQ(validation["results"][0]["result"]["unexpected_count"], 20);
  const auto events = MUST(home_.events->list(0, 10));
  ASSERT_EQ(events.size(), 1u);
  EXPECT_EQ(events[0].type, "dataset.version_created");
  EXPECT_EQ(events[0].data["rows"], 980);
}

TEST_F(DatasetsTest, VersionsAreCumulativeAndImmutable) {
  ingest_rows("1", 0, 1000);
  const std::string first = MUST(datasets().version("flights")).content_hash;
  ingest_rows("2", 1000, 2000);
  const Version second = MUST(datasets().version("flights"));
  EXPECT_EQ(second.version, 2);
  EXPECT_EQ(second.segments.size(), 2u);
  EXPECT_EQ(count(scan_sql(second)), 1960);
  EXPECT_EQ(MUST(parse_json(second.profile))["rows"], 1960);
  EXPECT_EQ(MUST(parse_json(second.batch_profile))["rows"], 980);
  EXPECT_EQ(MUST(datasets().version("flights", 1)).content_hash, first);
  EXPECT_EQ(count(scan_sql(MUST(datasets().version("flights", 1)))), 980);
  EXPECT_EQ(MUST(datasets().list_versions("flights", std::nullopt, 10)).size(), 2u);
  EXPECT_EQ(MUST(home_.lineage->walk("dataset:flights/2", lineage::Direction::kUpstream)).nodes.size(), 2u);
  EXPECT_EQ(datasets().version("flights", 3).error().message, "dataset flights has no version 3");
}

TEST_F(DatasetsTest, ScanReadsOnlyTheSegmentsOfTheSpan) {
  ingest_rows("1", 0, 1440);
  ingest_rows("2", 1440, 2880);
  const Version version = MUST(datasets().version("flights"));
  const std::string scan = scan_sql(version, MUST(parse_time("2001-01-02")), MUST(parse_time("2001-01-03")));
  EXPECT_EQ(count(scan), 1411);
  EXPECT_EQ(count(scan_sql(version, MUST(parse_time("2002-01-01")), MUST(parse_time("2002-01-03")))), 0);
}

TEST_F(DatasetsTest, TheSameBatchIdAddsNothing) {
  const IngestResult first = ingest_rows("1", 0, 1000);
  const IngestResult again = ingest_rows("1", 0, 1000);
  EXPECT_TRUE(again.duplicate);
  EXPECT_EQ(again.version, 1);
  EXPECT_EQ(again.rows, first.rows);
  EXPECT_EQ(again.content_hash, first.content_hash);
  EXPECT_EQ(again.validation, first.validation);
  EXPECT_EQ(MUST(datasets().version("flights")).version, 1);
}

TEST_F(DatasetsTest, TheSameRowsHaveTheSameHashWhateverTheirOrderAndFormat) {
  const std::string hash = ingest_rows("1", 0, 1000).content_hash;
  TestHome other;
  MUST(other.datasets->apply(parse_spec(kFlights)));
  const auto path = other.home() / "rows.csv";
  MUST(MUST(other.duck->connect())
           .execute("copy (select * from (" + rows_sql(0, 1000) + ") order by delay desc, date) to " +
                    duck::quote_literal(path.string()) + " (format csv, header)"));
  const auto result = MUST(other.datasets->ingest("flights", {.batch_id = "x", .format = Format::kCsv, .path = path}));
  EXPECT_EQ(result.content_hash, hash);
}

TEST_F(DatasetsTest, EveryFormatIsRead) {
  const char* kCsv = "date,delay,distance,origin\n2001-01-01 00:01:00,5,1.5,ABC\n2001-01-01T02:00:00+02:00,,,\n";
  EXPECT_EQ(MUST(ingest("csv", Format::kCsv, kCsv)).rows, 2);
  const char* kNdjson = R"({"date": "2001-01-02", "delay": 5, "distance": 1, "origin": "ABC"}
{"origin": "XYZ", "date": "2001-01-02T01:00:00Z", "delay": null, "distance": 2.5}
)";
  EXPECT_EQ(MUST(ingest("ndjson", Format::kNdjson, kNdjson)).rows, 2);
  EXPECT_EQ(
      MUST(ingest("json", Format::kJson, R"([{"date": "2001-01-03", "delay": 5, "distance": 1, "origin": "ABC"}])"))
          .rows,
      1);
  const duck::Table rows =
      home_.query("select * from " + scan_sql(MUST(datasets().version("flights"))) + " order by date, delay");
  ASSERT_EQ(rows.rows, 5u);
  EXPECT_EQ(rows.types(), parse_spec(kFlights).column_types());
  EXPECT_TRUE(rows.columns[1].is_null(0));
  EXPECT_EQ(format_time({rows.columns[0].ints[0]}), "2001-01-01T00:00:00Z");
  EXPECT_EQ(rows.columns[2].doubles[3], 2.5);
}

TEST_F(DatasetsTest, BadBatchesAreRefusedWithAReason) {
  ingest_rows("1", 0, 1000);
  const std::string good = home_.parquet(rows_sql(0, 10));
  const auto with = [&](const char* change) {
    return home_.parquet(fmt::format("select * {} from ({})", change, rows_sql(0, 10)));
  };
  struct Case {
    const char* name;
    Format format;
    std::string bytes;
    const char* message;
  };
  for (const Case& c : std::vector<Case>{
           {"empty", Format::kCsv, "", "the batch is empty"},
           {"no rows", Format::kCsv, "date,delay,distance,origin\n", "the batch has no rows"},
           {"no rows in Parquet", Format::kParquet, home_.parquet(rows_sql(0, 0)), "the batch has no rows"},
           {"extra column", Format::kParquet, with(", 1 as orgin"),
            "dataset flights has no column \"orgin\"; did you mean \"origin\"?"},
           {"missing column", Format::kParquet, with("exclude (distance)"), "the batch has no column \"distance\""},
           {"wrong type", Format::kParquet, with("replace ('soon' as delay)"),
            "row 1: column delay of dataset flights is a bigint, not 'soon'"},
           {"number for text", Format::kParquet, with("replace (5 as origin)"),
            "row 1: column origin of dataset flights is a varchar, not '5'"},
           {"fraction", Format::kParquet, with("replace (1.5::double as delay)"),
            "row 1: column delay of dataset flights is a bigint, not '1.5'"},
           {"wrong value in CSV", Format::kCsv,
            "date,delay,distance,origin\n2001-01-01,1,1,ABC\n2001-01-01,1.5,1,ABC\n",
            "row 2: column delay of dataset flights is a bigint, not '1.5'"},
           {"wrong date in CSV", Format::kCsv, "date,delay,distance,origin\nsoon,1,1,ABC\n",
            "row 1: column date of dataset flights is a timestamp, not 'soon'"},
           {"text in JSON number", Format::kNdjson,
            R"({"date": "2001-01-01", "delay": "5", "distance": 1, "origin": "ABC"})",
            "row 1: column delay of dataset flights is a bigint, not '\"5\"'"},
           {"no event time", Format::kCsv, "date,delay,distance,origin\n,1,1,ABC\n",
            "row 1 has no date, the event time of dataset flights"},
           {"bad UTF-8", Format::kCsv, "date,delay,distance,origin\n2001-01-01,1,1,AB\xff\n", "line 2 is not UTF-8"},
           {"cut Parquet", Format::kParquet, good.substr(0, good.size() / 2),
            "the batch is not a complete Parquet file"},
           {"no Parquet", Format::kParquet, "PAR1 nonsense", "the batch is not a complete Parquet file"},
           {"cut JSON", Format::kJson, R"([{"date": "2001-01-01", "delay": 5)",
            "the batch is not a complete JSON file"},
           {"ragged CSV", Format::kCsv, "date,delay,distance,origin\n2001-01-01,1,1\n",
            "the batch is not a complete CSV file"}}) {
    const std::string message = refusal(c.format, c.bytes);
    EXPECT_TRUE(message.starts_with("batch bad of dataset flights was refused: ")) << message;
    EXPECT_TRUE(message.contains(c.message)) << c.name << ": " << message;
    EXPECT_FALSE(message.contains(home_.home().string())) << c.name << ": " << message;
  }
  EXPECT_EQ(MUST(datasets().version("flights")).version, 1);
  const auto events = MUST(home_.events->list(1, 100, {.type = "dataset.batch_rejected"}));
  EXPECT_EQ(events.size(), 17u);
  EXPECT_EQ(events[0].data["batch_id"], "bad");
}

TEST_F(DatasetsTest, AFailedExpectationRefusesTheBatch) {
  const auto result = ingest("big", Format::kParquet, home_.parquet(rows_sql(0, 200'000)));
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, Code::kFailedPrecondition);
  EXPECT_TRUE(result.error().message.contains("expect_table_row_count_to_be_between: 196000 is observed"))
      << result.error().message;
  EXPECT_EQ(datasets().version("flights").error().message, "dataset flights has no version yet");
}

TEST_F(DatasetsTest, QuarantinedRowsAreListedWithTheirReason) {
  ingest_rows("1", 0, 1000);
  ingest_rows("2", 1000, 1200);
  const QuarantinePage all = MUST(datasets().list_quarantined("flights", std::nullopt, 0, 100));
  EXPECT_EQ(all.items.size(), 24u);
  EXPECT_FALSE(all.next);
  EXPECT_EQ(all.items[0].reason, "expect_column_values_to_be_between(delay)");
  EXPECT_EQ(all.items[0].row, R"({"date":"2001-01-01T00:07:00Z","delay":5000,"distance":3.5,"origin":"ABB"})");
  EXPECT_EQ(all.items[23].version, 2);
  const QuarantinePage page = MUST(datasets().list_quarantined("flights", std::nullopt, 15, 7));
  ASSERT_EQ(page.items.size(), 7u);
  EXPECT_EQ(page.items[5].batch_id, "2");
  EXPECT_EQ(page.items[5].row, all.items[20].row);
  EXPECT_EQ(page.next, 22);
  EXPECT_EQ(MUST(datasets().list_quarantined("flights", 2, 0, 100)).items.size(), 4u);
}

TEST_F(DatasetsTest, AChangedSpecMayOnlyAddColumnsOnceThereAreRows) {
  DatasetSpec spec = parse_spec(kFlights);
  spec.description = "changed";
  ASSERT_TRUE(datasets().apply(spec));
  ingest_rows("1", 0, 1000);
  DatasetSpec wider = spec;
  wider.columns.insert(wider.columns.begin(), {.name = "carrier", .type = duck::Type::kVarchar});
  ASSERT_TRUE(datasets().apply(wider));
  const auto bytes = home_.parquet("select *, 'AA' as carrier from (" + rows_sql(1000, 1100) + ")");
  ASSERT_TRUE(ingest("2", Format::kParquet, bytes));
  const Version version = MUST(datasets().version("flights"));
  EXPECT_EQ(version.schema.back().name, "carrier");
  EXPECT_EQ(home_.query("select count(carrier) from " + scan_sql(version)).columns[0].ints[0], 98);
  EXPECT_EQ(count("(select carrier from " + scan_sql(version, {}, MUST(parse_time("2001-01-01T01:00:00Z"))) + ")"),
            980);
  spec.columns.pop_back();
  EXPECT_EQ(datasets().apply(spec).error().code, Code::kFailedPrecondition);
  wider.columns[2].type = duck::Type::kDouble;
  EXPECT_EQ(datasets().apply(wider).error().message,
            "column delay of dataset flights cannot become a double: there are rows with it as a bigint");
}

TEST_F(DatasetsTest, UnknownDatasetsNameTheNearest) {
  EXPECT_EQ(datasets().find("flight").error().message, "dataset flight does not exist; did you mean \"flights\"?");
}

TEST_F(DatasetsTest, AllIsThereAfterARestart) {
  const IngestResult before = ingest_rows("1", 0, 1000);
  home_.restart();
  EXPECT_EQ(MUST(datasets().version("flights")).content_hash, before.content_hash);
  EXPECT_TRUE(ingest_rows("1", 0, 1000).duplicate);
  EXPECT_EQ(ingest_rows("2", 1000, 2000).version, 2);
  EXPECT_EQ(datasets().list().size(), 1u);
  EXPECT_EQ(MUST(datasets().find("flights")).spec.expectations.size(), 4u);
}

TEST_F(DatasetsTest, FilesOfUnrecordedVersionsAreSwept) {
  ingest_rows("1", 0, 1000);
  MUST(home_.blobs->put_bytes("left", "datasets/flights/000002.parquet"));
  std::ofstream(home_.home() / "datasets" / ".scratch" / "9.parquet") << "left";
  home_.restart();
  EXPECT_EQ(MUST(home_.blobs->list("datasets")).size(), 2u);
  EXPECT_TRUE(std::filesystem::is_empty(home_.home() / "datasets" / ".scratch"));
  EXPECT_EQ(count(scan_sql(MUST(datasets().version("flights")))), 980);
}

TEST_F(DatasetsTest, ListenersGetEachBatchInOrder) {
  std::vector<std::int64_t> times;
  std::vector<std::pair<Timestamp, Timestamp>> spans;
  datasets().on_rows([&](const std::string& dataset, const RowBlock& block, RowSource source) {
    EXPECT_EQ(dataset, "flights");
    EXPECT_EQ(source, RowSource::kBatch);
    EXPECT_EQ(block.version, 1);
    const auto& ints = block.rows.find("date")->ints;
    times.insert(times.end(), ints.begin(), ints.end());
    spans.emplace_back(block.min_event_time, block.max_event_time);
  });
  ingest_rows("1", 0, 100'000);
  EXPECT_EQ(times.size(), 98'000u);
  EXPECT_TRUE(std::ranges::is_sorted(times));
  ASSERT_EQ(spans.size(), 1u);
  EXPECT_EQ(format_time(spans[0].first), "2001-01-01T00:00:00Z");
}

class PushTest : public DatasetsTest {
 protected:
  static constexpr const char* kRows = R"([
    {"date": "2001-01-05T01:00:00Z", "delay": 3, "distance": 1.5, "origin": "ABC"},
    {"date": "2001-01-05T00:30:00Z", "delay": 4, "distance": 2, "origin": "XYZ"},
    {"date": "2001-01-05T00:10:00Z", "delay": 9999, "distance": 2, "origin": "XYZ"},
    {"date": "2001-01-05T00:20:00Z", "delay": 1, "distance": 2, "origin": "x"}])";

  void listen() {
    datasets().on_rows([this](const std::string&, const RowBlock& block, RowSource source) {
      if (source == RowSource::kPush) pushed_.push_back(block.rows);
    });
  }
  std::vector<duck::Table> pushed_;
};

TEST_F(PushTest, GoodRowsReachListenersInOrderOnce) {
  listen();
  const PushResult result = MUST(datasets().push_json("flights", kRows, "p1"));
  EXPECT_EQ(result.rows, 2);
  EXPECT_EQ(result.quarantined, 2);
  EXPECT_TRUE(MUST(datasets().push_json("flights", kRows, "p1")).duplicate);
  ASSERT_EQ(pushed_.size(), 1u);
  EXPECT_EQ(pushed_[0].find("delay")->ints, (std::vector<std::int64_t>{4, 3}));
  EXPECT_EQ(datasets().version("flights").error().code, Code::kNotFound);
}

TEST_F(PushTest, RowsSurviveAndAreForgottenOnceAVersionCoversThem) {
  ASSERT_TRUE(datasets().push_json("flights", kRows, "p1"));
  home_.restart();
  listen();
  EXPECT_TRUE(MUST(datasets().push_json("flights", kRows, "p1")).duplicate);
  const auto rows = MUST(datasets().pushed_rows("flights"));
  ASSERT_TRUE(rows);
  EXPECT_EQ(rows->find("delay")->ints, (std::vector<std::int64_t>{4, 3}));
  ingest_rows("1", 0, 10'000);
  EXPECT_FALSE(MUST(datasets().pushed_rows("flights")));
  EXPECT_TRUE(std::filesystem::is_empty(home_.home() / "datasets" / "flights" / "pushed"));
  const PushResult late = MUST(datasets().push_json("flights", kRows, "p1"));
  EXPECT_EQ(late.covered, 2);
  EXPECT_EQ(late.rows, 0);
  EXPECT_TRUE(pushed_.empty());
}

TEST_F(PushTest, WrongRowsAreRefusedWhole) {
  struct Case {
    const char* rows;
    const char* message;
  };
  for (const Case& c : std::vector<Case>{
           {"[", "the rows are not JSON"},
           {"{}", "the rows must be a JSON array of objects"},
           {"[1]", "row 1 is not a JSON object"},
           {R"([{"date": "2001-01-05", "dely": 3}])",
            "row 1: dataset flights has no column \"dely\"; did you mean \"delay\"?"},
           {R"([{"date": "2001-01-05", "delay": "3"}])", "row 1: column delay is a bigint, not \"3\""},
           {R"([{"date": "2001-01-05"}, {"date": null}])", "row 2 has no date, the event time of dataset flights"},
           {R"([{"date": "2001-01-05", "date": "2001-01-06"}])", "row 1 names column date twice"}}) {
    const auto result = datasets().push_json("flights", c.rows, "p");
    ASSERT_FALSE(result) << c.rows;
    EXPECT_TRUE(result.error().message.contains(c.message)) << result.error().message;
  }
  EXPECT_FALSE(MUST(datasets().pushed_rows("flights")));
}

}  // namespace
}  // namespace millrace::datasets
