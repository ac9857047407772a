#include "datasets/dataset_spec.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "datasets/expectations.h"
#include "datasets/testing.h"

namespace millrace::datasets {
namespace {

std::string faults(const std::string& yaml) {
  Diagnostics diagnostics;
  const std::vector<Node> documents = parse_yaml(yaml, "f.yaml", diagnostics);
  EXPECT_FALSE(parse_dataset(documents.at(0), diagnostics));
  std::string text;
  for (const Diagnostic& fault : diagnostics.list) text += format_diagnostic(fault) + "\n";
  return text;
}

TEST(DatasetSpec, IsReadFromItsDocument) {
  const DatasetSpec spec = parse_spec(kFlights);
  EXPECT_EQ(spec.name, "flights");
  EXPECT_EQ(spec.columns.size(), 4u);
  EXPECT_EQ(spec.find_column("distance")->type, duck::Type::kDouble);
  EXPECT_EQ(spec.expectations[0].on_failure, OnFailure::kQuarantine);
  EXPECT_EQ(spec.expectations[2].on_failure, OnFailure::kReject);
}

TEST(DatasetSpec, FaultsNameThePlaceAndTheNearestName) {
  struct Case {
    const char* name;
    const char* from;
    const char* to;
    const char* fault;
  };
  for (const Case& c : std::vector<Case>{
           {"unknown key", "name: flights", "name: flights\nexpektations: []", "did you mean \"expectations\"?"},
           {"bad type", "type: double", "type: float", "float"},
           {"dangling event time", "event_time: date", "event_time: dat",
            "dataset flights has no column \"dat\"; did you mean \"date\"?"},
           {"event time type", "event_time: date", "event_time: delay", "the event time must be a timestamp"},
           {"twice", "name: distance,", "name: Delay,", "declared twice"},
           {"unknown expectation", "expect_table_row_count_to_be_between", "expect_table_row_cont_to_be_between",
            "did you mean \"expect_table_row_count_to_be_between\"?"},
           {"unknown column", "{column: origin, regex", "{column: orgin, regex",
            "there is no column \"orgin\"; did you mean \"origin\"?"},
           {"unknown kwarg", "min_value: -120", "min_valu: -120",
            "unknown kwarg \"min_valu\"; did you mean \"min_value\"?"},
           {"wrong kwarg", "min_value: -120", "min_value: low", "is not a bigint"},
           {"mostly", "mostly: 0.5", "mostly: 50", "mostly must be between 0 and 1"},
           {"cannot quarantine", "max_value: 5}\n    on_failure: warn", "max_value: 5}\n    on_failure: quarantine",
            "does not judge rows one by one"},
           {"bad name", "name: flights", "name: fli/ghts", "is not a dataset name"}}) {
    std::string yaml = kFlights;
    yaml.replace(yaml.find(c.from), std::string(c.from).size(), c.to);
    const std::string text = faults(yaml);
    EXPECT_TRUE(text.contains(c.fault)) << c.name << ": " << text;
    EXPECT_TRUE(text.starts_with("f.yaml:")) << text;
  }
}

TEST(DatasetSpec, OlderSuitesAreRead) {
  const DatasetSpec spec = parse_spec(R"(
kind: Dataset
name: d
event_time: t
columns: [{name: t, type: timestamp}]
expectations: [{expectation_type: expect_column_values_to_not_be_null, kwargs: {column: t}, meta: {}}]
)");
  EXPECT_EQ(spec.expectations[0].type, "expect_column_values_to_not_be_null");
}

TEST(DatasetSpec, SchemaListsEveryExpectation) {
  const Json schema = MUST(parse_json(dataset_schema()));
  EXPECT_EQ(schema["$defs"]["expectation_name"]["enum"].get<std::vector<std::string>>(), expectation_names());
}

}  // namespace
}  // namespace millrace::datasets
