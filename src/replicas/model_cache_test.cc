#include "replicas/model_cache.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "base/files.h"
#include "base/hash.h"

namespace millrace::replicas {
namespace {

using ::testing::HasSubstr;

// A server's files, and a disk of its replica.
struct CacheTest : ::testing::Test {
  TemporaryDirectory folder;
  std::map<std::string, std::string> served;  // by SHA-256
  int fetches = 0;
  ModelCache cache = open();

  ModelCache open() {
    return MUST(ModelCache::open(folder.path(), [this](const ModelFile& file, std::uint64_t at, std::size_t most) {
      ++fetches;
      const auto found = served.find(file.sha256);
      if (found == served.end()) return Result<std::string>(not_found("no file"));
      return Result<std::string>(found->second.substr(at, most));
    }));
  }
  ModelFile serve(const std::string& path, const std::string& bytes) {
    served[sha256(bytes)] = bytes;
    return {path, bytes.size(), sha256(bytes)};
  }
  std::size_t contents() const {
    return static_cast<std::size_t>(std::distance(std::filesystem::directory_iterator(folder.path() / "content"), {}));
  }
};

TEST_F(CacheTest, AFolderIsFetchedOnceAndWhatTwoHaveInCommonIsOne) {
  const std::string large(9 << 20, 'x');
  const std::vector<ModelFile> one = {serve("MLmodel", "flavors"), serve("data/model.bin", large)};
  const std::vector<ModelFile> two = {serve("MLmodel", "flavours"), serve("data/model.bin", large)};
  const auto path = cache.folder(one);
  ASSERT_TRUE(path) << path.error().message;
  EXPECT_EQ(MUST(read_file(*path / "MLmodel")), "flavors");
  EXPECT_EQ(MUST(read_file(*path / "data/model.bin")), large);
  EXPECT_EQ(fetches, 4) << "the large one in three pieces";
  EXPECT_EQ(MUST(cache.folder(one)), *path);
  EXPECT_NE(MUST(cache.folder(two)), *path);
  EXPECT_EQ(fetches, 5);
  served.clear();
  cache = open();
  EXPECT_EQ(MUST(cache.folder(one)), *path) << "without the server, too";
}

TEST_F(CacheTest, WhatIsNotWhatWasSaidLeavesNothingBehind) {
  const ModelFile good = serve("MLmodel", "flavors");
  struct Case {
    std::string name;
    std::string bytes;
    std::uint64_t size;
  };
  for (const auto& [name, bytes, size] : {Case{"other bytes", "flavorz", 7}, Case{"cut off", "fla", 7},
                                          Case{"nothing", "", 7}, Case{"shorter than said", "flavors", 6}}) {
    served[good.sha256] = bytes;
    EXPECT_FALSE(cache.folder({{"MLmodel", size, good.sha256}})) << name;
    EXPECT_EQ(contents(), 0) << name;
    EXPECT_TRUE(std::filesystem::is_empty(folder.path() / "models")) << name;
    EXPECT_TRUE(std::filesystem::is_empty(folder.path() / "tmp")) << name;
  }
  served[good.sha256] = "flavors";
  EXPECT_TRUE(cache.folder({good}));
}

TEST_F(CacheTest, AModelForWhichThereIsNoRoomIsNotBegun) {
  const auto path = cache.folder({{"model.bin", std::uint64_t{1} << 42, std::string(64, 'a')}});
  ASSERT_FALSE(path);
  EXPECT_EQ(path.error().code, Code::kResourceExhausted);
  EXPECT_EQ(fetches, 0);
}

TEST_F(CacheTest, OnlyWhatIsNeededIsKept) {
  const std::vector<ModelFile> one = {serve("MLmodel", "1"), serve("common", "c")};
  const std::vector<ModelFile> two = {serve("MLmodel", "2"), serve("common", "c")};
  MUST(cache.folder(one));
  MUST(cache.folder(two));
  MUST(cache.keep_only({digest_of(two)}));
  EXPECT_EQ(contents(), 2);
  EXPECT_FALSE(std::filesystem::exists(folder.path() / "models" / digest_of(one)));
  EXPECT_EQ(MUST(read_file(folder.path() / "models" / digest_of(two) / "common")), "c");
}

}  // namespace
}  // namespace millrace::replicas
