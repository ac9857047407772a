#include "serving/log_spec.h"

#include <cmath>

#include "serving/route.h"

namespace millrace::serving {
namespace {

constexpr std::uint64_t kSeed = 0x6c6f67;  // not one of an arm's: who is logged does not depend on who answers

}  // namespace

LogSpec parse_log(const Node& node, Diagnostics& diagnostics) {
  LogSpec spec;
  ObjectReader reader(node, diagnostics, "\"log\"");
  spec.sample = reader.number("sample").value_or(spec.sample);
  if (!(spec.sample >= 0 && spec.sample <= 1)) reader.fault("sample", "\"sample\" must be between 0 and 1");
  reader.finish();
  return spec;
}

bool is_logged(const LogSpec& spec, std::string_view id) {
  if (spec.sample >= 1) return true;
  return std::ldexp(static_cast<double>(stable_hash(id, kSeed)), -64) < spec.sample;
}

}  // namespace millrace::serving
