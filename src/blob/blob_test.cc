#include "blob/blob.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <thread>

#include "base/files.h"

namespace millrace::blob {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

namespace fs = std::filesystem;

// What every backend must do; each is opened on an empty place.
class StoreTest : public ::testing::Test {
 protected:
  void SetUp() override { store = MUST(open_local(folder.path() / "artifacts")); }

  fs::path write(const std::string& name, std::string_view text) {
    const fs::path path = folder.path() / name;
    fs::create_directories(path.parent_path());
    std::ofstream(path) << text;
    return path;
  }
  std::string text(const std::string& uri) { return MUST(read_file(MUST(store->local_path(uri)))); }

  TemporaryDirectory folder;
  std::unique_ptr<Store> store;
};

TEST_F(StoreTest, BytesComeBack) {
  const std::string uri = MUST(store->put_bytes("wheel", "a/b/c.txt"));
  EXPECT_EQ(uri, "artifacts:a/b/c.txt");
  EXPECT_EQ(text(uri), "wheel");
  EXPECT_TRUE(MUST(store->exists(uri)));
  EXPECT_FALSE(MUST(store->exists("artifacts:a/b/d.txt")));
}

TEST_F(StoreTest, APutReplaces) {
  MUST(store->put_bytes("old", "a"));
  MUST(store->put_bytes("new", "a"));
  EXPECT_EQ(text("artifacts:a"), "new");
  EXPECT_THAT(MUST(store->list("")), ElementsAre("a"));
}

TEST_F(StoreTest, AFileIsCopiedOrTaken) {
  const fs::path file = write("in.bin", "x");
  EXPECT_EQ(text(MUST(store->put_file(file, "kept"))), "x");
  EXPECT_TRUE(fs::exists(file));
  EXPECT_EQ(text(MUST(store->put_file(file, "taken", Origin::kTake))), "x");
  EXPECT_FALSE(fs::exists(file));
  EXPECT_EQ(store->put_file(file, "again").error().code, Code::kNotFound);
}

TEST_F(StoreTest, AFolderReplacesAFolderWhole) {
  write("model/MLmodel", "1");
  write("model/data/weights", "2");
  const std::string uri = MUST(store->put_tree(folder.path() / "model", "models/m/1"));
  EXPECT_THAT(MUST(store->list("models")), ElementsAre("models/m/1/MLmodel", "models/m/1/data/weights"));
  write("other/MLmodel", "3");
  MUST(store->put_tree(folder.path() / "other", "models/m/1", Origin::kTake));
  EXPECT_THAT(MUST(store->list("models/m/1")), ElementsAre("models/m/1/MLmodel"));
  EXPECT_EQ(text(uri + "/MLmodel"), "3");
  EXPECT_FALSE(fs::exists(folder.path() / "other"));
}

TEST_F(StoreTest, RemovedThingsAreGone) {
  write("model/MLmodel", "1");
  const std::string uri = MUST(store->put_tree(folder.path() / "model", "m"));
  MUST(store->remove(uri));
  MUST(store->remove(uri));
  EXPECT_EQ(store->local_path(uri).error().code, Code::kNotFound);
  EXPECT_THAT(MUST(store->list("")), IsEmpty());
}

TEST_F(StoreTest, KeysStayInsideTheStore) {
  for (const std::string key : {"", "/a", "a/", "a//b", "..", "a/../b", "./a", ".staging/0", "a\\b", "a\nb"}) {
    EXPECT_EQ(store->put_bytes("x", key).error().code, Code::kInvalidArgument) << key;
    EXPECT_EQ(store->local_path("artifacts:" + key).has_value(), false) << key;
  }
  EXPECT_THAT(store->local_path("s3://b/k").error().message, HasSubstr("\"s3://b/k\" is not an artifact's URI"));
}

TEST_F(StoreTest, AFileOutsideIsReadAndNeverRemoved) {
  const fs::path file = write("elsewhere", "x");
  for (const std::string& uri : {"file://" + file.string(), "file:" + file.string()}) {
    EXPECT_EQ(MUST(store->local_path(uri)), file);
    EXPECT_EQ(store->remove(uri).error().code, Code::kInvalidArgument);
  }
  EXPECT_TRUE(fs::exists(file));
}

TEST_F(StoreTest, ALinkInAFolderIsRefused) {
  write("model/MLmodel", "1");
  fs::create_symlink("/etc/passwd", folder.path() / "model/link");
  EXPECT_EQ(store->put_tree(folder.path() / "model", "m").error().code, Code::kInvalidArgument);
  EXPECT_FALSE(MUST(store->exists("artifacts:m")));
}

TEST_F(StoreTest, AReaderSeesTheOldOrTheNewWhole) {
  MUST(store->put_bytes(std::string(100'000, 'a'), "k"));
  std::thread writer([&] {
    for (int i = 0; i < 20; ++i) MUST(store->put_bytes(std::string(100'000, i % 2 == 0 ? 'b' : 'a'), "k"));
  });
  for (int i = 0; i < 200; ++i) {
    const std::string bytes = text("artifacts:k");
    ASSERT_EQ(bytes, std::string(100'000, bytes.at(0)));
  }
  writer.join();
}

TEST_F(StoreTest, WhatADeathLeftStagedIsSwept) {
  MUST(store->put_bytes("x", "a"));
  const fs::path root = folder.path() / "artifacts";
  std::ofstream(root / ".staging/99") << "half";
  store = MUST(open_local(root));
  EXPECT_TRUE(fs::is_empty(root / ".staging"));
  EXPECT_THAT(MUST(store->list("")), ElementsAre("a"));
}

}  // namespace
}  // namespace millrace::blob
