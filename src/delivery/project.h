#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "delivery/documents.h"

namespace millrace::db {
class Database;
}
namespace millrace::events {
class Log;
}

namespace millrace::delivery {

struct ApplyRequest {
  std::vector<SourceFile> files;  // all files of the project folder
  std::string commit;             // of the user's git repository; empty where there is none
  bool dirty = false;             // the folder differs from the commit
  bool dry_run = false;
};

enum class ChangeKind { kCreate, kUpdate, kDelete, kUnchanged };
std::string_view to_text(ChangeKind kind);  // "create", "update", "delete", "unchanged"

struct DocumentChange {
  ChangeKind kind = ChangeKind::kUnchanged;
  std::string document_kind;
  std::string name;
  std::string diff;  // lines with "-", "+" or " " in front; of an update
  std::string note;  // what becomes of what was set beside the document; or empty
};

struct ApplyResult {
  std::string project;
  std::int64_t release = 0;  // the one that is in force afterwards; 0: none yet
  std::vector<DocumentChange> changes;
  bool changed = false;
};

// An immutable bundle of a project at a commit.
struct Release {
  std::int64_t number = 0;
  std::string project;
  std::string commit;
  bool dirty = false;
  std::string content_hash;
  Timestamp event_time;
};

// What a server is to agree with, and its releases. Thread-safe; one apply at a time.
class Project {
 public:
  struct Parts {
    db::Database& db;
    events::Log& events;
    duck::Database& duck;
    const Clock& clock;
    std::filesystem::path folder;  // releases are kept below it
    std::vector<pipelines::BuiltinStep> builtins;
    // What cannot be changed to these documents, each at its position.
    std::function<void(const Documents&, Diagnostics&)> check;
    // What becomes of routes that were set by hand, by an endpoint's document; "" where there are none.
    std::function<Result<std::string>(const serving::EndpointSpec&)> outlook;
    // Makes the server agree with the documents. Their checks have passed.
    std::function<Result<void>(const Documents&, std::shared_ptr<const features::Definitions>,
                               const std::filesystem::path& folder)>
        install;
  };
  static Result<std::unique_ptr<Project>> open(Parts parts);

  // Installs the release in force again; at a server's start.
  Result<void> load();

  // All or nothing. Where `diagnostics` is not empty afterwards, nothing was changed.
  Result<ApplyResult> apply(const ApplyRequest& request, Diagnostics& diagnostics);

  // The release in force; kNotFound before the first.
  Result<Release> current() const;
  Result<std::vector<Release>> list() const;  // newest first
  // The files of the release in force, by path.
  Result<std::vector<SourceFile>> files() const;
  // The documents in force.
  std::vector<DocumentText> documents() const;

 private:
  struct Checked;
  explicit Project(Parts parts) : parts_(std::move(parts)) {}
  std::filesystem::path folder_of(std::int64_t release) const;
  Result<void> add_notes(const Documents& documents, std::vector<DocumentChange>& changes) const;
  Checked check(const std::vector<SourceFile>& files, Diagnostics& diagnostics) const;
  Result<std::int64_t> record(const ApplyRequest& request, const Checked& checked, const std::string& hash);

  Parts parts_;
  mutable std::mutex mutex_;
  Documents documents_;
};

}  // namespace millrace::delivery
