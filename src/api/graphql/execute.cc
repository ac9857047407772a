#include "api/graphql/execute.h"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>

#include "api/graphql/document.h"
#include "api/graphql/schema.h"

namespace millrace::api::graphql {

namespace {

constexpr std::string_view kTypename = "__typename";

std::string snake_case(std::string_view camel) {
  std::string snake;
  for (const char c : camel) {
    if (std::isupper(static_cast<unsigned char>(c)) != 0) snake += '_';
    snake += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  }
  return snake;
}

Json value_of(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found == object.end() ? Json() : *found;
}

// What stands for a variable is put in its place. A variable that has no value is left out of objects.
Json with_variables(const Json& value, const Json& variables) {
  if (value.is_object() && value.size() == 1 && value.contains("$")) {
    const auto found = variables.find(value["$"].get<std::string>());
    return found == variables.end() ? Json() : *found;
  }
  if (!value.is_structured()) return value;
  Json out = value.is_array() ? Json::array() : Json::object();
  for (const auto& [key, member] : value.items()) {
    if (value.is_array())
      out.push_back(with_variables(member, variables));
    else
      out[key] = with_variables(member, variables);
  }
  return out;
}

Json scalar(const Field& field, const Json& value) {
  if (value.is_null()) return value;
  if (field.scalar == Scalar::kNumber) return value.is_number() ? value : Json();  // "NaN"
  if (field.scalar == Scalar::kLong && !value.is_string()) return Json(dump_json(value));
  return value;
}

class Execution {
 public:
  Execution(const Document& document, const Json& variables, const Call& call)
      : document_(document), variables_(variables), call_(call) {}

  Result<Json> root(const Selection& selection, bool is_mutation) {
    const Root* root = find_root(selection.name, is_mutation);
    const std::string_view type = is_mutation ? "Mutation" : "Query";
    if (root == nullptr) return no_field(selection.name, type);
    const Json arguments = with_variables(*selection.arguments, variables_);
    const Json input = arguments.contains("input") ? arguments["input"] : Json::object();
    if (!input.is_object()) return invalid_argument("Argument 'input' of field '{}' must be an object.", root->name);
    return object(TRY(call_(root->method, root->path, input)), *root->type, selection);
  }

 private:
  static std::unexpected<Error> no_field(std::string_view field, std::string_view type) {
    return invalid_argument("Cannot query field '{}' on type '{}'.", field, type);
  }

  Result<Json> object(const Json& value, const Type& type, const Selection& of) {
    if (of.selections.empty()) {
      return invalid_argument("Field '{}' of type '{}' must have a selection of subfields.", of.name, type.name);
    }
    Json out = Json::object();
    for (const Selection& selection : fields_of(document_, of.selections)) {
      if (selection.name == kTypename) {
        out[selection.alias] = type.name;
        continue;
      }
      const Field* field = type.find(selection.name);
      if (field == nullptr) return no_field(selection.name, type.name);
      out[selection.alias] = TRY(member(value, type, *field, selection));
    }
    return out;
  }

  Result<Json> member(const Json& value, const Type& type, const Field& field, const Selection& selection) {
    if (&type == &kRunType && field.name == kExperimentField) return experiment(value, field, selection);
    if (&type == &kRunType && field.name == kModelVersionsField) return versions(value, field, selection);
    const auto found = value.find(snake_case(field.name));
    return shaped(found == value.end() ? Json() : *found, field, selection);
  }

  // What is not there is null, a list without items.
  Result<Json> shaped(const Json& value, const Field& field, const Selection& selection) {
    if (field.shape == Shape::kOne) return item(value, field, selection);
    Json items = Json::array();
    if (value.is_null()) TRY(item(Json(), field, selection));
    for (const Json& each : value) items.push_back(TRY(item(each, field, selection)));
    return items;
  }

  Result<Json> item(const Json& value, const Field& field, const Selection& selection) {
    if (field.scalar != Scalar::kNone) {
      if (selection.selections.empty()) return scalar(field, value);
      return invalid_argument("Field '{}' must not have a selection since it has no subfields.", field.name);
    }
    Json read = TRY(object(value.is_null() ? Json::object() : value, *field.type, selection));
    return value.is_null() ? Json() : read;
  }

  static std::string info_of(const Json& run, const char* key) {
    const auto info = run.find("info");
    return info == run.end() ? "" : info->value(key, "");
  }

  Result<Json> experiment(const Json& run, const Field& field, const Selection& selection) {
    if (!run.contains("info")) return shaped(Json(), field, selection);
    const std::string id = info_of(run, "experiment_id");
    if (!experiments_.contains(id)) {
      const Json answer = TRY(call_("GET", "/api/2.0/mlflow/experiments/get", Json{{"experiment_id", id}}));
      experiments_[id] = value_of(answer, "experiment");
    }
    return shaped(experiments_[id], field, selection);
  }

  Result<Json> versions(const Json& run, const Field& field, const Selection& selection) {
    if (!run.contains("info")) return shaped(Json(), field, selection);
    const Json filter{{"filter", fmt::format("run_id='{}'", info_of(run, "run_id"))}};
    const Json answer = TRY(call_("GET", "/api/2.0/mlflow/model-versions/search", filter));
    return shaped(value_of(answer, "model_versions"), field, selection);
  }

  const Document& document_;
  const Json& variables_;
  const Call& call_;
  std::map<std::string, Json> experiments_;
};

Json failed(const Error& error) { return {{"data", nullptr}, {"errors", Json::array({error.message})}}; }

Result<const Operation*> chosen(const Document& document, const Json& request) {
  const Json given = value_of(request, "operationName");
  const std::string name = given.is_string() ? given.get<std::string>() : "";
  if (name.empty()) {
    if (document.operations.size() == 1) return &document.operations.front();
    return invalid_argument("Must provide operation name if query contains multiple operations.");
  }
  for (const Operation& operation : document.operations) {
    if (name == operation.name) return &operation;
  }
  return invalid_argument("Unknown operation named '{}'.", name);
}

Json run(const Document& document, const Operation& operation, const Json& variables, const Call& call) {
  Json data = Json::object();
  Json errors = Json::array();
  Execution execution(document, variables, call);
  for (const Selection& field : fields_of(document, operation.selections)) {
    if (field.name == kTypename) {
      data[field.alias] = operation.is_mutation ? "Mutation" : "Query";
      continue;
    }
    auto value = execution.root(field, operation.is_mutation);
    data[field.alias] = value ? *value : Json();
    if (!value) errors.push_back(value.error().message);
  }
  return {{"data", data}, {"errors", errors.empty() ? Json() : errors}};
}

}  // namespace

Json execute(const Json& request, const Call& call) {
  const Json query = value_of(request, "query");
  if (!query.is_string()) return failed({Code::kInvalidArgument, "Must provide a query string."});
  const auto document = parse(query.get_ref<const std::string&>());
  if (!document) return failed(document.error());
  const auto operation = chosen(*document, request);
  if (!operation) return failed(operation.error());
  if (const auto limits = check_limits(*document, **operation); !limits) return failed(limits.error());
  Json variables = *(*operation)->defaults;
  if (const Json given = value_of(request, "variables"); given.is_object()) variables.update(given);
  return run(*document, **operation, variables, call);
}

}  // namespace millrace::api::graphql
