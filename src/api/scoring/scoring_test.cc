#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "api/scoring/cast.h"
#include "api/scoring/csv_reader.h"
#include "api/scoring/enforce.h"
#include "api/scoring/json_reader.h"
#include "api/scoring/predictions.h"
#include "base/result.h"

namespace millrace::api::scoring {
namespace {

using serving::Datatype;
using serving::Tensor;

InputSpec column(std::string name, Datatype datatype) { return {.name = std::move(name), .datatype = datatype}; }

InputSpec tensor(std::string name, Datatype datatype, std::vector<std::int64_t> shape) {
  return {.name = std::move(name), .datatype = datatype, .shape = std::move(shape)};
}

const Schema kColumns{{column("a", Datatype::kFp64), column("b", Datatype::kInt64)}};
const Schema kUnnamed{{column("", Datatype::kFp64), column("", Datatype::kFp64)}};
const Schema kTensor{{tensor("", Datatype::kFp32, {-1, 2})}};
const Schema kTensors{{tensor("x", Datatype::kFp32, {-1, 2}), tensor("y", Datatype::kInt64, {-1})}};

std::string text_of(const Result<std::vector<Tensor>>& tensors) {
  if (!tensors) return std::string(code_name(tensors.error().code));
  std::string out;
  append_outputs(out, *tensors, Layout::kArrays);
  return out;
}

Result<std::vector<Tensor>> enforced(std::string_view body, const Schema& schema) {
  JsonReader reader(Dialect::kMlflow);
  const JsonRequest request = TRY(reader.read(body));
  return enforce(request.table, schema);
}

struct Case {
  std::string_view body;
  const Schema& schema;
  std::string_view answer;
};

// What MLflow's own scoring server makes of the same (tests/test_invocations.py holds both side by side).
const Case kCases[] = {
    {R"({"dataframe_split": {"columns": ["b", "a"], "data": [[1, 2.5], ["2", "1e3"]]}})", kColumns,
     R"({"a": [2.5, 1000.0], "b": [1, 2]})"},
    {R"({"dataframe_split": {"columns": ["a", "b"], "data": []}})", kColumns, R"({"a": [], "b": []})"},
    {R"({"dataframe_split": {"columns": ["a", "b"], "data": [[null, 2.9]]}})", kColumns, R"({"a": [NaN], "b": [2]})"},
    {R"({"dataframe_split": {"columns": ["a", "b"], "data": [[1, null]]}})", kColumns, "INVALID_ARGUMENT"},
    {R"({"dataframe_split": {"columns": ["a", "b"], "data": [[1, 1, 1]]}})", kColumns, "INVALID_ARGUMENT"},
    {R"({"dataframe_split": {"columns": ["a", "b"], "data": [[[1], 1]]}})", kColumns, "INVALID_ARGUMENT"},
    {R"({"dataframe_split": {"columns": ["a", "b"], "data": [[{"q": 1}, 1]]}})", kColumns, "INVALID_ARGUMENT"},
    {R"({"dataframe_split": {"columns": ["a", "a", "b"], "data": [[1, 1, 1]]}})", kColumns, "FAILED_PRECONDITION"},
    {R"({"dataframe_split": {"data": [[1, 1]]}})", kColumns, "FAILED_PRECONDITION"},
    {R"({"dataframe_split": {"columns": ["a"], "data": [[1]]}})", kColumns, "FAILED_PRECONDITION"},
    {R"({"dataframe_split": {"columns": ["a"], "data": [[1]], "more": 1}})", kColumns, "INVALID_ARGUMENT"},
    {R"({"dataframe_records": [{"a": 1, "b": 2}, {"b": 3, "q": 1}]})", kColumns, R"({"a": [1.0, NaN], "b": [2, 3]})"},
    {R"({"dataframe_records": []})", kColumns, "FAILED_PRECONDITION"},
    {R"({"dataframe_records": {"a": 1}})", kColumns, "INVALID_ARGUMENT"},
    {R"({"inputs": {"a": [1, NaN, -Infinity], "b": 7}})", kColumns, R"({"a": [1.0, NaN, -Infinity], "b": [7, 7, 7]})"},
    {R"({"inputs": {"a": 1, "b": 2}})", kColumns, R"({"a": [1.0], "b": [2]})"},
    {R"({"inputs": {"a": [1, 2], "b": [1]}})", kColumns, "FAILED_PRECONDITION"},
    {R"({"inputs": [[1, 2]]})", kColumns, "FAILED_PRECONDITION"},
    {R"({"inputs": "x"})", kColumns, "INVALID_ARGUMENT"},
    {R"({"inputs": {"a": [1], "b": [1e30]}})", kColumns, "INVALID_ARGUMENT"},
    {R"({"instances": [{"a": 1, "b": 2}, {"a": 3, "b": 4}]})", kColumns, R"({"a": [1.0, 3.0], "b": [2, 4]})"},
    {R"({"instances": [{"a": 1, "b": 2}, {"a": 3}]})", kColumns, "INVALID_ARGUMENT"},
    {R"({"instances": [], "inputs": []})", kColumns, "INVALID_ARGUMENT"},
    {R"([])", kColumns, "INVALID_ARGUMENT"},
    {R"({"inputs": [[1, 2, 3]]})", kUnnamed, R"({"": [1.0], "": [2.0]})"},
    {R"({"inputs": [1]})", kUnnamed, "FAILED_PRECONDITION"},
    {R"({"inputs": {"a": [1]}})", kUnnamed, "INVALID_ARGUMENT"},
    {R"({"inputs": [[1, 2], [3, null]]})", kTensor, R"({"": [[1.0, 2.0], [3.0, NaN]]})"},
    {R"({"inputs": [[1, 2, 3]]})", kTensor, "FAILED_PRECONDITION"},
    {R"({"inputs": [[1, 2], [3]]})", kTensor, "INVALID_ARGUMENT"},
    {R"({"dataframe_split": {"columns": ["p", "q"], "data": [[1, 2]]}})", kTensor, R"({"": [[1.0, 2.0]]})"},
    {R"({"dataframe_split": {"columns": ["p"], "data": [[[1, 2]]]}})", kTensor, R"({"": [[1.0, 2.0]]})"},
    {R"({"dataframe_split": {"columns": ["p", "q"], "data": []}})", kTensor, "INVALID_ARGUMENT"},
    {R"({"inputs": {"x": [[1, 2]], "y": [3.7], "z": []}})", kTensors, R"({"x": [[1.0, 2.0]], "y": [3]})"},
    {R"({"inputs": {"x": [[1, 2]]}})", kTensors, "FAILED_PRECONDITION"},
    {R"({"instances": [{"x": [1, 2], "y": 3}, {"x": [4, 5], "y": 6}]})", kTensors,
     R"({"x": [[1.0, 2.0], [4.0, 5.0]], "y": [3, 6]})"},
    {R"({"dataframe_split": {"columns": ["x", "y"], "data": [[[1, 2], 3]]}})", kTensors,
     R"({"x": [[1.0, 2.0]], "y": [3]})"},
};

TEST(Enforce, MlflowsRules) {
  for (const Case& test : kCases) EXPECT_EQ(text_of(enforced(test.body, test.schema)), test.answer) << test.body;
}

TEST(Enforce, WithoutASchemaValuesSayTheirType) {
  JsonReader reader(Dialect::kMlflow);
  const auto request = MUST(reader.read(
      R"({"inputs": {"i": [1, true], "d": [1, null], "b": [true, false], "t": ["x", "y"], "f": [Infinity, 1]}})"));
  const auto tensors = MUST(without_schema(request.table));
  std::vector<Datatype> types;
  for (const Tensor& tensor : tensors) types.push_back(tensor.datatype);
  EXPECT_THAT(types, testing::ElementsAre(Datatype::kInt64, Datatype::kFp64, Datatype::kBool, Datatype::kBytes,
                                          Datatype::kFp64));
}

TEST(Enforce, NamesAreGivenByPositionOrToOneTensorOfAll) {
  JsonReader reader(Dialect::kMlflow);
  const auto request = MUST(reader.read(R"({"dataframe_split": {"data": [[1, 2], [3, 4]]}})"));
  auto two = MUST(without_schema(request.table)), one = two;
  MUST(give_names(two, std::vector<std::string>{"p", "q"}));
  EXPECT_EQ(text_of(two), R"({"p": [1, 3], "q": [2, 4]})");
  MUST(give_names(one, std::vector<std::string>{"x"}));
  EXPECT_EQ(text_of(one), R"({"x": [[1.0, 2.0], [3.0, 4.0]]})");
}

std::string from_csv(std::string_view text, const Schema* schema) {
  CsvReader reader;
  const auto table = reader.read(text, schema);
  if (!table) return std::string(code_name(table.error().code));
  return text_of(schema ? enforce(*table, *schema) : without_schema(*table));
}

TEST(Csv, IsReadAsPandasReadsIt) {
  struct CsvCase {
    std::string_view text, answer;
  };
  const CsvCase cases[] = {{"a,b\n1,2\n\n3,4", R"({"a": [1.0, 3.0], "b": [2, 4]})"},
                           {"\xef\xbb\xbf"
                            "a,b\r\nNA,2\r\n",
                            R"({"a": [NaN], "b": [2]})"},
                           {"\"a\",\"b\"\n\"1\",\"2\"", R"({"a": [1.0], "b": [2]})"},
                           {",b,a\n0,1,2\n", R"({"a": [2.0], "b": [1]})"},
                           {"a,b\nx,1,2\ny,3,4\n", R"({"a": [1.0, 3.0], "b": [2, 4]})"},
                           {"a,b\n", R"({"a": [], "b": []})"},
                           {"a,b\n1\n", "INVALID_ARGUMENT"},
                           {"a,b\n1,1.5\n", "INVALID_ARGUMENT"},
                           {"a,b\n1,2\n1,2,3\n", "INVALID_ARGUMENT"},
                           {"a,b\n\"1,2\n", "INVALID_ARGUMENT"},
                           {"a\n1\n", "FAILED_PRECONDITION"},
                           {"\n\n", "INVALID_ARGUMENT"},
                           {"\xff", "INVALID_ARGUMENT"}};
  for (const auto& [text, answer] : cases) EXPECT_EQ(from_csv(text, &kColumns), answer) << text;
}

TEST(Csv, WithoutASchemaColumnsSayTheirType) {
  EXPECT_EQ(from_csv("i,d,b,t\n1,1.5,True,\"x \"\"y\"\"\"\n2,,False,z\n", nullptr),
            R"({"i": [1, 2], "d": [1.5, NaN], "b": [true, false], "t": ["x \"y\"", "z"]})");
  const Schema truth{{column("b", Datatype::kBool)}};
  EXPECT_EQ(from_csv("b\nFALSE\ntrue\n", &truth), R"({"b": [false, true]})");
  EXPECT_EQ(from_csv("b\nno\n", &truth), "INVALID_ARGUMENT");
}

TEST(Cast, NumbersAreInPythonsGrammar) {
  double number = 0;
  for (const char* text : {"1", " +1_000.5e-3 ", "inf", "-Infinity", "NaN", "1e999", "\t.5\n"})
    EXPECT_TRUE(parse_python_float(text, number)) << text;
  for (const char* text : {"", " ", "x", "1x", "0x10", "_1", "1_", "1__0", "++1", "-+1", "1 2"})
    EXPECT_FALSE(parse_python_float(text, number)) << text;
  std::int64_t integer = 0;
  EXPECT_TRUE(parse_python_int(" -1_000 ", integer));
  EXPECT_EQ(integer, -1000);
  for (const char* text : {"1.0", "9223372036854775808", "", "1e3"})
    EXPECT_FALSE(parse_python_int(text, integer)) << text;
}

TEST(Cast, TextsAndBytes) {
  const auto cast_one = [](Cell cell, InputSpec spec) -> std::string {
    const auto tensor = cast({.name = "a", .shape = {1}, .cells = {cell}}, spec);
    return tensor ? tensor->texts.at(0) : std::string(code_name(tensor.error().code));
  };
  const InputSpec text{.name = "a", .datatype = Datatype::kBytes};
  InputSpec base64 = text, time = text;
  base64.base64 = true;
  time.time = true;
  EXPECT_EQ(cast_one(Cell::of(std::int64_t{7}), text), "7");
  EXPECT_EQ(cast_one(Cell::of(1.0), text), "1.0");
  EXPECT_EQ(cast_one(Cell::of(true), text), "True");
  EXPECT_EQ(cast_one(Cell{}, text), "INVALID_ARGUMENT");
  EXPECT_EQ(cast_one(Cell::of(std::string_view("aGk=")), base64), "hi");
  EXPECT_EQ(cast_one(Cell::of(std::string_view("!!")), base64), "INVALID_ARGUMENT");
  EXPECT_EQ(cast_one(Cell::of(std::string_view("2001-01-01T00:00:00Z")), time), "2001-01-01T00:00:00Z");
  EXPECT_EQ(cast_one(Cell::of(std::string_view("soon")), time), "INVALID_ARGUMENT");
}

TEST(JsonReader, TensorFlowsBytes) {
  JsonReader reader(Dialect::kTensorFlow);
  const auto request = MUST(reader.read(R"({"instances": [{"b64": "aGk="}, {"b64": ""}]})"));
  ASSERT_EQ(request.table.form, Table::Form::kArray);
  EXPECT_EQ(request.table.arrays[0].cells[0].text, "hi");
  EXPECT_FALSE(reader.read(R"({"instances": [{"b64": "?"}]})"));
  EXPECT_FALSE(reader.read(R"({"dataframe_split": {}})"));
  EXPECT_FALSE(reader.read(R"({"instances": 5})"));
}

TEST(JsonReader, DeepListsAreRefused) {
  JsonReader reader(Dialect::kMlflow);
  EXPECT_FALSE(reader.read(R"({"inputs": )" + std::string(100, '[') + std::string(100, ']') + "}"));
  EXPECT_FALSE(reader.read(R"({"inputs": )" + std::string(100'000, '[')));
}

TEST(Outputs, AreRecordsWhereAllHaveAsManyRows) {
  Tensor labels = serving::make_tensor("label", Datatype::kBytes, {2});
  labels.texts = {"cat", "d\xc3\xb6g"};
  Tensor scores = serving::make_tensor("scores", Datatype::kFp32, {2, 2});
  std::ranges::copy(std::vector<float>{0.5F, 0.1F, 1, 0}, serving::elements<float>(scores).begin());
  std::string records;
  append_outputs(records, std::vector{labels, scores}, Layout::kRecords);
  EXPECT_EQ(records,
            R"([{"label": "cat", "scores": [0.5, 0.10000000149011612]}, {"label": "d\u00f6g", "scores": [1.0, 0.0]}])");
}

}  // namespace
}  // namespace millrace::api::scoring
