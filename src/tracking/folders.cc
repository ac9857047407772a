#include "tracking/folders.h"

#include <algorithm>
#include <boost/describe.hpp>
#include <map>
#include <utility>

#include "db/db.h"
#include "tracking/load.h"
#include "tracking/rows.h"
#include "tracking/validate.h"

namespace millrace::tracking {

namespace {

struct NamedRow {
  std::int64_t id = 0;
  std::string name;
};
BOOST_DESCRIBE_STRUCT(NamedRow, (), (id, name))

struct FolderTagRow {
  std::string key;
  std::string value;
};
BOOST_DESCRIBE_STRUCT(FolderTagRow, (), (key, value))

Result<std::string> checked(std::string_view path) {
  while (path.ends_with('/')) path.remove_suffix(1);
  const bool parts_are_named = !path.starts_with('/') && path.find("//") == std::string_view::npos;
  if (!parts_are_named) return invalid_argument("\"{}\" is not a folder's path; write it as \"vision/cats\"", path);
  return std::string(path);
}

// What names below a folder begin with, and what comes after all of them: '0' follows '/' in the order of bytes.
std::pair<std::string, std::string> range_below(std::string_view path) {
  if (path.empty()) return {"", "\U0010FFFF"};
  return {fmt::format("{}/", path), fmt::format("{}0", path)};
}

Result<std::vector<NamedRow>> experiments_below(db::Transaction& tx, std::string_view path) {
  const auto [first, end] = range_below(path);
  return tx.query<NamedRow>("select id, name from experiments where name >= ? and name < ? order by name", first, end);
}

// "a/b/c" lies in "a/b" and "a" and "", the nearest first.
std::vector<std::string_view> folders_of(std::string_view name) {
  std::vector<std::string_view> folders;
  for (std::size_t slash = name.rfind('/'); slash != std::string_view::npos; slash = name.rfind('/')) {
    name = name.substr(0, slash);
    folders.push_back(name);
  }
  folders.emplace_back("");
  return folders;
}

Result<void> inherit_below(db::Transaction& tx, std::string_view path) {
  for (const NamedRow& row : TRY(experiments_below(tx, path))) TRY(inherit_tags(tx, row.id));
  return {};
}

Result<void> rename(db::Transaction& tx, const NamedRow& row, std::string_view name, Timestamp now) {
  TRY(check_experiment_name(name));
  const auto taken = TRY(tx.query<std::int64_t>("select id from experiments where name = ?", name));
  if (!taken.empty()) return already_exists("Experiment(name={}) already exists.", name);
  TRY(tx.execute("update experiments set name = ?, last_update_time = ? where id = ?", name, now, row.id));
  return {};
}

Result<void> move_tags(db::Transaction& tx, std::string_view from, std::string_view to) {
  const auto [first, end] = range_below(from);
  for (const std::string& folder : TRY(tx.query<std::string>(
           "select distinct folder from folder_tags where folder = ? or (folder >= ? and folder < ?)", from, first,
           end))) {
    const std::string moved = fmt::format("{}{}", to, std::string_view(folder).substr(from.size()));
    TRY(tx.execute("delete from folder_tags where folder = ?", moved));
    TRY(tx.execute("update folder_tags set folder = ? where folder = ?", moved, folder));
  }
  return {};
}

}  // namespace

Result<void> inherit_tags(db::Transaction& tx, std::int64_t experiment) {
  TRY(tx.execute("delete from experiment_tags where experiment_id = ? and folder is not null", experiment));
  const auto names = TRY(tx.query<std::string>("select name from experiments where id = ?", experiment));
  if (names.empty()) return {};
  for (const std::string_view folder : folders_of(names.front())) {
    TRY(tx.execute(R"sql(
insert into experiment_tags (experiment_id, key, value, folder)
select cast(? as bigint), key, value, folder from folder_tags where folder = ?
on conflict (experiment_id, key) do nothing
)sql",
                   experiment, folder));
  }
  return {};
}

Result<FolderContents> Folders::list(std::string_view path) const {
  const std::string folder = TRY(checked(path));
  const auto [first, end] = range_below(folder);
  const auto rows = TRY(database_.query<NamedRow>(R"sql(
select id, name from experiments where name >= ? and name < ? and lifecycle_stage = 'active' order by name
)sql",
                                                  first, end));
  FolderContents contents;
  std::map<std::string, std::int64_t> below;
  std::vector<std::int64_t> here;
  for (const NamedRow& row : rows) {
    const std::size_t slash = row.name.find('/', first.size());
    if (slash == std::string::npos) {
      here.push_back(row.id);
    } else {
      ++below[row.name.substr(0, slash)];
    }
  }
  for (const auto& [name, count] : below) contents.folders.push_back({name, count});
  contents.experiments = TRY(load_experiments(database_, here));
  std::ranges::sort(contents.experiments, {}, &Experiment::name);
  for (FolderTagRow& tag :
       TRY(database_.query<FolderTagRow>("select key, value from folder_tags where folder = ? order by key", folder))) {
    contents.tags.push_back({std::move(tag.key), std::move(tag.value)});
  }
  if (rows.empty() && contents.tags.empty() && !folder.empty()) return not_found("folder {} does not exist", folder);
  return contents;
}

Result<std::int64_t> Folders::move(std::string_view from, std::string_view to) {
  const std::string source = TRY(checked(from));
  const std::string target = TRY(checked(to));
  if (source.empty() || target.empty()) return invalid_argument("a folder is moved from a path to a path, not \"\"");
  if (source == target || target.starts_with(source + "/")) {
    return invalid_argument("folder {} cannot be moved into itself, to {}", source, target);
  }
  std::int64_t moved = 0;
  TRY(database_.write([&](db::Transaction& tx) -> Result<void> {
    const auto rows = TRY(experiments_below(tx, source));
    if (rows.empty()) return not_found("folder {} does not exist", source);
    for (const NamedRow& row : rows) {
      TRY(rename(tx, row, target + row.name.substr(source.size()), clock_.now()));
    }
    TRY(move_tags(tx, source, target));
    moved = std::ssize(rows);
    return inherit_below(tx, target);
  }));
  return moved;
}

Result<void> Folders::set_tag(std::string_view path, const Tag& tag) {
  const std::string folder = TRY(checked(path));
  TRY(check_experiment_tag(tag));
  return database_.write([&](db::Transaction& tx) -> Result<void> {
    TRY(tx.execute(R"sql(
insert into folder_tags (folder, key, value)
values (?, ?, ?)
on conflict (folder, key) do update set value = excluded.value
)sql",
                   folder, tag.key, tag.value));
    return inherit_below(tx, folder);
  });
}

Result<void> Folders::delete_tag(std::string_view path, std::string_view key) {
  const std::string folder = TRY(checked(path));
  return database_.write([&](db::Transaction& tx) -> Result<void> {
    const auto deleted = TRY(tx.execute("delete from folder_tags where folder = ? and key = ?", folder, key));
    if (deleted == 0) return not_found("folder \"{}\" has no tag {}", folder, key);
    return inherit_below(tx, folder);
  });
}

}  // namespace millrace::tracking
