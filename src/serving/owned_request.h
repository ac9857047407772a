#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "serving/infer.h"
#include "serving/route_spec.h"
#include "serving/rows.h"

namespace millrace::serving {

class KeptHints final : public RequestHints {
 public:
  KeptHints(const RequestHints* hints, const RoutesSpec& routes);
  std::string header(std::string_view name) const override;
  std::string parameter(std::string_view name) const override;

 private:
  std::map<std::string, std::string, std::less<>> headers_, parameters_;
};

// A copy of a request, for when it is answered later.
class OwnedRequest {
 public:
  // Of its hints those are kept that the routes look at.
  OwnedRequest(const InferRequest& request, const RoutesSpec& routes);
  OwnedRequest(const OwnedRequest&) = delete;
  OwnedRequest& operator=(const OwnedRequest&) = delete;

  // Views this object.
  const InferRequest& request() const { return request_; }
  // Of the first input.
  std::size_t rows() const;
  // Equal for requests whose tensors can be concatenated along their rows.
  std::size_t kind() const;

 private:
  const std::string id_;
  const std::vector<Tensor> inputs_;
  const Views views_;
  const std::vector<std::string> outputs_;
  const std::vector<std::string_view> wanted_;
  const KeptHints hints_;
  InferRequest request_;
};

}  // namespace millrace::serving
