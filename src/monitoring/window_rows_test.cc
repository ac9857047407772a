#include "monitoring/window_rows.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/files.h"
#include "datasets/version.h"
#include "monitoring/analysis.h"
#include "monitoring/reference_cache.h"

namespace millrace::monitoring {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::UnorderedElementsAre;

Timestamp at(const char* text) { return MUST(parse_time(text)); }

const Window kDay{at("2001-03-01"), at("2001-03-02")};

class WindowRowsTest : public testing::Test {
 protected:
  // A version with one Parquet segment that holds the rows of `select`.
  datasets::Version version(const std::string& name, const std::string& select) {
    const auto file = folder_.path() / (name + ".parquet");
    MUST(connection_.execute(
        fmt::format("copy ({}) to {} (format parquet)", select, duck::quote_literal(file.string()))));
    datasets::Version version{.dataset = name, .version = 1, .schema = MUST(connection_.describe(select))};
    datasets::Segment segment{
        .path = file.string(), .min_event_time = at("2001-01-01"), .max_event_time = at("2002-01-01")};
    segment.columns = version.schema.size();
    version.segments.push_back(segment);
    return version;
  }

  datasets::Version predictions() {
    return version("predictions", R"(select * from (values
      ('c', timestamp '2001-03-01 12:00', 2, 0.3, 0.4, 7, 'x'),
      ('b', timestamp '2001-03-01 11:00', 1, 0.2, null, 5, 'y'),
      ('a', timestamp '2001-03-01 11:00', 1, 0.1, 0.2, null, 'x'),
      ('early', timestamp '2001-02-28 23:59:59.999999', 1, 0.9, 0.9, 1, 'x'),
      ('late', timestamp '2001-03-02 00:00', 2, 0.9, 0.9, 1, 'x'))
      t(id, event_time, version, prediction, shadow_baseline, hops, origin))");
  }

  datasets::Version labels() {
    return version("labels", R"(select * from (values
      ('a', timestamp '2001-03-01 12:00', 1.0),
      ('a', timestamp '2001-03-01 13:00', 0.0),
      ('b', timestamp '2001-03-02 06:00', 1.0),
      ('c', timestamp '2001-03-02 06:01', 1.0),
      ('nobody', timestamp '2001-03-01 12:00', 1.0)) t(id, event_time, value))");
  }

  duck::Table read(const std::optional<datasets::Version>& labels) {
    const WindowQuery query{
        kDay, at("2001-03-02T06:00"), {{"prediction", duck::Type::kDouble}, {"shadow_baseline", duck::Type::kDouble}}};
    return MUST(read_window(connection_, predictions(), labels, query));
  }

  TemporaryDirectory folder_;
  std::unique_ptr<duck::Database> database_ = *duck::Database::open({});
  duck::Connection connection_ = *database_->connect();
};

TEST_F(WindowRowsTest, JoinsTheNewestLabelThatWasKnownInTime) {
  const duck::Table rows = read(labels());
  ASSERT_EQ(rows.rows, 3u);
  EXPECT_THAT(rows.find("version")->strings, ElementsAre("1", "1", "2"));
  EXPECT_THAT(rows.find("prediction")->doubles, ElementsAre(0.1, 0.2, 0.3)) << "by event time, then by id";
  EXPECT_EQ(rows.columns[2].doubles[0], 0.0) << "the newer label of a";
  EXPECT_EQ(rows.columns[2].doubles[1], 1.0) << "known at the very end of the wait";
  EXPECT_TRUE(rows.columns[2].is_null(2)) << "known after the wait";
}

TEST_F(WindowRowsTest, WithoutALabelDatasetNothingIsLabelled) {
  const duck::Table rows = read(std::nullopt);
  ASSERT_EQ(rows.rows, 3u);
  EXPECT_THAT(rows.columns[2].valid, ElementsAre(0, 0, 0));
}

TEST_F(WindowRowsTest, SummarizesTheLivePredictionAndItsShadows) {
  WindowResult result;
  summarize(read(labels()), {"brier_score"}, result);
  EXPECT_EQ(result.predictions, 3);
  EXPECT_EQ(result.labelled, 2);
  EXPECT_EQ(result.share_positive, 0.5);
  EXPECT_EQ(result.version, "2");
  ASSERT_EQ(result.versions.size(), 2u);
  EXPECT_EQ(result.versions[0].predictions, 2);
  EXPECT_EQ(result.versions[1].first, at("2001-03-01T12:00"));
  ASSERT_EQ(result.performance.size(), 2u);
  EXPECT_EQ(result.live()->rows, 2);
  EXPECT_NEAR(result.live()->mean_prediction, 0.2, 1e-15);
  EXPECT_NEAR(result.live()->metrics.at("brier_score"), (0.01 + 0.64) / 2, 1e-15);
  EXPECT_EQ(result.performance[1].column, "shadow_baseline");
  EXPECT_EQ(result.performance[1].rows, 1) << "where the shadow was not scored it does not count";
}

TEST_F(WindowRowsTest, ReadsFeaturesOfTheWindowByType) {
  const Columns columns =
      MUST(read_features(connection_, predictions(), kDay, {"hops", "origin", "absent", "event_time"}));
  ASSERT_EQ(columns.size(), 2u);
  EXPECT_THAT(std::get<Sample>(columns.at("hops")).sorted(), ElementsAre(5, 7));
  EXPECT_EQ(missing(columns.at("hops")), 1u);
  EXPECT_EQ(std::get<Categories>(columns.at("origin")).counts().at("x"), 2);
}

TEST_F(WindowRowsTest, ALongReferenceIsThinnedEvenly) {
  const auto version = this->version("training", "select range::double as x from range(1000)");
  const auto all = MUST(read_reference(connection_, version.segments[0].path, {"x"}, 1000));
  EXPECT_EQ(size(all.at("x")), 1000u);
  const auto some = MUST(read_reference(connection_, version.segments[0].path, {"x"}, 400));
  EXPECT_EQ(size(some.at("x")), 334u);
  EXPECT_THAT(std::get<Sample>(some.at("x")).sorted().subspan(0, 3), ElementsAre(0, 3, 6));
}

TEST_F(WindowRowsTest, TheReferenceIsReadOnceForAVersion) {
  const auto first = version("first", "select 1.0::double as x");
  ReferenceCache cache;
  const auto* columns = MUST(cache.columns(connection_, first.segments[0].path, {"x"}));
  EXPECT_EQ(size(columns->at("x")), 1u);
  std::filesystem::remove(first.segments[0].path);
  EXPECT_TRUE(cache.columns(connection_, first.segments[0].path, {"x"}));
  EXPECT_FALSE(cache.columns(connection_, first.segments[0].path, {"y"}));
}

TEST(Compare, NotesWhatEitherSideLacks) {
  const Columns reference{{"x", Sample({1, 2, 3})}, {"only_trained", Sample({1.0})}};
  const Columns current{{"x", Sample({1, 2, 3})}, {"only_logged", Sample({1.0})}};
  WindowResult result;
  compare({"x", "only_trained", "only_logged"}, reference, current, {}, result);
  ASSERT_EQ(result.columns.size(), 1u);
  EXPECT_THAT(result.notes, UnorderedElementsAre(HasSubstr("only_trained was not computed: the prediction log"),
                                                 HasSubstr("only_logged was not computed: the training set")));
}

}  // namespace
}  // namespace millrace::monitoring
