// Throws text at the filter language: whatever comes is bound or refused, and what is bound becomes SQL.
//
//   make fuzz-search_filter      a minute of it, from the filters of fuzz/search_filter.seeds

#include <cstdint>
#include <string_view>

#include "search/condition.h"
#include "search/evaluate.h"
#include "search/page_token.h"
#include "search/things_for_tests.h"

namespace {

using namespace millrace;

void read_filter(std::string_view text) {
  const auto tree = search::parse_filter(text);
  if (!tree) return;
  const auto bound = search::bind(*tree, search::thing_schema(), Timestamp{1'800'000'000'000'000});
  if (!bound) return;
  search::evaluate(*bound, [](const search::Clause& clause) { return search::holds(clause, {}); });
  if (!search::has_pattern(*bound)) (void)search::condition(*bound, "number");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  read_filter(text);
  (void)search::bind_order({std::string(text)}, search::thing_schema());
  (void)search::parse_page_token(text);
  return 0;
}
