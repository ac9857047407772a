#include "registry/describe.h"

#include <algorithm>
#include <array>
#include <fstream>
#include <string_view>

#include "registry/mlmodel.h"

namespace millrace::registry {

namespace {

namespace fs = std::filesystem;

constexpr std::array<std::string_view, 7> kPickleExtensions = {".pkl", ".pickle", ".joblib", ".pt",
                                                               ".pth", ".ckpt",   ".dill"};
constexpr std::string_view kZip = "PK\x03\x04";

// A pickle since protocol 2 begins with its version; PyTorch's files are zips with a pickle at the front.
bool begins_as_pickle(std::string_view bytes) {
  if (bytes.size() > 1 && bytes[0] == '\x80' && bytes[1] >= 2 && bytes[1] <= 5) return true;
  return bytes.starts_with(kZip) && bytes.substr(0, 256).find("data.pkl") != std::string_view::npos;
}

bool is_pickle(const fs::path& file) {
  const std::string extension = file.extension().string();
  if (std::ranges::find(kPickleExtensions, extension) != kPickleExtensions.end()) return true;
  std::array<char, 256> head;
  std::ifstream in(file, std::ios::binary);
  in.read(head.data(), head.size());
  return begins_as_pickle({head.data(), static_cast<std::size_t>(in.gcount())});
}

std::vector<std::string> pickles_in(const fs::path& folder) {
  std::vector<std::string> found;
  std::error_code error;
  for (fs::recursive_directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    if (it->is_regular_file() && is_pickle(it->path())) {
      found.push_back(it->path().lexically_relative(folder).generic_string());
    }
  }
  std::ranges::sort(found);
  return found;
}

}  // namespace

Description describe_folder(const fs::path& folder) {
  const auto model = read_mlmodel(folder);
  if (!model) return {};
  Description description;
  for (const Flavor& flavor : model->flavors) description.folder.flavors.push_back(flavor.name);
  if (!model->signature.inputs.empty() || !model->signature.outputs.empty()) {
    description.signature = signature_json(model->signature);
  }
  std::error_code error;
  if (fs::exists(folder / "input_example.json", error)) description.folder.input_example = "input_example.json";
  description.folder.pickles = pickles_in(folder);
  return description;
}

}  // namespace millrace::registry
