#include "app/manifest.h"

#include <nlohmann/json.hpp>

#include "base/files.h"
#include "base/json.h"

namespace millrace::app {

namespace {

constexpr int kFormat = 1;

}  // namespace

Result<void> write_manifest(const std::filesystem::path& backup, const Manifest& manifest) {
  Json tables = Json::array();
  for (const db::TableSum& table : manifest.tables) {
    tables.push_back({{"name", table.name}, {"rows", table.rows}, {"hash", table.hash}});
  }
  Json files = Json::array();
  for (const BackupFile& file : manifest.files) {
    files.push_back({{"path", file.path}, {"bytes", file.bytes}, {"sha256", file.sha256}});
  }
  return write_file(backup / "manifest.json", dump_json_pretty({{"format", kFormat},
                                                                {"version", manifest.version},
                                                                {"made", format_time(manifest.made)},
                                                                {"tables", std::move(tables)},
                                                                {"files", std::move(files)}}) +
                                                  "\n");
}

Result<Manifest> read_manifest(const std::filesystem::path& backup) {
  const std::filesystem::path file = backup / "manifest.json";
  if (!std::filesystem::exists(file)) {
    return not_found("{} is not a backup, or not a whole one: it has no manifest.json", backup.string());
  }
  try {
    const Json json = TRY(parse_json(TRY(read_file(file))));
    if (json.at("format") != kFormat) {
      return failed_precondition("{} is of a newer millrace; restore it with that one", backup.string());
    }
    Manifest manifest{.version = json.at("version"), .made = TRY(parse_time(json.at("made").get<std::string>()))};
    for (const Json& table : json.at("tables")) {
      manifest.tables.push_back({table.at("name"), table.at("rows"), table.at("hash")});
    }
    for (const Json& entry : json.at("files")) {
      manifest.files.push_back({entry.at("path"), entry.at("bytes"), entry.at("sha256")});
    }
    return manifest;
  } catch (const Json::exception& error) {
    return data_loss("{} is damaged: {}", file.string(), error.what());
  }
}

}  // namespace millrace::app
