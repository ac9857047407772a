#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"

namespace millrace::blob {

// What becomes of the local file or folder that is put.
enum class Origin {
  kKeep,  // it is copied
  kTake,  // it is moved where that is possible; gone afterwards in any case
};

// Bytes that were stored.
struct Stored {
  std::string uri;
  std::uint64_t size = 0;
  std::string sha256;  // 64 lower-case hexadecimal digits
};

struct Stat {
  bool is_folder = false;
  std::uint64_t size = 0;  // of a file
  std::string sha256;      // of a file that a Writer wrote; empty where it is not known
  Timestamp modified;
};

// One line of a folder's listing.
struct Entry {
  std::string name;  // without the folder
  bool is_folder = false;
  std::uint64_t size = 0;
};

// Bytes on their way into the store. One thread at a time.
class Writer {
 public:
  // Without finish(): nothing is left behind.
  virtual ~Writer() = default;
  virtual Result<void> append(std::string_view bytes) = 0;
  // The whole is there, durable, under its key, and what was there before is not. Once.
  virtual Result<Stored> finish() = 0;
};

// A file of the store, as it was when it was opened. Thread-safe.
class Reader {
 public:
  virtual ~Reader() = default;
  virtual std::uint64_t size() const = 0;
  // Bytes from `offset` on; fewer than asked for only at the end.
  virtual Result<std::size_t> read(std::uint64_t offset, std::span<char> into) = 0;
};

// What is done past this process.
enum class Direct { kRead, kWrite };

// A part of an upload, from 1 on.
struct Part {
  int number = 0;
  std::string sha256;  // or what the backend itself knows it by, where it came past this process
  std::uint64_t size = 0;
};

// Files that are uploaded in parts: in any order, many at once, each as often as it takes. All parts but the last have
// the same size. What has come survives a restart. Thread-safe. kNotFound for an upload that is not, or no longer.
class Uploads {
 public:
  static constexpr int kMostParts = 10'000;

  virtual ~Uploads() = default;
  // Answers the upload's id: letters, digits, dashes and underscores.
  virtual Result<std::string> begin(std::string_view key, int parts) = 0;
  // The writer's finish() answers the part's checksum; its uri is empty. `size`: how many bytes will come.
  virtual Result<std::unique_ptr<Writer>> write_part(std::string_view upload, int number, std::uint64_t size) = 0;
  // An address that takes the part by PUT, for so long, past this process, and answers its entity tag, which is then
  // the part's `sha256`. None where the backend has no such.
  virtual Result<std::optional<std::string>> part_address(std::string_view upload, int number, Duration lifetime) = 0;
  // The parts that are there, by number.
  virtual Result<std::vector<Part>> list_parts(std::string_view upload) = 0;
  // `parts`: what the client believes to have sent; kInvalidArgument where that is not what is there.
  virtual Result<Stored> complete(std::string_view upload, std::span<const Part> parts) = 0;
  virtual Result<void> abort(std::string_view upload) = 0;
  // Aborts those that were begun before, and of which nothing came since; answers how many.
  virtual Result<int> remove_abandoned(Timestamp since) = 0;
};

// Files and folders of bytes by key ("models/delays/3"). A key is a relative path of plain names: no empty, "." or ".."
// part, no leading dot in its first part, no backslash, no control character. A put is atomic and durable: after it
// returned, the whole is there whatever happens; before, nothing or what was there. Thread-safe.
//
// A stored thing's URI is "artifacts:" and its key, whichever backend holds it, so that a home folder can be moved and
// a backend changed. "mlflow-artifacts:/PATH", MLflow's name for what its server keeps, is the key "mlflow/PATH".
// "file:///absolute/path" is understood for things that lie outside of the store; those are never changed.
class Store {
 public:
  virtual ~Store() = default;

  // Each answers the URI. A thing that has the key already is replaced.
  virtual Result<std::string> put_bytes(std::string_view bytes, std::string_view key) = 0;
  virtual Result<std::string> put_file(const std::filesystem::path& file, std::string_view key,
                                       Origin origin = Origin::kKeep) = 0;
  virtual Result<std::string> put_tree(const std::filesystem::path& folder, std::string_view key,
                                       Origin origin = Origin::kKeep) = 0;

  // Where the thing can be read as a file or folder of this machine. kNotFound where there is none.
  virtual Result<std::filesystem::path> local_path(std::string_view uri) = 0;

  virtual Result<bool> exists(std::string_view uri) = 0;
  // Nothing to remove is no error. kInvalidArgument for a thing outside of the store.
  virtual Result<void> remove(std::string_view uri) = 0;
  // The keys of all files below a key, sorted.
  virtual Result<std::vector<std::string>> list(std::string_view key_prefix) = 0;

  // Bytes of any size, piece by piece. What was written this way is never changed, and the same bytes are kept once.
  // kInvalidArgument where the key is a folder, or lies below a file.
  virtual Result<std::unique_ptr<Writer>> write(std::string_view key) = 0;
  // kNotFound where there is no file.
  virtual Result<std::unique_ptr<Reader>> read(std::string_view uri) = 0;
  virtual Result<Stat> stat(std::string_view uri) = 0;
  // What lies in a folder, by name; nothing where there is no such folder. "" is the store itself.
  virtual Result<std::vector<Entry>> list_folder(std::string_view key) = 0;
  virtual Uploads& uploads() = 0;
  // An address by which anybody may do this to the file, by GET or PUT, for so long and past this process. None where
  // the backend has no such.
  virtual Result<std::optional<std::string>> direct_address(std::string_view key, Direct what, Duration lifetime) = 0;
};

// The URI of a key in any store.
std::string uri_of(std::string_view key);
// The key of a URI; kInvalidArgument for a thing outside of the store.
Result<std::string> key_of(std::string_view uri);

// Files below `root`, which is made where there is none.
Result<std::unique_ptr<Store>> open_local(const std::filesystem::path& root);

}  // namespace millrace::blob
