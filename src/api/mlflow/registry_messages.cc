#include "api/mlflow/registry_messages.h"

#include <charconv>

#include "api/mlflow/read.h"

namespace millrace::api::mlflow {

namespace {

void write_tags(JsonWriter& out, const std::vector<registry::Tag>& tags) {
  out.list("tags", tags, [&](const registry::Tag& tag) {
    out.object([&] {
      out.field("key", tag.key);
      out.field("value", tag.value);
    });
  });
}

void write_aliases(JsonWriter& out, const std::vector<registry::Alias>& aliases) {
  out.list("aliases", aliases, [&](const registry::Alias& alias) {
    out.object([&] {
      out.field("alias", alias.name);
      out.field("version", std::to_string(alias.version));
    });
  });
}

}  // namespace

void write(JsonWriter& out, const registry::Model& model, const std::vector<registry::ModelVersion>& latest) {
  out.object([&] {
    out.field("name", model.name);
    out.field("creation_timestamp", milliseconds(model.creation_time));
    out.field("last_updated_timestamp", milliseconds(model.last_updated_time));
    if (!model.description.empty()) out.field("description", model.description);
    out.list("latest_versions", latest, [&](const registry::ModelVersion& version) { write(out, version); });
    write_tags(out, model.tags);
    write_aliases(out, model.aliases);
  });
}

void write(JsonWriter& out, const registry::ModelVersion& version) {
  out.object([&] {
    out.field("name", version.model);
    out.field("version", std::to_string(version.version));
    out.field("creation_timestamp", milliseconds(version.creation_time));
    out.field("last_updated_timestamp", milliseconds(version.last_updated_time));
    if (!version.user_id.empty()) out.field("user_id", version.user_id);
    out.field("current_stage", to_text(version.stage));
    out.field("description", version.description);
    out.field("source", version.source);
    out.field("run_id", version.run_id);
    out.field("status", "READY");
    write_tags(out, version.tags);
    out.field("run_link", version.run_link);
    out.list("aliases", version.aliases, [&](const std::string& alias) { out.value(alias); });
    if (!version.model_id.empty()) out.field("model_id", version.model_id);
  });
}

std::vector<registry::Tag> read_model_tags(const Fields& in) {
  std::vector<registry::Tag> tags;
  for (auto& tag : read_tags(in)) tags.push_back({std::move(tag.key), std::move(tag.value)});
  return tags;
}

std::int64_t read_version(const Fields& in) {
  const auto text = in.required_text("version");
  std::int64_t version = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), version);
  if (!text.empty() && (error != std::errc() || end != text.data() + text.size())) {
    in.fault(fmt::format("Parameter 'version' must be an integer, got '{}'.", text));
  }
  return version;
}

Result<registry::SearchRequest> read_search(const Fields& in, int default_results, int most_results) {
  const std::int64_t limit = in.integer("max_results").value_or(default_results);
  if (limit > most_results) {
    return invalid_argument("Invalid value for request parameter max_results. It must be at most {}, but got value {}",
                            most_results, limit);
  }
  if (limit < 1) {
    return invalid_argument("Invalid value for max_results. It must be a positive integer, but got {}", limit);
  }
  registry::SearchRequest request{.filter = owned(in.text("filter")),
                                  .order_by = {},
                                  .limit = static_cast<int>(limit),
                                  .page_token = owned(in.text("page_token"))};
  for (const auto term : in.texts("order_by")) request.order_by.emplace_back(term);
  return request;
}

Error in_mlflow_words(const registry::Store& registry, Error error, Subject subject) {
  if (error.code == Code::kAlreadyExists) {
    error.message = fmt::format("Registered Model (name={}) already exists.", subject.name);
  } else if (error.code == Code::kNotFound && (subject.version == 0 || !registry.find_model(subject.name))) {
    error.message = fmt::format("Registered Model with name={} not found", subject.name);
  } else if (error.code == Code::kNotFound) {
    error.message = fmt::format("Model Version (name={}, version={}) not found", subject.name, subject.version);
  }
  return error;
}

}  // namespace millrace::api::mlflow
