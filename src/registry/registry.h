#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/page.h"
#include "base/result.h"
#include "base/time.h"
#include "registry/entities.h"
#include "registry/rules.h"

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

struct ModelRow;    // registry/load.h
struct VersionRow;  //

struct NewModel {
  std::string name;
  std::string description;
  std::vector<Tag> tags;
};

struct NewVersion {
  std::string model;  // must be there
  std::string source;
  std::string storage;
  std::string run_id;
  std::string run_link;
  std::string model_id;
  std::string user_id;
  std::string signature;
  Folder folder;
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

// What becomes of the versions that stand on a stage where another one comes.
enum class Others { kStay, kArchive };

// Whether consumers of events hear of what is taken over.
enum class Told { kNobody, kEvents };

// A search in MLflow's filter language (docs/formats/search.md).
struct SearchRequest {
  std::string filter;
  std::vector<std::string> order_by;
  int limit = 100;
  std::string page_token;
};

template <typename T>
struct Found {
  std::vector<T> items;
  std::string next;  // the token of the next page; or empty
};

// Registered models, their versions and aliases. Thread-safe.
//
// Publishes, each in the transaction of the change and with the model as subject:
//   registered_model.created       {model, description, tags, prompt}
//   registered_model.renamed       {model, previous}; its aliases are deleted and set anew, each with its event
//   registered_model.tag_set       {model, key, value, prompt}
//   registered_model.tag_deleted   {model, key, prompt}
//   model_version.registered       {model, version, source, run_id, pipeline_run, description, tags, prompt}
//   model_version.stage_changed    {model, version, stage, previous}
//   model_version.tag_set          {model, version, key, value, prompt}
//   model_version.tag_deleted      {model, version, key, prompt}
//   model_version.alias_set        {model, alias, version, previous, reason, pipeline_run, prompt}; previous is null
//                                  for a new alias
//   model_version.alias_deleted    {model, alias, previous, reason, prompt}
// `prompt` is true where the model is one. `tags` is an object.
//   move.applied                   {model, version, kind, place, request}: what registry/moves.h had a request for
//   move.cancelled                 the same, where the version of a request that waits was deleted
// A move to an alias or a stage that has a rule (registry/rules.h) which is not met is kPermissionDenied.
// A version is the artifact "model:NAME/VERSION" of the lineage graph, with an edge from "run:ID".
class Store {
 public:
  struct Parts {
    db::Database& database;
    lineage::Store& lineage;
    events::Log& events;
    const Clock& clock;
    FindGate find_gate = {};  // for rules that ask for a gate; none: no gate has decided on anything
  };
  static Result<std::unique_ptr<Store>> open(Parts parts);

  // kAlreadyExists where the name is taken.
  Result<Model> create_model(const NewModel& model);
  // The model of that name, made where there is none.
  Result<Model> ensure_model(std::string_view name, std::string_view description = {});
  Result<Model> find_model(std::string_view name) const;
  // By name; without prompts.
  Result<Page<Model>> list_models(const PageRequest& page) const;
  // Prompts only where the filter names their tag.
  Result<Found<Model>> search_models(const SearchRequest& request) const;
  // kAlreadyExists where the new name is taken.
  Result<Model> rename_model(std::string_view name, std::string_view new_name);
  Result<void> set_description(std::string_view model, std::string_view description);
  Result<void> set_tag(std::string_view model, const Tag& tag);
  Result<void> delete_tag(std::string_view model, std::string_view key);
  // With its versions and aliases. The history of its aliases stays.
  Result<void> delete_model(std::string_view name);

  Result<ModelVersion> create_version(const NewVersion& version);
  Result<ModelVersion> find_version(std::string_view model, std::int64_t version) const;
  Result<Page<ModelVersion>> list_versions(std::string_view model, const PageRequest& page) const;  // newest first
  Result<Found<ModelVersion>> search_versions(const SearchRequest& request) const;
  // The newest version on each of the stages; none asked for: of all.
  Result<std::vector<ModelVersion>> latest_versions(std::string_view model, const std::vector<Stage>& stages) const;
  // The same for several models at once, each in the order of stages.
  Result<std::vector<std::vector<ModelVersion>>> latest_versions(const std::vector<Model>& models) const;
  // kInvalidArgument where others should be archived from a stage other than Staging and Production.
  Result<ModelVersion> set_stage(std::string_view model, std::int64_t version, Stage stage, Others others);
  Result<ModelVersion> set_stage(db::Transaction& tx, std::string_view model, std::int64_t version, Stage stage,
                                 Others others);
  Result<void> set_version_description(std::string_view model, std::int64_t version, std::string_view description);
  Result<void> set_version_tag(std::string_view model, std::int64_t version, const Tag& tag);
  Result<void> delete_version_tag(std::string_view model, std::int64_t version, std::string_view key);
  // With its tags and the aliases that stand on it.
  Result<void> delete_version(std::string_view model, std::int64_t version);

  // Take a model or a version of another server, with its times; again: bring what is there to it. Tags that only this
  // server knows stay. A version is known by `key`, never empty, and keeps its number where that was never used here;
  // the folder is described by the caller. Answers the number that it has. Only a new version is an event, if at all.
  Result<void> put_model(const Model& model);
  Result<std::int64_t> put_version(const ModelVersion& version, const std::string& key, Told told);
  // Sets an alias as it stood elsewhere; no event.
  Result<void> put_alias(std::string_view model, const Alias& alias, std::string_view reason);

  // Answers false, and changes and publishes nothing, where the alias stands there already.
  Result<bool> set_alias(const SetAlias& change);
  Result<bool> set_alias(db::Transaction& tx, const SetAlias& change);
  Result<void> delete_alias(std::string_view model, std::string_view alias, std::string_view reason = {});
  // The version that an alias stands on.
  Result<ModelVersion> find_alias(std::string_view model, std::string_view alias) const;
  // Newest first; of one alias, or of all where `alias` is empty.
  Result<Page<AliasChange>> alias_history(std::string_view model, std::string_view alias,
                                          const PageRequest& page) const;

 private:
  explicit Store(Parts parts) : parts_(parts) {}
  Result<std::int64_t> insert_version(db::Transaction& tx, const ModelRow& model, const NewVersion& version);
  Result<void> record_version(db::Transaction& tx, const ModelVersion& version,
                              const std::vector<std::string>& derived_from, Told told);
  Result<void> archive_others(db::Transaction& tx, const VersionRow& version, Stage stage);
  Result<void> change_stage(db::Transaction& tx, const VersionRow& version, Stage stage);
  Result<void> move_alias(db::Transaction& tx, const VersionRow& version, const AliasChange& change);
  Result<void> drop_alias(db::Transaction& tx, const ModelRow& model, const Alias& alias, std::string_view reason);
  Result<void> ask_rule(db::Transaction& tx, const Move& move);
  Result<void> cancel(db::Transaction& tx, std::string_view model, std::int64_t version);
  Result<void> publish(db::Transaction& tx, std::string_view type, std::string_view model, Json data);

  Parts parts_;
};

}  // namespace millrace::registry
