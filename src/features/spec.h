#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/document.h"
#include "base/time.h"
#include "features/aggregate.h"
#include "sql/value.h"

namespace millrace::features {

// The name of another document, and where it stands.
struct Reference {
  std::string name;
  Position at;
};

struct FeatureSpec {
  std::string name;
  std::string description;
  std::string sql;  // "*" for a count of rows
  Aggregate aggregate = Aggregate::kNewest;
  Duration window{0};  // of an aggregate: rows with T - window < event time <= T
  Position at;
  Position sql_at;  // of the expression's first character
};

struct InputSpec {
  std::string name;
  sql::Type type = sql::Type::kDouble;
  Position at;
};

// A `kind: FeatureView` document.
struct FeatureViewSpec {
  std::string name;
  std::string description;
  std::vector<Reference> entities;      // columns of the source; none: one group of all rows
  Reference source;                     // a dataset, or "request"
  std::optional<Reference> event_time;  // a column of the source; default: the dataset's
  std::string where;
  Position where_at;
  std::optional<Duration> ttl;    // of features without aggregate: T - ttl <= event time <= T; unset: no limit
  std::vector<InputSpec> inputs;  // of a view over the request
  std::vector<FeatureSpec> features;
  Position at;

  bool from_request() const { return source.name == "request"; }
};

// "departure", or "destination_delay:destination_delay_3h".
struct FeatureReference {
  Reference view;
  std::string feature;  // empty: all of the view, in its order
};

// A `kind: FeatureService` document.
struct FeatureServiceSpec {
  std::string name;
  std::string description;
  std::vector<FeatureReference> features;
  Position at;
};

// The document's spec; nullopt where it had faults, all of which are in `diagnostics`. What needs the source's columns
// is checked by Definitions::make.
std::optional<FeatureViewSpec> parse_feature_view(const Node& document, Diagnostics& diagnostics);
std::optional<FeatureServiceSpec> parse_feature_service(const Node& document, Diagnostics& diagnostics);

// JSON Schemas (draft 2020-12).
std::string_view feature_view_schema();
std::string_view feature_service_schema();

}  // namespace millrace::features
