#include "sql/function.h"

namespace millrace::sql {

const std::vector<Signature>& strict_functions() {
  static const std::vector<Signature> all = [] {
    std::vector<Signature> list;
    for (const auto table : {arithmetic_functions(), comparison_functions(), text_functions(), time_functions()})
      list.insert(list.end(), table.begin(), table.end());
    return list;
  }();
  return all;
}

}  // namespace millrace::sql
