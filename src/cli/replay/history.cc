#include "cli/replay/history.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <nlohmann/json.hpp>
#include <numeric>

#include "base/files.h"
#include "base/json.h"
#include "base/suggest.h"
#include "duck/quote.h"

namespace millrace::cli {
namespace {

Result<const duck::Column*> find_column(const duck::Table& table, const std::string& name) {
  if (auto* column = table.find(name)) return column;
  std::vector<std::string> names;
  for (const auto& column : table.columns) names.push_back(column.name);
  return invalid_argument("the replay's sql has no column \"{}\"{}", name, did_you_mean(name, names));
}

void append_text(std::string& out, std::string_view text) {
  auto plain = [](unsigned char c) { return c >= 0x20 && c < 0x7f && c != '"' && c != '\\'; };
  if (std::ranges::all_of(text, plain))
    fmt::format_to(std::back_inserter(out), "\"{}\"", text);
  else
    out += dump_json(Json(text));
}

void append_value(std::string& out, const duck::Column& column, std::size_t row) {
  auto end = std::back_inserter(out);
  if (column.is_null(row)) {
    out += "null";
    return;
  }
  switch (column.type) {
    case duck::Type::kBoolean:
      out += column.ints[row] ? "true" : "false";
      break;
    case duck::Type::kBigint:
      fmt::format_to(end, "{}", column.ints[row]);
      break;
    case duck::Type::kDouble:
      fmt::format_to(end, "{}", column.doubles[row]);
      break;
    case duck::Type::kVarchar:
      append_text(out, column.strings[row]);
      break;
    case duck::Type::kTimestamp:
      append_text(out, format_time({column.ints[row]}));
      break;
  }
}

std::string_view datatype(duck::Type type) {
  switch (type) {
    case duck::Type::kBoolean:
      return "BOOL";
    case duck::Type::kBigint:
      return "INT64";
    case duck::Type::kDouble:
      return "FP64";
    case duck::Type::kVarchar:
    case duck::Type::kTimestamp:
      return "BYTES";
  }
  return "";
}

}  // namespace

Result<History> History::load(const delivery::ReplaySpec& spec, const std::filesystem::path& folder) {
  auto source = folder / spec.source;
  std::error_code error;
  if (!std::filesystem::exists(source, error))
    return not_found("the replay's source {} is not there", source.lexically_normal().string());
  auto database =
      TRY(duck::Database::open({.memory_limit = std::uint64_t{1} << 30, .threads = 2, .temp_directory = {}}));
  History history(spec, TRY(database->connect()));
  history.database_ = std::move(database);
  auto& connection = history.connection_;
  TRY(connection.execute(
      fmt::format("create view source as select * from read_parquet({})", duck::quote_literal(source.string()))));
  auto between = fmt::format("{0} < timestamp '{1}' and {2} >= timestamp '{3}'", duck::quote_identifier(spec.asked_at),
                             format_time(spec.until), duck::quote_identifier(spec.known_at), format_time(spec.from));
  TRY(connection.execute(fmt::format("create table history as select * from ({}) where {} order by {}, {}", spec.sql,
                                     between, duck::quote_identifier(spec.asked_at), duck::quote_identifier(spec.id))));
  history.rows_ = TRY(connection.query("select * from history"));
  TRY(history.find_columns());
  return history;
}

Result<void> History::find_columns() {
  id_ = TRY(find_column(rows_, spec_.id));
  asked_at_ = TRY(find_column(rows_, spec_.asked_at));
  known_at_ = TRY(find_column(rows_, spec_.known_at));
  label_ = TRY(find_column(rows_, spec_.label));
  for (const auto& name : spec_.inputs) inputs_.push_back(TRY(find_column(rows_, name)));
  for (const auto& name : spec_.columns) columns_.push_back(TRY(find_column(rows_, name)));
  if (id_->type != duck::Type::kVarchar)
    return invalid_argument("the replay's id column \"{}\" must be a varchar", spec_.id);
  by_known_.resize(rows_.rows);
  std::iota(by_known_.begin(), by_known_.end(), 0U);
  std::ranges::sort(by_known_, {}, [this](std::uint32_t row) { return std::pair(known_at_->ints[row], row); });
  return {};
}

double History::label(std::size_t row) const {
  return label_->type == duck::Type::kDouble ? label_->doubles[row] : static_cast<double>(label_->ints[row]);
}

std::string History::request(std::size_t row) const {
  std::string out;
  out.reserve(320);
  fmt::format_to(std::back_inserter(out), R"({{"id":"{}","parameters":{{"event_time":"{}"}},"inputs":[)", id(row),
                 format_time(asked_at(row)));
  for (const auto* input : inputs_) {
    if (input != inputs_.front()) out += ',';
    fmt::format_to(std::back_inserter(out), R"({{"name":"{}","shape":[1],"datatype":"{}","data":[)", input->name,
                   datatype(input->type));
    append_value(out, *input, row);
    out += "]}";
  }
  out += "]}";
  return out;
}

void History::append_label(std::string& out, std::size_t row) const {
  fmt::format_to(std::back_inserter(out), R"({}{{"id":"{}","event_time":"{}","value":{}}})",
                 out.ends_with('[') ? "" : ",", id(row), format_time(known_at(row)), label(row));
}

void History::append_push(std::string& out, std::size_t row) const {
  out += out.ends_with('[') ? "{" : ",{";
  for (const auto* column : columns_) {
    fmt::format_to(std::back_inserter(out), "{}\"{}\":", column == columns_.front() ? "" : ",", column->name);
    append_value(out, *column, row);
  }
  out += '}';
}

Result<std::string> History::batch(Timestamp from, Timestamp to) const {
  std::string names;
  for (const auto* column : columns_) names += (names.empty() ? "" : ", ") + duck::quote_identifier(column->name);
  auto known = duck::quote_identifier(spec_.known_at);
  TemporaryDirectory folder;
  auto path = folder.path() / "batch.parquet";
  auto rows = TRY(connection_.execute(
      fmt::format("copy (select {} from history where {} >= timestamp '{}' and {} < timestamp '{}' order by all) to {} "
                  "(format parquet)",
                  names, known, format_time(from), known, format_time(to), duck::quote_literal(path.string()))));
  return rows == 0 ? std::string{} : read_file(path);
}

}  // namespace millrace::cli
