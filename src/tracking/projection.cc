#include "tracking/projection.h"

#include <array>
#include <utility>

namespace millrace::tracking {

namespace {

constexpr std::array<std::pair<std::string_view, Projection::Part>, 7> kParts = {{
    {"metrics", Projection::Part::kMetrics},
    {"params", Projection::Part::kParams},
    {"tags", Projection::Part::kTags},
    {"inputs", Projection::Part::kInputs},
    {"metric", Projection::Part::kMetrics},
    {"param", Projection::Part::kParams},
    {"tag", Projection::Part::kTags},
}};

constexpr std::array<std::string_view, 11> kAttributes = {"run_id", "run_uuid",     "experiment_id",  "run_name",
                                                          "name",   "user_id",      "start_time",     "end_time",
                                                          "status", "artifact_uri", "lifecycle_stage"};

}  // namespace

Result<Projection> Projection::parse(const std::vector<std::string>& fields) {
  Projection projection;
  if (fields.empty()) return projection;
  for (Keys& keys : projection.parts_) keys.any = false;
  for (const std::string& field : fields) {
    if (std::ranges::find(kAttributes, field) != kAttributes.end()) continue;
    const std::size_t dot = std::min(field.find('.'), field.size());
    const auto part =
        std::ranges::find(kParts, std::string_view(field).substr(0, dot), &decltype(kParts)::value_type::first);
    if (part == kParts.end()) {
      return invalid_argument(
          "field \"{}\" is not known; fields are attributes of a run, metrics.KEY, params.KEY, tags.KEY, metrics.*, "
          "params.*, tags.* and inputs",
          field);
    }
    Keys& keys = projection.parts_[static_cast<std::size_t>(part->second)];
    std::string key = field.substr(std::min(dot + 1, field.size()));
    if (key.empty() || key == "*") {
      keys.any = true;
    } else {
      keys.names.push_back(std::move(key));
    }
  }
  return projection;
}

}  // namespace millrace::tracking
