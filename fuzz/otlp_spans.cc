// Throws bytes at what reads OpenTelemetry's spans: whatever comes is read or refused, and what is read can be
// answered.
//
//   make fuzz-otlp_spans      a minute of it

#include <cstdint>
#include <string_view>

#include "api/otlp/spans.h"

namespace {

using namespace millrace;

void answer(const Result<std::vector<tracking::SpanBatch>>& batches) {
  if (!batches) return;
  for (const auto& batch : *batches) {
    for (const auto& span : batch.spans) {
      JsonWriter out;
      api::otlp::write_otlp(out, span);
      api::otlp::write_plain(out, span);
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  answer(api::otlp::read_protobuf(bytes));
  answer(api::otlp::read_json(bytes));
  return 0;
}
