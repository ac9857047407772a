#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "base/time.h"

namespace millrace::api {

// Reads a JSON object key by key; the first fault is kept and answered by finish(), as is a key that was not asked for.
//
//   Body body = TRY(Body::parse(request.body));
//   auto name = body.required_string("name");
//   auto limit = body.integer("limit");
//   TRY(body.finish());
class Body {
 public:
  // An empty text is an empty object.
  static Result<Body> parse(std::string_view text);
  explicit Body(Json object, std::string where = {});

  std::string required_string(std::string_view key);
  Timestamp required_time(std::string_view key);
  std::optional<std::string> string(std::string_view key);
  std::optional<std::int64_t> integer(std::string_view key);
  std::optional<double> number(std::string_view key);
  std::optional<bool> boolean(std::string_view key);
  std::optional<Timestamp> time(std::string_view key);  // ISO 8601
  // The value as it is; null where absent.
  Json any(std::string_view key);
  Json object(std::string_view key);  // {} where absent
  Json array(std::string_view key);   // [] where absent

  Result<void> finish();

 private:
  const Json* take(std::string_view key);
  void fault(std::string message);

  Json object_;
  std::string where_;
  std::vector<std::string> known_;
  std::optional<Error> fault_;
};

}  // namespace millrace::api
