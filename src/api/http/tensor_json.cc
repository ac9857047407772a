#include "api/http/tensor_json.h"

#include <nlohmann/json.hpp>

namespace millrace::api {

Json to_json(const std::vector<serving::TensorSpec>& specs) {
  auto list = Json::array();
  for (const auto& spec : specs)
    list.push_back({{"name", spec.name}, {"datatype", to_text(spec.datatype)}, {"shape", spec.shape}});
  return list;
}

}  // namespace millrace::api
