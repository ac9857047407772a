#include "api/mlflow/artifact_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "api/mlflow/error.h"
#include "net/client.h"
#include "net/content.h"

namespace millrace::api::mlflow {

namespace {

using Names = std::pair<std::string_view, std::string_view>;

constexpr std::string_view kBinary = "application/octet-stream";

// Python's names for the extensions that models and plots have; by extension.
constexpr std::array kTypes = {
    Names{"avif", "image/avif"},       Names{"bmp", "image/bmp"},
    Names{"css", "text/css"},          Names{"doc", "application/msword"},
    Names{"gif", "image/gif"},         Names{"gz", "application/gzip"},
    Names{"h5", "application/x-hdf5"}, Names{"htm", "text/html"},
    Names{"html", "text/html"},        Names{"ico", "image/vnd.microsoft.icon"},
    Names{"jpeg", "image/jpeg"},       Names{"jpg", "image/jpeg"},
    Names{"mp3", "audio/mpeg"},        Names{"mp4", "video/mp4"},
    Names{"mpeg", "video/mpeg"},       Names{"pdf", "application/pdf"},
    Names{"png", "image/png"},         Names{"sh", "application/x-sh"},
    Names{"svg", "image/svg+xml"},     Names{"tar", "application/x-tar"},
    Names{"tif", "image/tiff"},        Names{"tiff", "image/tiff"},
    Names{"wasm", "application/wasm"}, Names{"wav", "audio/x-wav"},
    Names{"webm", "video/webm"},       Names{"webp", "image/webp"},
    Names{"zip", "application/zip"},
};

constexpr std::array<std::string_view, 26> kTextExtensions = {
    "MLmodel", "MLproject", "cf",   "cfg",        "cnf", "conf", "csv", "err",  "hocon", "ini", "ipynb", "js",   "json",
    "log",     "md",        "prop", "properties", "py",  "py3",  "rst", "toml", "tsv",   "txt", "xml",   "yaml", "yml"};

std::string_view file_name_of(std::string_view path) { return path.substr(path.rfind('/') + 1); }

// As Python's splitext: leading dots belong to the name.
std::string_view extension_of(std::string_view name) {
  const auto begin = std::min(name.find_first_not_of('.'), name.size());
  const auto dot = name.rfind('.');
  return dot == std::string_view::npos || dot < begin ? std::string_view() : name.substr(dot + 1);
}

std::string etag_of(const blob::Stat& stat) {
  if (!stat.sha256.empty()) return fmt::format("\"{}\"", stat.sha256);
  return fmt::format("\"{:x}-{:x}\"", stat.size, stat.modified.us);
}

// Some bytes of a file, from the store to a client.
class FileBody final : public net::BodySource {
 public:
  FileBody(std::unique_ptr<blob::Reader> reader, net::ByteRange range) : reader_(std::move(reader)), range_(range) {}

  std::uint64_t size() const override { return range_.length; }
  Result<std::size_t> read(std::span<char> into) override {
    const auto most = std::min<std::uint64_t>(into.size(), range_.length - read_);
    const auto got = TRY(reader_->read(range_.offset + read_, into.first(most)));
    read_ += got;
    return got;
  }

 private:
  const std::unique_ptr<blob::Reader> reader_;
  const net::ByteRange range_;
  std::uint64_t read_ = 0;
};

class StoredBody final : public net::BodySink {
 public:
  StoredBody(std::unique_ptr<blob::Writer> writer, std::function<net::Response(const blob::Stored&)> answer)
      : writer_(std::move(writer)), answer_(std::move(answer)) {}

  std::expected<void, net::Response> write(std::string_view piece) override {
    if (auto written = writer_->append(piece); !written) return std::unexpected(refusal(written.error()));
    return {};
  }

  net::Response finish() override {
    auto stored = writer_->finish();
    return stored ? answer_(*stored) : refusal(stored.error());
  }

 private:
  // A client should not try a full disk again and again, as MLflow's does with 429.
  static net::Response refusal(const Error& error) {
    auto response = answer(error);
    if (error.code == Code::kResourceExhausted) response.status = 507;
    return response;
  }

  const std::unique_ptr<blob::Writer> writer_;
  const std::function<net::Response(const blob::Stored&)> answer_;
};

}  // namespace

std::string_view mime_type(std::string_view file_name) {
  auto extension = extension_of(file_name);
  if (extension.empty()) extension = file_name;
  if (std::ranges::find(kTextExtensions, extension) != kTextExtensions.end()) return "text/plain";
  std::string lower(extension);
  for (char& c : lower) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  const auto found = std::ranges::find(kTypes, std::string_view(lower), &Names::first);
  return found == kTypes.end() ? kBinary : found->second;
}

std::string attachment(std::string_view file_name) {
  const bool plain = std::ranges::all_of(file_name, [](char c) { return c >= ' ' && c < 127; });
  std::string ascii;
  for (const char c : file_name) {
    if (c == '"' || c == '\\') ascii += '\\';
    ascii += c >= ' ' && c < 127 ? c : '_';
  }
  if (plain) return fmt::format("attachment; filename=\"{}\"", ascii);
  return fmt::format("attachment; filename=\"{}\"; filename*=UTF-8''{}", ascii, net::encode_component(file_name));
}

Result<net::Response> send_file(blob::Store& blobs, const net::Request& request, const std::string& key,
                                std::string_view name) {
  const std::string uri = blob::uri_of(key);
  const auto stat = blobs.stat(uri);
  if (!stat && stat.error().code == Code::kNotFound) return not_found("No such artifact: '{}'", name);
  if (!stat) return std::unexpected(stat.error());
  if (stat->is_folder) return invalid_argument("Artifact path refers to a directory, not a file: '{}'", name);
  const auto open = [&](net::ByteRange range) -> Result<std::shared_ptr<net::BodySource>> {
    return std::make_shared<FileBody>(TRY(blobs.read(uri)), range);
  };
  const auto file_name = file_name_of(key);
  return net::serve_content(
      request, {.size = stat->size,
                .etag = etag_of(*stat),
                .content_type = std::string(mime_type(file_name)),
                .headers = {{"Content-Disposition", attachment(file_name)}, {"X-Content-Type-Options", "nosniff"}},
                .open = open});
}

std::unique_ptr<net::BodySink> store_body(std::unique_ptr<blob::Writer> writer,
                                          std::function<net::Response(const blob::Stored&)> answer) {
  return std::make_unique<StoredBody>(std::move(writer), std::move(answer));
}

}  // namespace millrace::api::mlflow
