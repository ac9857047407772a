#pragma once

#include <simdjson.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "net/request.h"

namespace millrace::api::mlflow {

// The end of MLflow's messages about parameters.
inline constexpr std::string_view kSeeDocs = " See the API docs for more information about request parameters.";

// The fields of one message: a JSON object, or a query. Read as protobuf reads them: unknown fields are ignored, null
// is unset, integers may be text, camelCase names stand for snake_case ones. The first fault is kept, in MLflow's
// words, and answered by Input::check(); a getter that meets one answers as if the field were unset. Texts point into
// the Input.
class Fields {
 public:
  std::optional<std::string_view> text(std::string_view name) const;
  std::optional<std::int64_t> integer(std::string_view name) const;  // unset where there is a fraction, as upstream
  std::optional<double> number(std::string_view name) const;         // also "NaN", "Infinity", "-Infinity"
  std::optional<bool> boolean(std::string_view name) const;
  std::vector<std::string_view> texts(std::string_view name) const;
  // An object whose values are texts, in its order.
  std::vector<std::pair<std::string_view, std::string_view>> map(std::string_view name) const;
  // Any value, as compact JSON; unset where it is null.
  std::optional<std::string> json(std::string_view name) const;
  // An enum's value by its name, or by its number in `names`, whose order is that of the numbers from `first`. Unset
  // where it is neither.
  std::optional<std::size_t> choice(std::string_view name, std::span<const std::string_view> names,
                                    std::int64_t first = 1) const;

  // As above; it is a fault where the field is unset, or an empty text.
  std::string_view required_text(std::string_view name) const;
  std::int64_t required_integer(std::string_view name) const;
  double required_number(std::string_view name) const;

  // The messages of a repeated field, and a single one.
  std::vector<Fields> messages(std::string_view name) const;
  std::optional<Fields> message(std::string_view name) const;

  bool has(std::string_view name) const;
  // Notes what is wrong, unless something was before.
  void fault(std::string message) const;
  void missing(std::string_view name) const;

 private:
  friend class Input;
  using Query = std::vector<std::pair<std::string, std::string>>;
  struct Source {
    simdjson::dom::parser parser;
    Query query;
    std::optional<Error> fault;
  };

  explicit Fields(Source* source) : source_(source) {}
  Fields(Source* source, simdjson::dom::element object, std::string where)
      : source_(source), object_(object), where_(std::move(where)) {}

  // The element, unless it is absent or null.
  std::optional<simdjson::dom::element> find(std::string_view name) const;
  std::optional<simdjson::dom::array> list(std::string_view name) const;
  const std::string* find_query(std::string_view name) const;
  std::optional<std::string_view> checked(std::string_view name, std::string_view text) const;
  std::string path_of(std::string_view name) const;
  void wrong_type(std::string_view name, simdjson::dom::element value) const;
  void wrong_text(std::string_view name, std::string_view text) const;

  Source* source_;
  std::optional<simdjson::dom::element> object_;  // none: the query
  std::string where_;                             // "metrics[3]"
};

// A request to MLflow's API: its fields, and what its path names.
class Input : public Fields {
 public:
  // The query of a GET or DELETE that has one, else the JSON body, for which POST and PUT must say
  // application/json: a page in a browser cannot, without being asked about it first. kInvalidArgument for what cannot
  // be read.
  static Result<Input> read(const net::Request& request);

  // What `{name}` in the route's path stands for.
  std::string_view param(std::string_view name) const { return request_->param(name); }
  // "run_id", or its old name "run_uuid"; required.
  std::string_view run_id() const;
  const net::Request& request() const { return *request_; }

  // The first fault of the fields that were read.
  Result<void> check() const;

 private:
  Input(const net::Request& request, std::unique_ptr<Source> source)
      : Fields(source.get()), request_(&request), owned_(std::move(source)) {}
  Result<void> parse(std::string_view body);

  const net::Request* request_;
  std::unique_ptr<Source> owned_;
};

// JSON in which the bare words NaN, Infinity and -Infinity, which Python writes and JSON does not know, are strings.
std::string quote_bare_numbers(std::string_view json);

}  // namespace millrace::api::mlflow
