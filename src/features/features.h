#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/document.h"
#include "base/result.h"
#include "base/time.h"
#include "features/spec.h"
#include "features/window_series.h"
#include "sql/sql.h"

namespace millrace::features {

// What a feature view needs to know of a dataset.
struct SourceSchema {
  std::string event_time;
  std::vector<sql::ColumnDef> columns;
};
// nullptr where there is no such dataset.
using SourceLookup = std::function<const SourceSchema*(std::string_view dataset)>;

// A view over a dataset, ready to read its rows.
struct CompiledView {
  FeatureViewSpec spec;
  std::vector<sql::ColumnDef> columns;   // of the source: those that it reads
  std::vector<std::size_t> key_columns;  // the entities, as indices into `columns`
  std::size_t time_column = 0;           // the view's event time
  std::size_t known_column = 0;          // the dataset's event time
  std::optional<sql::Expression> where;
  std::vector<sql::Expression> values;  // what is kept of a row; distinct
  std::vector<std::size_t> value_of;    // for each feature of the spec, which value it reads
  SeriesLayout layout;
};

// A column that a request, or a spine, must bring.
struct InputColumn {
  std::string name;
  sql::Type type = sql::Type::kVarchar;  // of an entity: varchar or bigint
  bool is_entity = false;
};

// The part of a service that comes from one view over a dataset.
struct ResolvedView {
  std::shared_ptr<const CompiledView> view;
  std::vector<std::size_t> key_inputs;  // the entities, as indices into the service's inputs
  SeriesReads reads;                    // positions are those of the service's features
};

// A feature computed from the request alone, over the columns event_time, then the service's inputs.
struct RequestFeature {
  sql::Expression expression;
  std::size_t position = 0;
};

// A feature service with everything it names looked up. Immutable.
struct ResolvedService {
  std::string name;
  std::vector<InputColumn> inputs;    // entities first, then the request's inputs, each once
  std::vector<std::string> features;  // the vector's names, in order
  std::vector<ResolvedView> views;
  std::vector<RequestFeature> request;
  // SHA-256 of all that decides the vector: it changes with any expression, window, ttl, filter, source, entity or
  // type, and with nothing else.
  std::string hash;
};

// All feature views and services of a project at one moment. Immutable.
class Definitions {
 public:
  // nullptr where there are faults: bad SQL (at its position in the file), unknown columns, datasets, views and
  // features, and names that occur twice in one vector.
  static std::shared_ptr<const Definitions> make(std::vector<FeatureViewSpec> views,
                                                 std::vector<FeatureServiceSpec> services, const SourceLookup& sources,
                                                 Diagnostics& diagnostics);

  const std::vector<FeatureViewSpec>& views() const { return views_; }
  const std::vector<FeatureServiceSpec>& services() const { return services_; }
  // By name: the views over datasets.
  const std::map<std::string, std::shared_ptr<const CompiledView>, std::less<>>& compiled_views() const {
    return compiled_;
  }

  // kNotFound with the nearest name.
  Result<std::shared_ptr<const ResolvedService>> resolve(std::string_view service) const;

 private:
  Definitions() = default;

  std::vector<FeatureViewSpec> views_;
  std::vector<FeatureServiceSpec> services_;
  std::map<std::string, std::shared_ptr<const CompiledView>, std::less<>> compiled_;
  std::map<std::string, std::shared_ptr<const ResolvedService>, std::less<>> resolved_;
};

}  // namespace millrace::features
