#include "pipelines/step_parser.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/suggest.h"
#include "pipelines/contains.h"
#include "pipelines/names.h"

namespace millrace::pipelines {
namespace {

template <typename Range>
std::vector<std::string> names_of(const Range& range) {
  std::vector<std::string> names;
  for (const auto& item : range) names.push_back(item.name);
  return names;
}

// Reads one step; each method reads one key.
class StepReader {
 public:
  StepReader(const Node& node, std::span<const BuiltinStep> builtins, Diagnostics& diagnostics)
      : node_(node), builtins_(builtins), diagnostics_(diagnostics), reader_(node, diagnostics, "a step") {}

  ParsedStep read() {
    step_.spec.at = node_.at;
    read_name();
    read_action();
    read_inputs();
    read_outputs();
    read_with();
    read_code();
    read_limits();
    step_.needs = read_names("needs", "a step");
    reader_.string("description");
    reader_.finish();
    return std::move(step_);
  }

 private:
  void read_name() {
    step_.spec.name = reader_.required_string("name");
    if (!step_.spec.name.empty()) check_name(reader_.at("name"), "a step", step_.spec.name);
  }

  void read_action() {
    step_.spec.uses = reader_.string("uses").value_or("");
    step_.spec.run = reader_.string("run").value_or("");
    step_.run_at = reader_.at("run");
    if (step_.spec.uses.empty() == step_.spec.run.empty()) {
      diagnostics_.add(node_.at, fmt::format("step {} needs either \"uses\" (a built-in step) or \"run\" (a command)",
                                             step_.spec.name));
    }
    if (step_.spec.uses.empty()) return;
    builtin_ = find_builtin(builtins_, step_.spec.uses);
    if (builtin_ == nullptr) {
      reader_.fault("uses", fmt::format("there is no built-in step \"{}\"{}", step_.spec.uses,
                                        did_you_mean(step_.spec.uses, names_of(builtins_))));
    }
  }

  void read_inputs() {
    if (const Node* inputs = reader_.mapping("inputs")) {
      for (const auto& [key, value] : inputs->members) read_input(key, value);
    }
    if (builtin_ == nullptr) return;
    for (const BuiltinInput& input : builtin_->inputs) {
      const bool given = contains(step_.spec.inputs, input.name, &StepInput::name);
      if (input.required && !given) missing("input", input.name);
    }
  }

  void read_input(const Node& key, const Node& value) {
    check_name(key.at, "an input", key.text);
    if (builtin_ != nullptr && !builtin_->other_inputs) {
      check_known(key, "input", names_of(builtin_->inputs));
    }
    if (value.kind != Node::Kind::kScalar) {
      diagnostics_.add(value.at, fmt::format("input {} must be one reference, e.g. dataset:NAME", key.text));
      return;
    }
    auto ref = parse_input_ref(value.text);
    if (!ref) {
      diagnostics_.add(value.at, ref.error().message);
      return;
    }
    ref->at = value.at;
    if (ref->kind == InputRef::Kind::kDataset) step_.references.push_back({"Dataset", ref->name, value.at});
    step_.spec.inputs.push_back({key.text, std::move(*ref)});
  }

  void read_outputs() {
    const std::vector<std::string> written = names_of(read_names("outputs", "an output"));
    if (builtin_ == nullptr) {
      step_.spec.outputs = written;
      return;
    }
    step_.spec.outputs = builtin_->outputs;
    if (written.empty() || std::ranges::is_permutation(written, builtin_->outputs)) return;
    reader_.fault("outputs", fmt::format("step {} uses {}, whose outputs are fixed: {}", step_.spec.name,
                                         builtin_->name, fmt::join(builtin_->outputs, ", ")));
  }

  void read_with() {
    if (const Node* with = reader_.mapping("with")) {
      for (const auto& [key, value] : with->members) read_with_value(key, value);
    }
    if (builtin_ == nullptr) return;
    for (const BuiltinKey& key : builtin_->with) {
      const bool given = contains(step_.spec.with, key.name, &WithValue::name);
      if (key.required && !given) missing("key under \"with\",", key.name);
    }
  }

  void read_with_value(const Node& key, const Node& value) {
    check_name(key.at, "a key of \"with\"", key.text);
    if (builtin_ != nullptr) {
      check_known(key, "key under \"with\" named", names_of(builtin_->with));
      add_reference(key, value);
    }
    step_.spec.with.push_back({key.text, dump_json(value.to_json()), value.at});
  }

  void add_reference(const Node& key, const Node& value) {
    const auto known = std::ranges::find(builtin_->with, key.text, &BuiltinKey::name);
    if (known == builtin_->with.end() || known->refers_to.empty()) return;
    if (value.kind != Node::Kind::kScalar || value.text.contains("${")) return;
    step_.references.push_back({known->refers_to, value.text, value.at});
  }

  void read_code() {
    for (const std::string& path : reader_.strings("code")) {
      const auto file = parse_input_ref("file:" + path);
      if (!file) {
        reader_.fault("code", file.error().message);
      } else {
        step_.spec.code.push_back(file->name);
      }
    }
    if (!step_.spec.code.empty() && step_.spec.run.empty()) {
      reader_.fault("code", "\"code\" belongs to a command (\"run\"); a built-in step has its own");
    }
  }

  void read_limits() {
    const std::int64_t retries = reader_.integer("retries").value_or(0);
    if (retries < 0 || retries > 100) reader_.fault("retries", "\"retries\" must be from 0 to 100");
    step_.spec.retries = static_cast<int>(std::clamp<std::int64_t>(retries, 0, 100));
    step_.spec.timeout = reader_.duration("timeout");
    if (step_.spec.timeout && step_.spec.timeout->count() <= 0)
      reader_.fault("timeout", "\"timeout\" must be positive");

    const std::optional<bool> cache = reader_.boolean("cache");
    const bool side_effects = builtin_ != nullptr && builtin_->side_effects;
    if (side_effects && cache.value_or(false)) {
      reader_.fault("cache",
                    fmt::format("step {} changes more than its outputs and cannot be cached", step_.spec.name));
    }
    step_.spec.cache = cache.value_or(true) && !side_effects;
  }

  std::vector<NameAt> read_names(std::string_view key, std::string_view what) {
    std::vector<NameAt> names;
    const std::vector<Node>* list = reader_.list(key);
    if (list == nullptr) return names;
    for (const Node& item : *list) {
      if (item.kind != Node::Kind::kScalar) {
        diagnostics_.add(item.at, fmt::format("\"{}\" must be a list of names", key));
      } else if (contains(names, item.text, &NameAt::name)) {
        diagnostics_.add(item.at, fmt::format("\"{}\" stands in \"{}\" twice", item.text, key));
      } else {
        check_name(item.at, what, item.text);
        names.push_back({item.text, item.at});
      }
    }
    return names;
  }

  void check_name(const Position& at, std::string_view what, std::string_view name) {
    if (is_name(name)) return;
    diagnostics_.add(
        at, fmt::format("\"{}\" is no name of {}: letters, digits, \"_\" and \"-\", a letter first", name, what));
  }

  void check_known(const Node& key, std::string_view what, const std::vector<std::string>& known) {
    if (contains(known, key.text)) return;
    diagnostics_.add(key.at, fmt::format("built-in step {} has no {} \"{}\"{}", builtin_->name, what, key.text,
                                         did_you_mean(key.text, known)));
  }

  void missing(std::string_view what, std::string_view name) {
    diagnostics_.add(
        node_.at, fmt::format("step {} uses {} and lacks its {} \"{}\"", step_.spec.name, builtin_->name, what, name));
  }

  const Node& node_;
  std::span<const BuiltinStep> builtins_;
  Diagnostics& diagnostics_;
  ObjectReader reader_;
  const BuiltinStep* builtin_ = nullptr;
  ParsedStep step_;
};

}  // namespace

ParsedStep parse_step(const Node& node, std::span<const BuiltinStep> builtins, Diagnostics& diagnostics) {
  return StepReader(node, builtins, diagnostics).read();
}

}  // namespace millrace::pipelines
