#include "api/http/model_folder.h"

#include "blob/blob.h"

namespace millrace::api {

namespace {

constexpr std::uint64_t kLargest = 256 << 10;

}  // namespace

std::string read_model_file(Services& services, const registry::ModelVersion& version, std::string_view name) {
  const auto& folder = version.location();
  if (folder.starts_with("file:") || !blob::key_of(folder)) return {};
  const auto reader = services.blobs.read(fmt::format("{}/{}", folder, name));
  if (!reader || (*reader)->size() > kLargest) return {};
  std::string text((*reader)->size(), '\0');
  const auto read = (*reader)->read(0, text);
  text.resize(read.value_or(0));
  return text;
}

registry::Environment environment_of(Services& services, const registry::ModelVersion& version) {
  return registry::read_environment(read_model_file(services, version, "python_env.yaml"),
                                    read_model_file(services, version, "requirements.txt"));
}

}  // namespace millrace::api
