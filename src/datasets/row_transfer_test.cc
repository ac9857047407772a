#include "datasets/row_transfer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <random>

#include "base/files.h"
#include "datasets/row_file.h"

namespace millrace::datasets {
namespace {

using ::testing::HasSubstr;
using Columns = std::vector<duck::ColumnType>;

const Columns kColumns{{"id", duck::Type::kVarchar}, {"at", duck::Type::kTimestamp}, {"x", duck::Type::kDouble}};

class RowTransferTest : public ::testing::Test {
 protected:
  std::unique_ptr<RowLog> open(const std::string& name, const Columns& columns) {
    return MUST(RowLog::open({.directory = directory_.path() / name, .columns = columns, .file_bytes = 1 << 20}));
  }
  // The bytes of a sealed file with these rows.
  std::string file_of(const Columns& columns, const std::vector<std::vector<Value>>& rows) {
    auto log = open(std::to_string(made_++), columns);
    for (const auto& row : rows) MUST(log->append(row));
    return MUST(read_file(MUST(log->freeze()).front().path));
  }
  std::string good_file(int rows = 3) {
    std::vector<std::vector<Value>> values;
    for (int i = 0; i < rows; ++i)
      values.push_back({Value::of(std::string_view("id")), Value::of(Timestamp{i}), Value::of(double(i))});
    return file_of(kColumns, values);
  }

  TemporaryDirectory directory_;
  int made_ = 0;
};

TEST_F(RowTransferTest, ColumnsGoByTheirNames) {
  auto log = open("log", {{"x", duck::Type::kDouble},
                          {"new", duck::Type::kBigint},
                          {"id", duck::Type::kVarchar},
                          {"at", duck::Type::kTimestamp}});
  EXPECT_EQ(MUST(append_row_log_file(good_file(), *log)), 3);
  std::vector<std::int64_t> times;
  MUST(read_row_log_file(MUST(log->freeze()).front().path, [&](duck::Table& rows) -> Result<void> {
    for (std::size_t i = 0; i < rows.rows; ++i) {
      EXPECT_TRUE(rows.find("new")->is_null(i));
      EXPECT_EQ(rows.find("id")->strings[i], "id");
      EXPECT_EQ(rows.find("x")->doubles[i], static_cast<double>(rows.find("at")->ints[i]));
      times.push_back(rows.find("at")->ints[i]);
    }
    return {};
  }));
  EXPECT_EQ(times, (std::vector<std::int64_t>{0, 1, 2}));
}

TEST_F(RowTransferTest, WhatDoesNotFitIsRefusedWhole) {
  const Value id = Value::of(std::string_view("id")), at = Value::of(Timestamp{1});
  struct Case {
    std::string name, file, message;
  };
  const Case cases[] = {
      {"a further column", file_of({{"id", duck::Type::kVarchar}, {"y", duck::Type::kDouble}}, {{id, Value::of(1.0)}}),
       "no column y"},
      {"another type",
       file_of({{"id", duck::Type::kVarchar}, {"x", duck::Type::kBigint}}, {{id, Value::of(std::int64_t{1})}}),
       "column x is a double, not a bigint"},
      {"a column twice", file_of({{"id", duck::Type::kVarchar}, {"id", duck::Type::kVarchar}}, {{id, id}}), "twice"},
      {"no UTF-8", file_of({{"id", duck::Type::kVarchar}}, {{id}, {Value::of(std::string_view("\xff"))}}), "UTF-8"},
      {"the end of time",
       file_of({{"at", duck::Type::kTimestamp}},
               {{at}, {Value::of(Timestamp{std::numeric_limits<std::int64_t>::max()})}}),
       "years 1 to 9999"},
      {"a type that is none", encode_header(1, {{"id", static_cast<duck::Type>(200)}}), "damaged header"},
      {"nothing", "", "no header"},
      {"text", std::string(8192, 'x'), "not a row log"},
      {"a header cut off", good_file().substr(0, 100), "damaged header"},
  };
  auto log = open("log", kColumns);
  for (const auto& [name, file, message] : cases) {
    const auto taken = append_row_log_file(file, *log);
    ASSERT_FALSE(taken) << name;
    EXPECT_EQ(taken.error().code, Code::kInvalidArgument) << name;
    EXPECT_THAT(taken.error().message, HasSubstr(message)) << name;
    EXPECT_EQ(log->rows(), 0) << name;
  }
}

TEST_F(RowTransferTest, DamagedBytesAreNeverTrusted) {
  const std::string good = good_file(200);
  auto log = open("log", kColumns);
  std::mt19937 random(7);
  for (int i = 0; i < 300; ++i) {
    std::string bad = good;
    for (int changes = 1 + static_cast<int>(random() % 8); changes > 0; --changes)
      bad[random() % bad.size()] = static_cast<char>(random());
    if (random() % 4 == 0) bad.resize(random() % bad.size());
    const auto taken = append_row_log_file(bad, *log);
    if (taken) EXPECT_LE(*taken, 200);
  }
}

}  // namespace
}  // namespace millrace::datasets
