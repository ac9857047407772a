#include "serving/runtimes/flavor.h"

#include <algorithm>

namespace millrace::serving {
namespace {

bool is_below(const std::filesystem::path& path, const std::filesystem::path& folder) {
  return std::ranges::mismatch(path, folder).in2 == folder.end();
}

}  // namespace

std::string option(const registry::Flavor& flavor, const std::string& name) {
  const auto found = flavor.options.find(name);
  return found == flavor.options.end() ? "" : found->second;
}

Result<std::filesystem::path> file_inside(const std::filesystem::path& folder, std::string_view name) {
  const std::filesystem::path relative = name;
  const auto outside = invalid_argument("\"{}\" lies outside of the model's folder", name);
  if (name.empty() || relative.is_absolute() || std::ranges::find(relative, "..") != relative.end()) return outside;
  std::error_code fault;
  const auto root = std::filesystem::canonical(folder, fault);
  if (fault) return not_found("there is no folder {}", folder.string());
  auto file = std::filesystem::canonical(root / relative, fault);
  if (fault) return not_found("the model's folder has no file \"{}\"", name);
  if (!is_below(file, root)) return outside;
  return file;
}

Result<std::filesystem::path> data_file(const std::filesystem::path& folder, const registry::Flavor& flavor) {
  const std::string data = option(flavor, "data");
  if (data.empty()) return invalid_argument("the {} flavor has no \"data\"", flavor.name);
  auto file = file_inside(folder, data);
  if (!file) return std::unexpected(std::move(file.error()).in(fmt::format("the {} flavor's data", flavor.name)));
  return file;
}

}  // namespace millrace::serving
