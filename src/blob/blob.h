#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace millrace::blob {

// What becomes of the local file or folder that is put.
enum class Origin {
  kKeep,  // it is copied
  kTake,  // it is moved where that is possible; gone afterwards in any case
};

// Files and folders of bytes by key ("models/delays/3"). A key is a relative path of plain names: no empty, "." or ".."
// part, no leading dot in its first part, no backslash, no control character. A put is atomic and durable: after it
// returned, the whole is there whatever happens; before, nothing or what was there. Thread-safe.
//
// A stored thing's URI is "artifacts:" and its key, whichever backend holds it, so that a home folder can be moved and
// a backend changed. "file:///absolute/path" is understood for things that lie outside of the store; those are never
// changed.
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
};

// The URI of a key in any store.
std::string uri_of(std::string_view key);

// Files below `root`, which is made where there is none.
Result<std::unique_ptr<Store>> open_local(const std::filesystem::path& root);

}  // namespace millrace::blob
