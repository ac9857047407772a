#include "features/resolve.h"

#include <algorithm>
#include <vector>

#include "base/hash.h"
#include "base/suggest.h"
#include "features/compile.h"

namespace millrace::features {
namespace {

// A feature in its place in the vector.
struct Chosen {
  const FeatureViewSpec* view;
  std::size_t feature;  // of the view
  Position at;

  const FeatureSpec& spec() const { return view->features[feature]; }
};

class Resolver {
 public:
  Resolver(const FeatureServiceSpec& spec, const KnownViews& views, Diagnostics& diagnostics)
      : spec_(spec), views_(views), diagnostics_(diagnostics), service_(std::make_shared<ResolvedService>()) {}

  std::shared_ptr<const ResolvedService> run() {
    const std::size_t faults = diagnostics_.list.size();
    service_->name = spec_.name;
    for (const FeatureReference& reference : spec_.features) choose(reference);
    check_names();
    if (diagnostics_.list.size() > faults) return nullptr;
    for (const Chosen& chosen : chosen_) add_entities(chosen);
    for (const Chosen& chosen : chosen_) add_request_inputs(chosen);
    if (diagnostics_.list.size() > faults) return nullptr;
    for (std::size_t position = 0; position < chosen_.size(); ++position) place(chosen_[position], position);
    if (diagnostics_.list.size() > faults) return nullptr;
    service_->hash = definition_hash();
    return service_;
  }

 private:
  void choose(const FeatureReference& reference) {
    const auto found = views_.specs.find(reference.view.name);
    if (found == views_.specs.end()) return unknown_view(reference.view);
    const FeatureViewSpec& view = *found->second;
    // A view with faults of its own is reported there.
    if (!view.from_request() && !views_.compiled.contains(view.name)) return;
    if (reference.feature.empty()) {
      for (std::size_t i = 0; i < view.features.size(); ++i) chosen_.push_back({&view, i, reference.view.at});
      return;
    }
    const auto feature = std::ranges::find(view.features, reference.feature, &FeatureSpec::name);
    if (feature == view.features.end()) return unknown_feature(reference, view);
    chosen_.push_back({&view, static_cast<std::size_t>(feature - view.features.begin()), reference.view.at});
  }

  void unknown_view(const Reference& view) {
    std::vector<std::string> names;
    for (const auto& [name, spec] : views_.specs) names.push_back(name);
    diagnostics_.add(view.at,
                     fmt::format("there is no feature view \"{}\"{}", view.name, did_you_mean(view.name, names)));
  }
  void unknown_feature(const FeatureReference& reference, const FeatureViewSpec& view) {
    std::vector<std::string> names;
    for (const FeatureSpec& feature : view.features) names.push_back(feature.name);
    diagnostics_.add(reference.view.at, fmt::format("feature view {} has no feature \"{}\"{}", view.name,
                                                    reference.feature, did_you_mean(reference.feature, names)));
  }

  void check_names() {
    std::map<std::string_view, const FeatureViewSpec*> seen;
    for (const Chosen& chosen : chosen_) {
      const auto [other, fresh] = seen.emplace(chosen.spec().name, chosen.view);
      if (fresh) continue;
      diagnostics_.add(chosen.at, fmt::format("feature {} stands twice in service {} (views {} and {})",
                                              chosen.spec().name, spec_.name, other->second->name, chosen.view->name));
    }
  }

  void add_input(const std::string& name, sql::Type type, bool is_entity, const Position& at) {
    const auto same = std::ranges::find(service_->inputs, name, &InputColumn::name);
    if (same == service_->inputs.end()) return service_->inputs.push_back({name, type, is_entity});
    if (same->type != type)
      diagnostics_.add(at, fmt::format("service {} needs {} as {} and as {}", spec_.name, name,
                                       sql::type_name(same->type), sql::type_name(type)));
  }
  void add_entities(const Chosen& chosen) {
    if (chosen.view->from_request()) return;
    const CompiledView& view = *views_.compiled.find(chosen.view->name)->second;
    for (const std::size_t column : view.key_columns)
      add_input(view.columns[column].name, view.columns[column].type, true, chosen.at);
  }
  void add_request_inputs(const Chosen& chosen) {
    for (const InputSpec& input : chosen.view->inputs) add_input(input.name, input.type, false, chosen.at);
  }

  void place(const Chosen& chosen, std::size_t position) {
    service_->features.push_back(chosen.spec().name);
    if (chosen.view->from_request()) return place_request(chosen, position);
    ResolvedView& view = resolved_view(*chosen.view);
    const std::size_t value = view.view->value_of[chosen.feature];
    if (chosen.spec().aggregate == Aggregate::kNewest) {
      view.reads.newest.push_back({value, chosen.view->ttl.value_or(Duration::max()), position});
    } else {
      window_column(view.reads, chosen.spec().window, value).outputs.push_back({chosen.spec().aggregate, position});
    }
  }

  ResolvedView& resolved_view(const FeatureViewSpec& spec) {
    const auto same =
        std::ranges::find_if(service_->views, [&](const ResolvedView& v) { return v.view->spec.name == spec.name; });
    if (same != service_->views.end()) return *same;
    ResolvedView& view = service_->views.emplace_back();
    view.view = views_.compiled.find(spec.name)->second;
    for (const Reference& entity : spec.entities)
      view.key_inputs.push_back(std::ranges::find(service_->inputs, entity.name, &InputColumn::name) -
                                service_->inputs.begin());
    return view;
  }

  static WindowColumn& window_column(SeriesReads& reads, Duration window, std::size_t value) {
    auto read = std::ranges::find(reads.windows, window, &WindowRead::window);
    if (read == reads.windows.end()) read = reads.windows.insert(read, {window, {}});
    auto column = std::ranges::find(read->columns, value, &WindowColumn::column);
    if (column == read->columns.end()) column = read->columns.insert(column, {value, {}});
    return *column;
  }

  // An expression sees only its own view's inputs, but is bound to where they stand among the service's.
  void place_request(const Chosen& chosen, std::size_t position) {
    const FeatureSpec& feature = chosen.spec();
    std::vector<sql::ColumnDef> own = {{"event_time", sql::Type::kTimestamp}}, all = own;
    for (const InputSpec& input : chosen.view->inputs) own.push_back({input.name, input.type});
    for (const InputColumn& input : service_->inputs) {
      const bool visible = std::ranges::find(own, input.name, &sql::ColumnDef::name) != own.end();
      all.push_back({visible ? input.name : "", input.type});
    }
    const auto checked = sql::Expression::compile(feature.sql, own);
    if (!checked) return;  // reported with the view
    auto bound = sql::Expression::compile(feature.sql, all);
    if (!bound || !is_numeric(checked->type())) return;
    service_->request.push_back({std::move(*bound), position});
  }

  std::string definition_hash() const {
    Hasher hasher;
    for (const InputColumn& input : service_->inputs)
      hasher.add_field(input.name).add_field(sql::type_name(input.type));
    for (const Chosen& chosen : chosen_) {
      const FeatureViewSpec& view = *chosen.view;
      const FeatureSpec& feature = chosen.spec();
      hasher.add_field(feature.name).add_field(feature.sql).add_field(aggregate_name(feature.aggregate));
      hasher.add_field(std::to_string(feature.window.count())).add_field(view.source.name).add_field(view.where);
      hasher.add_field(view.ttl ? std::to_string(view.ttl->count()) : "")
          .add_field(fmt::format("{}", view.entities.size()));
      for (const Reference& entity : view.entities) hasher.add_field(entity.name);
      if (!view.from_request()) add_source(hasher, *views_.compiled.find(view.name)->second);
    }
    return hasher.finish();
  }
  static void add_source(Hasher& hasher, const CompiledView& view) {
    hasher.add_field(view.columns[view.time_column].name).add_field(fmt::format("{}", view.columns.size()));
    for (const sql::ColumnDef& column : view.columns)
      hasher.add_field(column.name).add_field(sql::type_name(column.type));
    // Equal times are ordered by all values of the view, so that a neighbour can change the last bit of a sum.
    for (const sql::Expression& value : view.values) hasher.add_field(value.text());
  }

  const FeatureServiceSpec& spec_;
  const KnownViews& views_;
  Diagnostics& diagnostics_;
  std::shared_ptr<ResolvedService> service_;
  std::vector<Chosen> chosen_;
};

}  // namespace

std::shared_ptr<const ResolvedService> resolve_service(const FeatureServiceSpec& spec, const KnownViews& views,
                                                       Diagnostics& diagnostics) {
  return Resolver(spec, views, diagnostics).run();
}

}  // namespace millrace::features
