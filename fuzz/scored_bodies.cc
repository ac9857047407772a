// Throws bytes at what reads requests to be scored: Triton's binary form, MLflow's JSON and CSV, TensorFlow Serving's
// JSON. What is read must hold what it says; everything else is refused.
//
//   make fuzz-scored_bodies      a minute of it

#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "api/http/oip_request.h"
#include "api/scoring/cast.h"
#include "api/scoring/csv_reader.h"
#include "api/scoring/enforce.h"
#include "api/scoring/json_reader.h"
#include "api/scoring/predictions.h"

namespace {

using namespace millrace;
using api::scoring::InputSpec;
using api::scoring::Schema;
using serving::Datatype;

const Schema kSchemas[] = {
    {{{.name = "a", .datatype = Datatype::kFp64}, {.name = "b", .datatype = Datatype::kInt32, .required = false}}},
    {{{.name = "a", .datatype = Datatype::kBytes}, {.name = "b", .datatype = Datatype::kBool}}},
    {{{.name = "a", .datatype = Datatype::kBytes, .base64 = true},
      {.name = "b", .datatype = Datatype::kBytes, .time = true}}},
    {{{.datatype = Datatype::kFp32}, {.datatype = Datatype::kInt64}}},
    {{{.datatype = Datatype::kFp16, .shape = std::vector<std::int64_t>{-1, 2}}}},
    {{{.name = "x", .datatype = Datatype::kUint8, .shape = std::vector<std::int64_t>{-1, 2}},
      {.name = "y", .datatype = Datatype::kBytes, .shape = std::vector<std::int64_t>{-1}}}},
};

void check(bool truth) {
  if (!truth) std::abort();
}

std::size_t elements_in(const serving::Tensor& tensor) {
  return tensor.datatype == Datatype::kBytes ? tensor.texts.size() : tensor.data.size() / width_of(tensor.datatype);
}

void check_tensors(Result<std::vector<serving::Tensor>> tensors) {
  if (!tensors) return;
  const std::vector<std::string> names{"p", "q", "r"};
  (void)api::scoring::give_names(*tensors, names);
  for (const auto& tensor : *tensors) check(elements_in(tensor) == MUST(serving::elements_of(tensor.shape)));
  std::string out;
  for (const auto layout :
       {api::scoring::Layout::kArray, api::scoring::Layout::kRecords, api::scoring::Layout::kArrays})
    api::scoring::append_outputs(out, *tensors, layout);
}

void check_table(const api::scoring::Table& table) {
  for (const Schema& schema : kSchemas) check_tensors(enforce(table, schema));
  check_tensors(without_schema(table));
}

void check_request(const Result<api::OipRequest>& request) {
  if (!request) return;
  for (const auto& tensor : request->infer.inputs) {
    const std::size_t count = MUST(serving::elements_of(tensor.shape));
    if (tensor.datatype == Datatype::kBytes) check(tensor.texts.size() == count);
    if (tensor.datatype != Datatype::kBytes) check(tensor.data.size() == count * width_of(tensor.datatype));
  }
  check(!request->forms.empty());
}

void read_oip(std::string_view text) {
  static api::OipReader reader;
  const std::size_t zero = std::min(text.find('\0'), text.size());  // where the JSON ends
  std::string body(text.substr(0, zero));
  body += text.substr(std::min(zero + 1, text.size()));
  check_request(reader.read(body, zero));
  check_request(reader.read_raw(body, {{"x", Datatype::kFp32, {-1, 3}}}));
  check_request(reader.read_raw(body, {{"x", Datatype::kBytes, {-1}}}));
}

}  // namespace

// The first byte says what the rest is.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  static api::scoring::JsonReader mlflow(api::scoring::Dialect::kMlflow),
      tensorflow(api::scoring::Dialect::kTensorFlow);
  static api::scoring::CsvReader csv;
  switch (data[0] % 4) {
    case 0:
      read_oip(text);
      break;
    case 1:
      if (const auto request = mlflow.read(text)) check_table(request->table);
      break;
    case 2:
      if (const auto request = tensorflow.read(text)) check_table(request->table);
      break;
    case 3:
      if (const auto table = csv.read(text, data[0] & 4 ? &kSchemas[0] : nullptr)) check_table(*table);
      break;
  }
  return 0;
}
