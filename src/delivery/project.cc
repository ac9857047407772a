#include "delivery/project.h"

#include <algorithm>
#include <boost/describe.hpp>
#include <nlohmann/json.hpp>

#include "base/files.h"
#include "base/hash.h"
#include "db/db.h"
#include "delivery/diff.h"
#include "events/events.h"

namespace millrace::delivery {

BOOST_DESCRIBE_STRUCT(Release, (), (number, project, commit, dirty, content_hash, event_time))

namespace {

namespace fs = std::filesystem;

constexpr db::Migration kMigrations[] = {{1, R"sql(
  create table releases (
    number integer primary key,
    project text not null,
    commit_id text not null,
    dirty integer not null,
    content_hash text not null,
    event_time integer not null
  ) strict;
)sql"}};

constexpr std::string_view kReleases =
    "select number, project, commit_id, dirty, content_hash, event_time from releases order by number desc";

Result<void> check_path(const std::string& path) {
  fs::path parsed(path);
  auto plain = [](const fs::path& part) { return part != ".." && part != "." && !part.empty(); };
  if (path.empty() || parsed.is_absolute() || !std::ranges::all_of(parsed, plain) ||
      path.find('\0') != std::string::npos)
    return invalid_argument("\"{}\" is not a path in a project", path);
  return {};
}

Result<std::string> content_hash(std::vector<SourceFile> files) {
  std::ranges::sort(files, {}, &SourceFile::path);
  Hasher hasher;
  for (const auto& file : files) {
    TRY(check_path(file.path));
    hasher.add_field(file.path).add_field(file.text);
  }
  return hasher.finish();
}

Result<std::vector<SourceFile>> read_folder(const fs::path& folder) {
  std::vector<SourceFile> files;
  std::error_code error;
  for (auto it = fs::recursive_directory_iterator(folder, error); !error && it != fs::end(it); it.increment(error))
    if (it->is_regular_file())
      files.push_back({it->path().lexically_relative(folder).string(), TRY(read_file(it->path()))});
  if (error) return internal_error("cannot read {}: {}", folder.string(), error.message());
  std::ranges::sort(files, {}, &SourceFile::path);
  return files;
}

std::vector<DocumentChange> changes_between(const std::vector<DocumentText>& before,
                                            const std::vector<DocumentText>& after) {
  auto same = [](const DocumentText& document) {
    return [&](const DocumentText& other) { return other.kind == document.kind && other.name == document.name; };
  };
  std::vector<DocumentChange> out;
  for (const auto& document : after) {
    auto old = std::ranges::find_if(before, same(document));
    auto kind = old == before.end()          ? ChangeKind::kCreate
                : old->json == document.json ? ChangeKind::kUnchanged
                                             : ChangeKind::kUpdate;
    out.push_back({kind, document.kind, document.name,
                   kind == ChangeKind::kUpdate ? line_diff(old->json, document.json) : "", ""});
  }
  for (const auto& document : before)
    if (std::ranges::none_of(after, same(document)))
      out.push_back({ChangeKind::kDelete, document.kind, document.name, "", ""});
  return out;
}

}  // namespace

std::string_view to_text(ChangeKind kind) {
  switch (kind) {
    case ChangeKind::kCreate:
      return "create";
    case ChangeKind::kUpdate:
      return "update";
    case ChangeKind::kDelete:
      return "delete";
    case ChangeKind::kUnchanged:
      return "unchanged";
  }
  return "";
}

struct Project::Checked {
  Documents documents;
  std::shared_ptr<const features::Definitions> definitions;
};

Result<std::unique_ptr<Project>> Project::open(Parts parts) {
  TRY(db::migrate(parts.db, "project", kMigrations));
  TRY(make_directories(parts.folder));
  return std::unique_ptr<Project>(new Project(std::move(parts)));
}

fs::path Project::folder_of(std::int64_t release) const { return parts_.folder / std::to_string(release); }

Project::Checked Project::check(const std::vector<SourceFile>& files, Diagnostics& diagnostics) const {
  Checked checked{.documents = parse_documents(files, parts_.builtins, diagnostics), .definitions = nullptr};
  if (!checked.documents.all_named) return checked;
  check_references(checked.documents, diagnostics);
  check_model_files(checked.documents, files, diagnostics);
  checked.definitions = feature_definitions(checked.documents, diagnostics);
  check_spines(checked.documents, files, parts_.duck, diagnostics);
  if (diagnostics.empty()) parts_.check(checked.documents, diagnostics);
  return checked;
}

Result<void> Project::load() {
  std::lock_guard lock(mutex_);
  auto releases = TRY(parts_.db.query<Release>(kReleases));
  if (releases.empty()) return {};
  auto folder = folder_of(releases.front().number);
  Diagnostics diagnostics;
  auto checked = check(TRY(read_folder(folder)), diagnostics);
  if (!diagnostics.empty())
    return failed_precondition("release {} of project {} cannot be used any more: {}", releases.front().number,
                               releases.front().project, format_diagnostic(diagnostics.list.front()));
  TRY(parts_.install(checked.documents, checked.definitions, folder));
  documents_ = std::move(checked.documents);
  return {};
}

// The files are in place before the row that makes them the release in force.
Result<std::int64_t> Project::record(const ApplyRequest& request, const Checked& checked, const std::string& hash) {
  auto tx = TRY(parts_.db.begin());
  auto newest = TRY(tx.query<std::int64_t>("select coalesce(max(number), 0) from releases")).at(0);
  auto folder = folder_of(newest + 1);
  TRY(remove_tree(folder));
  for (const auto& file : request.files) {
    TRY(make_directories((folder / file.path).parent_path()));
    TRY(write_file(folder / file.path, file.text));
  }
  const auto& name = checked.documents.project->name;
  TRY(tx.execute(
      "insert into releases (number, project, commit_id, dirty, content_hash, event_time) values (?, ?, ?, ?, ?, ?)",
      newest + 1, name, request.commit, request.dirty, hash, parts_.clock.now()));
  TRY(parts_.events.publish(
      tx, "project.applied", name, parts_.clock.now(),
      {{"project", name}, {"release", newest + 1}, {"commit", request.commit}, {"dirty", request.dirty}}));
  TRY(tx.commit());
  return newest + 1;
}

Result<void> Project::add_notes(const Documents& documents, std::vector<DocumentChange>& changes) const {
  for (auto& change : changes) {
    if (change.document_kind != "Endpoint" || change.kind == ChangeKind::kDelete) continue;
    const auto spec = std::ranges::find(documents.endpoints, change.name, &serving::EndpointSpec::name);
    if (spec != documents.endpoints.end()) change.note = TRY(parts_.outlook(*spec));
  }
  return {};
}

Result<ApplyResult> Project::apply(const ApplyRequest& request, Diagnostics& diagnostics) {
  std::lock_guard lock(mutex_);
  auto hash = TRY(content_hash(request.files));
  auto checked = check(request.files, diagnostics);
  if (!diagnostics.empty()) return ApplyResult{};
  auto releases = TRY(parts_.db.query<Release>(kReleases));
  ApplyResult result{.project = checked.documents.project->name,
                     .release = releases.empty() ? 0 : releases.front().number,
                     .changes = changes_between(documents_.texts, checked.documents.texts),
                     .changed = releases.empty() || releases.front().content_hash != hash};
  TRY(add_notes(checked.documents, result.changes));
  if (request.dry_run || !result.changed) return result;
  if (!releases.empty() && releases.front().project != result.project)
    return failed_precondition("this server runs project {}; project {} needs a server, with a --home, of its own",
                               releases.front().project, result.project);
  result.release = TRY(record(request, checked, hash));
  TRY(parts_.install(checked.documents, checked.definitions, folder_of(result.release)));
  documents_ = std::move(checked.documents);
  return result;
}

Result<Release> Project::current() const {
  auto releases = TRY(parts_.db.query<Release>(kReleases));
  if (releases.empty()) return not_found("no project has been applied yet; `millrace apply FOLDER` does it");
  return releases.front();
}

Result<std::vector<Release>> Project::list() const { return parts_.db.query<Release>(kReleases); }

Result<std::vector<SourceFile>> Project::files() const { return read_folder(folder_of(TRY(current()).number)); }

std::vector<DocumentText> Project::documents() const {
  std::lock_guard lock(mutex_);
  return documents_.texts;
}

}  // namespace millrace::delivery
