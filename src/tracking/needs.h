#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace millrace::tracking {

// Somebody outside of these tables needs a run, or the artifacts at a URI.
struct Need {
  std::string who;     // "models:/delays/3"
  std::string run_id;  // or empty
  std::string uri;     // or empty
};

using FindNeeds = std::function<Result<std::vector<Need>>()>;

// What must not be removed, and for whose sake.
class Needs {
 public:
  explicit Needs(const std::vector<Need>& needs);

  // Who needs the run; "" for nobody.
  std::string_view of_run(std::string_view id) const;
  // Who needs what lies at or below the URI.
  std::string_view below(std::string_view uri) const;

 private:
  std::map<std::string, std::string, std::less<>> runs_;
  std::map<std::string, std::string, std::less<>> places_;
};

}  // namespace millrace::tracking
