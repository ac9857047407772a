#include "blob/blob.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <thread>

#include "base/files.h"
#include "base/hash.h"
#include "base/ids.h"
#include "blob/s3/s3.h"

namespace millrace::blob {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

namespace fs = std::filesystem;

struct Backend {
  std::string_view name;
  Result<std::unique_ptr<Store>> (*open)(const fs::path& place);
};

// The server that MILLRACE_TEST_S3 names, with a bucket "millrace"; each test has a prefix of its own.
Result<std::unique_ptr<Store>> open_test_s3(const fs::path& place) {
  static const WallClock clock;
  static RandomIds ids;
  S3Settings settings = TRY(parse_s3_uri("s3://millrace/" + place.filename().string(), std::getenv));
  settings.bucket.endpoint = std::getenv("MILLRACE_TEST_S3");
  settings.bucket.credentials = {"test", "test", ""};
  settings.copies = place / "copies";
  return open_s3(settings, clock, ids);
}

void PrintTo(const Backend& backend, std::ostream* out) { *out << backend.name; }

const Backend kBackends[] = {{"local", [](const fs::path& place) { return open_local(place / "artifacts"); }},
                             {"s3", open_test_s3}};

// What every backend must do; each is opened on an empty place, and may be opened there again.
class StoreTest : public ::testing::TestWithParam<Backend> {
 protected:
  void SetUp() override {
    if (GetParam().name == "s3" && std::getenv("MILLRACE_TEST_S3") == nullptr) GTEST_SKIP() << "no S3 server";
    open();
  }
  void open() {
    store.reset();
    store = MUST(GetParam().open(folder.path()));
  }
  Result<Stored> write_pieces(std::string_view key, std::initializer_list<std::string_view> pieces) {
    auto writer = TRY(store->write(key));
    for (const auto piece : pieces) TRY(writer->append(piece));
    return writer->finish();
  }
  Stored write_part(const std::string& upload, int number, std::string_view bytes) {
    auto writer = MUST(store->uploads().write_part(upload, number, bytes.size()));
    MUST(writer->append(bytes));
    return MUST(writer->finish());
  }
  std::string read(std::string_view uri, std::uint64_t offset, std::size_t size) {
    std::string bytes(size, '\0');
    bytes.resize(MUST(MUST(store->read(uri))->read(offset, bytes)));
    return bytes;
  }

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

TEST_P(StoreTest, BytesComeBack) {
  const std::string uri = MUST(store->put_bytes("wheel", "a/b/c.txt"));
  EXPECT_EQ(uri, "artifacts:a/b/c.txt");
  EXPECT_EQ(text(uri), "wheel");
  EXPECT_TRUE(MUST(store->exists(uri)));
  EXPECT_FALSE(MUST(store->exists("artifacts:a/b/d.txt")));
}

TEST_P(StoreTest, APutReplaces) {
  MUST(store->put_bytes("old", "a"));
  MUST(store->put_bytes("new", "a"));
  EXPECT_EQ(text("artifacts:a"), "new");
  EXPECT_THAT(MUST(store->list("")), ElementsAre("a"));
}

TEST_P(StoreTest, AFileIsCopiedOrTaken) {
  const fs::path file = write("in.bin", "x");
  EXPECT_EQ(text(MUST(store->put_file(file, "kept"))), "x");
  EXPECT_TRUE(fs::exists(file));
  EXPECT_EQ(text(MUST(store->put_file(file, "taken", Origin::kTake))), "x");
  EXPECT_FALSE(fs::exists(file));
  EXPECT_EQ(store->put_file(file, "again").error().code, Code::kNotFound);
}

TEST_P(StoreTest, AFolderReplacesAFolderWhole) {
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

TEST_P(StoreTest, RemovedThingsAreGone) {
  write("model/MLmodel", "1");
  const std::string uri = MUST(store->put_tree(folder.path() / "model", "m"));
  MUST(store->remove(uri));
  MUST(store->remove(uri));
  EXPECT_EQ(store->local_path(uri).error().code, Code::kNotFound);
  EXPECT_THAT(MUST(store->list("")), IsEmpty());
}

TEST_P(StoreTest, KeysStayInsideTheStore) {
  for (const std::string key : {"", "/a", "a/", "a//b", "..", "a/../b", "./a", ".staging/0", "a\\b", "a\nb"}) {
    EXPECT_EQ(store->put_bytes("x", key).error().code, Code::kInvalidArgument) << key;
    EXPECT_EQ(store->local_path("artifacts:" + key).has_value(), false) << key;
  }
  EXPECT_THAT(store->local_path("s3://b/k").error().message, HasSubstr("\"s3://b/k\" is not an artifact's URI"));
}

TEST_P(StoreTest, AFileOutsideIsReadAndNeverRemoved) {
  const fs::path file = write("elsewhere", "x");
  for (const std::string& uri : {"file://" + file.string(), "file:" + file.string()}) {
    EXPECT_EQ(MUST(store->local_path(uri)), file);
    EXPECT_EQ(store->remove(uri).error().code, Code::kInvalidArgument);
  }
  EXPECT_TRUE(fs::exists(file));
}

TEST_P(StoreTest, ALinkInAFolderIsRefused) {
  write("model/MLmodel", "1");
  fs::create_symlink("/etc/passwd", folder.path() / "model/link");
  EXPECT_EQ(store->put_tree(folder.path() / "model", "m").error().code, Code::kInvalidArgument);
  EXPECT_FALSE(MUST(store->exists("artifacts:m")));
}

TEST_P(StoreTest, AReaderSeesTheOldOrTheNewWhole) {
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

TEST_P(StoreTest, BytesAreWrittenInPieces) {
  const std::string large(3 << 20, 'w');
  const Stored stored = MUST(write_pieces("a/b", {"mill", large, "race"}));
  EXPECT_EQ(stored.uri, "artifacts:a/b");
  EXPECT_EQ(stored.size, large.size() + 8);
  EXPECT_EQ(stored.sha256, sha256("mill" + large + "race"));
  EXPECT_EQ(text(stored.uri), "mill" + large + "race");
  const Stat stat = MUST(store->stat(stored.uri));
  EXPECT_FALSE(stat.is_folder);
  EXPECT_EQ(stat.size, stored.size);
  EXPECT_THAT(stat.sha256, ::testing::AnyOf(stored.sha256, ""));
  EXPECT_TRUE(MUST(store->stat("artifacts:a")).is_folder);
  EXPECT_EQ(store->stat("artifacts:b").error().code, Code::kNotFound);
}

TEST_P(StoreTest, AWriterThatDoesNotFinishLeavesNothing) {
  MUST(write_pieces("kept", {"old"}));
  for (const std::string key : {"kept", "new"}) {
    auto writer = MUST(store->write(key));
    MUST(writer->append("half"));
  }
  EXPECT_EQ(text("artifacts:kept"), "old");
  EXPECT_THAT(MUST(store->list("")), ElementsAre("kept"));
}

TEST_P(StoreTest, BytesAreReadFromAnywhere) {
  MUST(write_pieces("k", {"0123456789"}));
  EXPECT_EQ(MUST(store->read("artifacts:k"))->size(), 10);
  EXPECT_EQ(read("artifacts:k", 0, 10), "0123456789");
  EXPECT_EQ(read("artifacts:k", 4, 3), "456");
  EXPECT_EQ(read("artifacts:k", 8, 5), "89");
  EXPECT_EQ(read("artifacts:k", 10, 5), "");
  EXPECT_EQ(store->read("artifacts:no").error().code, Code::kNotFound);
  MUST(write_pieces("folder/k", {"x"}));
  EXPECT_EQ(store->read("artifacts:folder").error().code, Code::kNotFound);
}

TEST_P(StoreTest, AFolderIsListedLevelByLevel) {
  MUST(write_pieces("m/1/MLmodel", {"four"}));
  MUST(write_pieces("m/1/data/w", {"x"}));
  MUST(write_pieces("m/2", {""}));
  const auto list = [&](std::string_view key) {
    std::vector<std::string> lines;
    for (const Entry& entry : MUST(store->list_folder(key))) {
      lines.push_back(fmt::format("{} {} {}", entry.name, entry.is_folder, entry.size));
    }
    return lines;
  };
  EXPECT_THAT(list(""), ElementsAre("m true 0"));
  EXPECT_THAT(list("m"), ElementsAre("1 true 0", "2 false 0"));
  EXPECT_THAT(list("m/1"), ElementsAre("MLmodel false 4", "data true 0"));
  EXPECT_THAT(list("m/2"), IsEmpty());
  EXPECT_THAT(list("none"), IsEmpty());
  EXPECT_EQ(store->list_folder("../m").error().code, Code::kInvalidArgument);
}

TEST_P(StoreTest, TheSameBytesUnderManyKeysLiveAndDieAlone) {
  const std::string bytes(10'000, 'x');
  for (const std::string key : {"a", "b", "c"}) MUST(write_pieces(key, {bytes}));
  MUST(write_pieces("a", {"other"}));
  MUST(store->remove("artifacts:b"));
  EXPECT_EQ(text("artifacts:a"), "other");
  EXPECT_EQ(text("artifacts:c"), bytes);
  MUST(store->remove("artifacts:c"));
  EXPECT_EQ(text(MUST(write_pieces("d", {bytes})).uri), bytes);
}

TEST_P(StoreTest, PartsMakeAWholeInAnyOrder) {
  auto& uploads = store->uploads();
  const std::string id = MUST(uploads.begin("big/file", 4));
  const std::string one(100'000, 'a'), two(100'000, 'b'), three(100'000, 'c'), four = "the end";
  std::vector<Part> parts(4);
  const auto send = [&](int number, const std::string& bytes) {
    parts[static_cast<std::size_t>(number) - 1] = {number, write_part(id, number, bytes).sha256, bytes.size()};
  };
  send(4, four);
  send(2, one);
  send(1, one);
  EXPECT_EQ(uploads.complete(id, parts).error().code, Code::kInvalidArgument);
  send(3, three);
  send(2, two);  // again, with what was meant
  auto wrong = parts;
  wrong[1].sha256 = sha256(one);
  EXPECT_EQ(uploads.complete(id, wrong).error().code, Code::kInvalidArgument);
  EXPECT_FALSE(MUST(store->exists("artifacts:big/file")));
  const Stored stored = MUST(uploads.complete(id, parts));
  EXPECT_EQ(stored.size, 300'007);
  EXPECT_EQ(text(stored.uri), one + two + three + four);
  EXPECT_THAT(stored.sha256, ::testing::AnyOf(sha256(one + two + three + four), ""));
  EXPECT_EQ(uploads.complete(id, parts).error().code, Code::kNotFound);
}

// Large enough that S3 takes them in parts of its own, and joins an upload's by itself.
TEST_P(StoreTest, LargeThingsComeBack) {
  std::string bytes(20 << 20, '\0');
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<char>(i * 2654435761U >> 13);
  auto writer = MUST(store->write("written"));
  for (std::size_t i = 0; i < bytes.size(); i += 1 << 20)
    MUST(writer->append(std::string_view(bytes).substr(i, 1 << 20)));
  EXPECT_TRUE(text(MUST(writer->finish()).uri) == bytes);
  EXPECT_TRUE(read("artifacts:written", 7 << 20, 9 << 20) == bytes.substr(7 << 20, 9 << 20));

  const std::string id = MUST(store->uploads().begin("joined", 4));
  std::vector<Part> parts;
  constexpr std::size_t kPart = 6 << 20;
  for (int number = 1; number <= 4; ++number) {
    const auto part = std::string_view(bytes).substr(static_cast<std::size_t>(number - 1) * kPart, kPart);
    parts.push_back({number, write_part(id, number, part).sha256, part.size()});
  }
  EXPECT_TRUE(text(MUST(store->uploads().complete(id, parts)).uri) == bytes);
}

TEST_P(StoreTest, AnUploadOfOnePartIsOne) {
  const std::string id = MUST(store->uploads().begin("k", 1));
  const std::vector<Part> parts = {{1, write_part(id, 1, "only").sha256, 4}};
  EXPECT_EQ(text(MUST(store->uploads().complete(id, parts)).uri), "only");
}

TEST_P(StoreTest, AnUploadGoesOnAfterARestart) {
  std::string id = MUST(store->uploads().begin("k", 3));
  const std::string half(5000, 'x');
  std::vector<Part> parts = {{1, write_part(id, 1, half).sha256, 5000}};
  open();
  EXPECT_THAT(MUST(store->uploads().list_parts(id)), ::testing::SizeIs(1));
  parts.push_back({2, write_part(id, 2, half).sha256, 5000});
  parts.push_back({3, write_part(id, 3, "end").sha256, 3});
  EXPECT_EQ(text(MUST(store->uploads().complete(id, parts)).uri), half + half + "end");
}

TEST_P(StoreTest, AnUploadThatIsAbortedLeavesNothing) {
  const std::string id = MUST(store->uploads().begin("k", 2));
  write_part(id, 1, "x");
  MUST(store->uploads().abort(id));
  EXPECT_EQ(store->uploads().abort(id).error().code, Code::kNotFound);
  EXPECT_EQ(store->uploads().write_part(id, 2, 1).error().code, Code::kNotFound);
  EXPECT_THAT(MUST(store->list("")), IsEmpty());
}

TEST_P(StoreTest, APartThatIsNotWhatWasAnnouncedIsRefused) {
  auto& uploads = store->uploads();
  const std::string id = MUST(uploads.begin("k", 3));
  EXPECT_EQ(uploads.write_part(id, 0, 1).error().code, Code::kInvalidArgument);
  EXPECT_EQ(uploads.write_part(id, 4, 1).error().code, Code::kInvalidArgument);
  auto writer = MUST(uploads.write_part(id, 1, 3));
  EXPECT_EQ(writer->append("four").error().code, Code::kInvalidArgument);
  EXPECT_EQ(writer->finish().error().code, Code::kInvalidArgument);
  write_part(id, 1, "123");
  EXPECT_EQ(uploads.write_part(id, 2, 4).error().code, Code::kInvalidArgument);
  EXPECT_EQ(uploads.begin("../k", 3).error().code, Code::kInvalidArgument);
  EXPECT_EQ(uploads.begin("k", 0).error().code, Code::kInvalidArgument);
}

TEST_P(StoreTest, MlflowsNameForAnArtifactIsUnderstood) {
  MUST(write_pieces("mlflow/1/run/artifacts/a", {"x"}));
  EXPECT_EQ(text("mlflow-artifacts:/1/run/artifacts/a"), "x");
  EXPECT_EQ(store->stat("mlflow-artifacts:/../1").error().code, Code::kInvalidArgument);
}

TEST_P(StoreTest, UploadsThatWereAbandonedAreRemoved) {
  const std::string upload = MUST(store->uploads().begin("a/b", 2));
  write_part(upload, 1, "part");
  const Timestamp now = WallClock().now();
  EXPECT_EQ(MUST(store->uploads().remove_abandoned(now - std::chrono::hours(1))), 0);
  EXPECT_EQ(MUST(store->uploads().list_parts(upload)).size(), 1U);
  EXPECT_EQ(MUST(store->uploads().remove_abandoned(now + std::chrono::hours(1))), 1);
  EXPECT_EQ(store->uploads().list_parts(upload).error().code, Code::kNotFound);
  EXPECT_EQ(MUST(store->uploads().remove_abandoned(now + std::chrono::hours(1))), 0);
}

TEST_P(StoreTest, AnAddressIsOfAKeyAndAPartThatThereIs) {
  const std::string upload = MUST(store->uploads().begin("a/b", 2));
  const bool direct = GetParam().name == "s3";
  EXPECT_EQ(MUST(store->direct_address("a/b", Direct::kRead, std::chrono::hours(1))).has_value(), direct);
  EXPECT_EQ(MUST(store->uploads().part_address(upload, 2, std::chrono::hours(1))).has_value(), direct);
  if (!direct) return;
  EXPECT_EQ(store->direct_address("../b", Direct::kWrite, std::chrono::hours(1)).error().code, Code::kInvalidArgument);
  EXPECT_EQ(store->uploads().part_address(upload, 3, std::chrono::hours(1)).error().code, Code::kInvalidArgument);
}

INSTANTIATE_TEST_SUITE_P(Backends, StoreTest, ::testing::ValuesIn(kBackends),
                         [](const auto& info) { return std::string(info.param.name); });

TEST(LocalStore, WhatADeathLeftStagedIsSwept) {
  const TemporaryDirectory folder;
  const fs::path root = folder.path() / "artifacts";
  auto store = MUST(open_local(root));
  MUST(store->put_bytes("x", "a"));
  std::ofstream(root / ".staging/99") << "half";
  store = MUST(open_local(root));
  EXPECT_TRUE(fs::is_empty(root / ".staging"));
  EXPECT_THAT(MUST(store->list("")), ElementsAre("a"));
}

void write(Store& store, std::string_view key, std::string_view bytes) {
  auto writer = MUST(store.write(key));
  MUST(writer->append(bytes));
  MUST(writer->finish());
}

TEST(LocalStore, TheSameBytesAreKeptOnce) {
  const TemporaryDirectory folder;
  const fs::path root = folder.path();
  auto store = MUST(open_local(root));
  const std::string bytes(10'000, 'x');
  write(*store, "a", bytes);
  write(*store, "b/c", bytes);
  EXPECT_TRUE(fs::equivalent(root / "a", root / "b/c"));
  write(*store, "a", "other");
  MUST(store->remove("artifacts:b"));
  for (const auto& entry : fs::recursive_directory_iterator(root / ".content")) EXPECT_TRUE(entry.is_directory());
}

TEST(LocalStore, AFileAndAFolderDoNotReplaceEachOther) {
  const TemporaryDirectory folder;
  auto store = MUST(open_local(folder.path()));
  write(*store, "a/b", "x");
  EXPECT_EQ(store->write("a").error().code, Code::kInvalidArgument);
  EXPECT_THAT(store->write("a/b/c/d").error().message, HasSubstr("a/b is a file, not a folder"));
}

TEST(LocalStore, ALinkThatLeadsOutIsNotFollowed) {
  const TemporaryDirectory folder, elsewhere;
  std::ofstream(elsewhere.path() / "secret") << "x";
  auto store = MUST(open_local(folder.path()));
  write(*store, "a/b", "x");
  fs::create_symlink(elsewhere.path(), folder.path() / "a/out");
  EXPECT_EQ(store->read("artifacts:a/out/secret").error().code, Code::kPermissionDenied);
  EXPECT_EQ(store->stat("artifacts:a/out").error().code, Code::kPermissionDenied);
  EXPECT_EQ(store->write("a/out/new").error().code, Code::kPermissionDenied);
  EXPECT_EQ(store->list_folder("a/out").error().code, Code::kPermissionDenied);
  EXPECT_EQ(store->remove("artifacts:a/out/secret").error().code, Code::kPermissionDenied);
  EXPECT_THAT(MUST(store->list_folder("a")), ::testing::SizeIs(1));
}

}  // namespace
}  // namespace millrace::blob
