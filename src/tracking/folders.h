#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "tracking/entities.h"

namespace millrace::db {
class Database;
class Transaction;
}  // namespace millrace::db

namespace millrace::tracking {

struct Folder {
  std::string path;
  std::int64_t experiments = 0;  // active ones, at any depth
};

struct FolderContents {
  std::vector<Folder> folders;          // by path
  std::vector<Experiment> experiments;  // that lie in it and in no folder below; by name
  std::vector<Tag> tags;                // its own; by key
};

// An experiment's name is a path: "vision/cats/resnet" lies in the folder "vision/cats", which is there as long as
// something lies in it. "" is the folder of all. Thread-safe.
//
// A folder's tags are seen as tags of every experiment below it that has no tag of its own with the key; the nearest
// folder's wins. They are kept with the folder, and copied to the experiments, marked, so that searches and clients
// find them like any other.
class Folders {
 public:
  Folders(db::Database& database, const Clock& clock) : database_(database), clock_(clock) {}

  Result<FolderContents> list(std::string_view path) const;
  // Everything below, and the folder's tags; all of it or nothing. Answers how many experiments moved. kNotFound for a
  // folder that is not there, kAlreadyExists where a name is taken, kInvalidArgument for a place within itself.
  Result<std::int64_t> move(std::string_view from, std::string_view to);
  Result<void> set_tag(std::string_view path, const Tag& tag);
  // kNotFound where it has none.
  Result<void> delete_tag(std::string_view path, std::string_view key);

 private:
  db::Database& database_;
  const Clock& clock_;
};

// Gives an experiment the tags of its folders anew; for whoever made, renamed or untagged it.
Result<void> inherit_tags(db::Transaction& tx, std::int64_t experiment);

}  // namespace millrace::tracking
