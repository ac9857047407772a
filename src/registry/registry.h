#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/page.h"
#include "base/result.h"
#include "base/time.h"
#include "registry/entities.h"

namespace millrace::db {
class Database;
class Transaction;
}  // namespace millrace::db
namespace millrace::events {
class Log;
}
namespace millrace::lineage {
class Store;
}

namespace millrace::registry {

struct NewVersion {
  std::string model;  // must be there
  std::string source;
  std::string run_id;
  std::string signature;
  std::string description;
  std::string pipeline_run;
  std::string key;  // not empty: the version that was created with this key is answered again
  std::vector<Tag> tags;
  std::vector<std::string> derived_from;  // more nodes of the lineage graph that it came of, besides its run
};

struct SetAlias {
  std::string model;
  std::string alias;
  std::int64_t version = 0;
  std::string reason;        // why, for a person
  std::string pipeline_run;  // that did it; or empty
  // Given: the change is kAborted unless the alias stands there now (0: unless there is no such alias).
  std::optional<std::int64_t> expected_previous;
};

// Registered models, their versions and aliases. Thread-safe.
//
// Publishes, each in the transaction of the change and with the model as subject:
//   model_version.registered     {model, version, source, run_id, pipeline_run}
//   model_version.alias_set      {model, alias, version, previous, reason, pipeline_run}; previous is null for a new
//   alias model_version.alias_deleted  {model, alias, previous, reason}
// A version is the artifact "model:NAME/VERSION" of the lineage graph, with an edge from "run:ID".
class Store {
 public:
  struct Parts {
    db::Database& database;
    lineage::Store& lineage;
    events::Log& events;
    const Clock& clock;
  };
  static Result<std::unique_ptr<Store>> open(Parts parts);

  // kAlreadyExists where the name is taken.
  Result<Model> create_model(std::string_view name, std::string_view description = {});
  // The model of that name, made where there is none.
  Result<Model> ensure_model(std::string_view name, std::string_view description = {});
  Result<Model> find_model(std::string_view name) const;
  Result<Page<Model>> list_models(const PageRequest& page) const;  // by name
  Result<void> set_description(std::string_view model, std::string_view description);
  Result<void> set_tag(std::string_view model, const Tag& tag);
  Result<void> delete_tag(std::string_view model, std::string_view key);
  // With its versions and aliases. The history of its aliases stays.
  Result<void> delete_model(std::string_view name);

  Result<ModelVersion> create_version(const NewVersion& version);
  Result<ModelVersion> find_version(std::string_view model, std::int64_t version) const;
  Result<Page<ModelVersion>> list_versions(std::string_view model, const PageRequest& page) const;  // newest first
  Result<void> set_version_description(std::string_view model, std::int64_t version, std::string_view description);
  Result<void> set_version_tag(std::string_view model, std::int64_t version, const Tag& tag);
  Result<void> delete_version_tag(std::string_view model, std::int64_t version, std::string_view key);
  // With the aliases that stand on it.
  Result<void> delete_version(std::string_view model, std::int64_t version);

  // Answers false, and changes and publishes nothing, where the alias stands there already.
  Result<bool> set_alias(const SetAlias& change);
  Result<void> delete_alias(std::string_view model, std::string_view alias, std::string_view reason = {});
  // The version that an alias stands on.
  Result<ModelVersion> find_alias(std::string_view model, std::string_view alias) const;
  // Newest first; of one alias, or of all where `alias` is empty.
  Result<Page<AliasChange>> alias_history(std::string_view model, std::string_view alias,
                                          const PageRequest& page) const;

 private:
  explicit Store(Parts parts) : parts_(parts) {}
  Result<ModelVersion> insert_version(db::Transaction& tx, const NewVersion& version);
  Result<void> record_version(db::Transaction& tx, const ModelVersion& version, const NewVersion& request);
  Result<void> move_alias(db::Transaction& tx, const AliasChange& change);
  Result<void> drop_alias(db::Transaction& tx, const Alias& alias, std::string_view model, std::string_view reason);

  Parts parts_;
};

}  // namespace millrace::registry
