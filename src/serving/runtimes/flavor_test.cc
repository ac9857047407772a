#include "serving/runtimes/flavor.h"

#include <gtest/gtest.h>

#include "base/files.h"

namespace millrace::serving {
namespace {

TEST(FlavorTest, FilesAreFoundInTheFolderOnly) {
  const TemporaryDirectory home;
  const auto model = home.path() / "model", other = home.path() / "model2";
  MUST(make_directories(model / "data"));
  MUST(make_directories(other));
  MUST(write_file(model / "data/model.onnx", "m"));
  MUST(write_file(home.path() / "secret", "s"));
  MUST(write_file(other / "secret", "s"));
  std::filesystem::create_symlink(home.path() / "secret", model / "link");
  std::filesystem::create_symlink("../model2", model / "folder");
  std::filesystem::create_symlink("data/model.onnx", model / "same");
  const struct {
    std::string name;
    std::string error;
  } cases[] = {
      {"data/model.onnx", ""},
      {"./data/model.onnx", ""},
      {"same", ""},
      {"", "\"\" lies outside of the model's folder"},
      {"../secret", "\"../secret\" lies outside of the model's folder"},
      {"data/../../secret", "\"data/../../secret\" lies outside of the model's folder"},
      {"/etc/passwd", "\"/etc/passwd\" lies outside of the model's folder"},
      {"link", "\"link\" lies outside of the model's folder"},
      {"folder/secret", "\"folder/secret\" lies outside of the model's folder"},
      {"none", "the model's folder has no file \"none\""},
  };
  for (const auto& [name, error] : cases) {
    const auto file = file_inside(model, name);
    EXPECT_EQ(file ? "" : file.error().message, error) << name;
  }
}

TEST(FlavorTest, AFlavorNamesItsData) {
  const TemporaryDirectory home;
  MUST(write_file(home.path() / "model.onnx", "m"));
  EXPECT_EQ(MUST(data_file(home.path(), {"onnx", {{"data", "model.onnx"}}})).filename(), "model.onnx");
  EXPECT_EQ(data_file(home.path(), {"onnx", {}}).error().message, "the onnx flavor has no \"data\"");
  EXPECT_EQ(data_file(home.path(), {"onnx", {{"data", "../x"}}}).error().message,
            "the onnx flavor's data: \"../x\" lies outside of the model's folder");
}

}  // namespace
}  // namespace millrace::serving
