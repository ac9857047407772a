#include <algorithm>

#include "base/suggest.h"
#include "features/compile.h"
#include "features/features.h"
#include "features/resolve.h"

namespace millrace::features {
namespace {

// The expressions of a view over the request; a service binds them.
void check_request_view(const FeatureViewSpec& view, Diagnostics& diagnostics) {
  std::vector<sql::ColumnDef> columns = {{"event_time", sql::Type::kTimestamp}};
  for (const InputSpec& input : view.inputs) {
    if (std::ranges::find(columns, input.name, &sql::ColumnDef::name) != columns.end())
      diagnostics.add(input.at, fmt::format("input {} is declared twice", input.name));
    columns.push_back({input.name, input.type});
  }
  for (const FeatureSpec& feature : view.features) {
    const auto expression = sql::Expression::compile(feature.sql, columns);
    if (!expression) {
      add_compile_error(expression.error(), feature.sql, feature.sql_at, fmt::format("feature {}", feature.name),
                        diagnostics);
    } else if (!is_numeric(expression->type())) {
      diagnostics.add(feature.sql_at, fmt::format("feature {} is a {}; features are numbers", feature.name,
                                                  sql::type_name(expression->type())));
    }
  }
}

template <class Spec>
void check_unique(const std::vector<Spec>& specs, std::string_view kind, Diagnostics& diagnostics) {
  std::map<std::string_view, const Spec*> seen;
  for (const Spec& spec : specs) {
    const auto [other, fresh] = seen.emplace(spec.name, &spec);
    if (!fresh)
      diagnostics.add(spec.at, fmt::format("{} {} is defined twice, first in {}:{}", kind, spec.name,
                                           other->second->at.file, other->second->at.line));
  }
}

}  // namespace

std::shared_ptr<const Definitions> Definitions::make(std::vector<FeatureViewSpec> views,
                                                     std::vector<FeatureServiceSpec> services,
                                                     const SourceLookup& sources, Diagnostics& diagnostics) {
  const std::size_t faults = diagnostics.list.size();
  auto made = std::shared_ptr<Definitions>(new Definitions);
  made->views_ = std::move(views), made->services_ = std::move(services);
  check_unique(made->views_, "feature view", diagnostics);
  check_unique(made->services_, "feature service", diagnostics);
  std::map<std::string, const FeatureViewSpec*, std::less<>> specs;
  for (const FeatureViewSpec& view : made->views_) {
    specs.emplace(view.name, &view);
    if (view.from_request()) {
      check_request_view(view, diagnostics);
    } else if (const SourceSchema* source = sources(view.source.name); !source) {
      diagnostics.add(view.source.at, fmt::format("there is no dataset \"{}\"", view.source.name));
    } else if (auto compiled = compile_view(view, *source, diagnostics)) {
      made->compiled_.emplace(view.name, std::move(compiled));
    }
  }
  for (const FeatureServiceSpec& service : made->services_)
    made->resolved_.emplace(service.name, resolve_service(service, {specs, made->compiled_}, diagnostics));
  return diagnostics.list.size() > faults ? nullptr : made;
}

Result<std::shared_ptr<const ResolvedService>> Definitions::resolve(std::string_view service) const {
  const auto found = resolved_.find(service);
  if (found != resolved_.end()) return found->second;
  std::vector<std::string> names;
  for (const auto& [name, resolved] : resolved_) names.push_back(name);
  return not_found("feature service {} does not exist{}", service, did_you_mean(service, names));
}

}  // namespace millrace::features
