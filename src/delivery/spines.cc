#include <algorithm>

#include "base/suggest.h"
#include "delivery/documents.h"
#include "duck/check.h"
#include "duck/duck.h"

namespace millrace::delivery {
namespace {

Position position_in(const SourceFile& file, std::size_t offset) {
  Position at{file.path, 1, 1};
  for (std::size_t i = 0; i < std::min(offset, file.text.size()); ++i) {
    if (file.text[i] != '\n')
      ++at.column;
    else
      ++at.line, at.column = 1;
  }
  return at;
}

const datasets::DatasetSpec* find_dataset(const Documents& documents, const std::string& name) {
  auto found = std::ranges::find(documents.datasets, name, &datasets::DatasetSpec::name);
  return found == documents.datasets.end() ? nullptr : &*found;
}

// The step's datasets as empty tables, by the names of its inputs.
Result<void> make_tables(duck::Connection& connection, const pipelines::StepSpec& step, const Documents& documents) {
  for (const auto& input : step.inputs) {
    if (input.ref.kind != pipelines::InputRef::Kind::kDataset) continue;
    if (auto* dataset = find_dataset(documents, input.ref.name))
      TRY(connection.create_temp_table(input.name, duck::Table::of(dataset->column_types())));
  }
  return {};
}

void check_columns(const std::vector<duck::ColumnType>& columns, const SourceFile& file,
                   const pipelines::StepSpec& step, Diagnostics& diagnostics) {
  std::vector<std::string> names;
  for (const auto& column : columns) names.push_back(column.name);
  auto need = [&](const std::string& name, std::string_view why) {
    if (std::ranges::find(names, name) == names.end())
      diagnostics.add({file.path, 1, 1},
                      fmt::format("the query has no column \"{}\"{}, which {}", name, did_you_mean(name, names), why));
  };
  need("event_time", "says at which moment a row's features are wanted");
  for (const auto& with : step.with)
    if (with.name == "label" && with.value.size() > 2)
      need(with.value.substr(1, with.value.size() - 2), "is the label");
}

void check_spine(const pipelines::StepSpec& step, const SourceFile& file, const Documents& documents,
                 duck::Database& duck, Diagnostics& diagnostics) {
  auto connection = duck.connect();
  if (!connection || !make_tables(*connection, step, documents)) return;
  auto columns = duck::check_select(*connection, file.text);
  if (!columns) return diagnostics.add(position_in(file, columns.error().offset), columns.error().message);
  check_columns(*columns, file, step, diagnostics);
}

}  // namespace

void check_spines(const Documents& documents, std::span<const SourceFile> files, duck::Database& duck,
                  Diagnostics& diagnostics) {
  for (const auto& pipeline : documents.pipelines)
    for (const auto& step : pipeline.steps)
      for (const auto& input : step.inputs) {
        if (input.ref.kind != pipelines::InputRef::Kind::kFile) continue;
        auto file = std::ranges::find(files, input.ref.name, &SourceFile::path);
        if (file == files.end())
          diagnostics.add(input.ref.at, fmt::format("the project has no file \"{}\"", input.ref.name));
        else if (step.uses == "features" && input.name == "spine" &&
                 documents.all_parsed("Dataset", documents.datasets))
          check_spine(step, *file, documents, duck, diagnostics);
      }
}

}  // namespace millrace::delivery
