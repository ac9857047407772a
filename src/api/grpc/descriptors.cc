#include "api/grpc/descriptors.h"

#include <algorithm>

#include "base/wire.h"

namespace millrace::api::grpc {
namespace {

// The numbers of google/protobuf/descriptor.proto.
constexpr std::uint32_t kName = 1;  // of everything
constexpr std::uint32_t kFiles = 1;
constexpr std::uint32_t kPackage = 2, kImports = 3, kMessages = 4, kEnums = 5, kServices = 6;  // of a file
constexpr std::uint32_t kNestedMessages = 3, kNestedEnums = 4;                                 // of a message
constexpr std::uint32_t kMethods = 2;                                                          // of a service

Result<std::string> scoped_name(std::string_view bytes, const std::string& scope) {
  std::string name = scope;
  WireReader in(bytes);
  while (TRY(in.next())) {
    if (in.field() != kName) continue;
    if (!name.empty()) name += '.';
    name += TRY(in.bytes());
  }
  return name;
}

}  // namespace

Result<Descriptors> Descriptors::parse(std::string_view set) {
  Descriptors descriptors;
  WireReader in(set);
  while (TRY(in.next())) {
    if (in.field() == kFiles) TRY(descriptors.add_file(TRY(in.bytes())));
  }
  std::ranges::sort(descriptors.services_);
  return descriptors;
}

Result<void> Descriptors::add_file(std::string_view bytes) {
  const auto index = files_.size();
  File& file = files_.emplace_back(File{.bytes = bytes});
  for (WireReader in(bytes); TRY(in.next());) {
    if (in.field() == kName) file.name = TRY(in.bytes());
    if (in.field() == kPackage) file.package = TRY(in.bytes());
    if (in.field() == kImports) file.imports.push_back(TRY(in.bytes()));
  }
  const std::string scope(file.package);
  for (WireReader in(bytes); TRY(in.next());) {
    if (in.field() == kMessages) TRY(add_message(TRY(in.bytes()), scope, index));
    if (in.field() == kEnums) TRY(add_enum(TRY(in.bytes()), scope, index));
    if (in.field() == kServices) TRY(add_service(TRY(in.bytes()), scope, index));
  }
  return {};
}

Result<void> Descriptors::add_message(std::string_view bytes, const std::string& scope, std::size_t file) {
  const auto name = TRY(scoped_name(bytes, scope));
  symbols_[name] = file;
  for (WireReader in(bytes); TRY(in.next());) {
    if (in.field() == kNestedMessages) TRY(add_message(TRY(in.bytes()), name, file));
    if (in.field() == kNestedEnums) TRY(add_enum(TRY(in.bytes()), name, file));
  }
  return {};
}

Result<void> Descriptors::add_enum(std::string_view bytes, const std::string& scope, std::size_t file) {
  symbols_[TRY(scoped_name(bytes, scope))] = file;
  return {};
}

Result<void> Descriptors::add_service(std::string_view bytes, const std::string& scope, std::size_t file) {
  const auto name = TRY(scoped_name(bytes, scope));
  symbols_[name] = file;
  services_.push_back(name);
  for (WireReader in(bytes); TRY(in.next());) {
    if (in.field() == kMethods) symbols_[TRY(scoped_name(TRY(in.bytes()), name))] = file;
  }
  return {};
}

std::vector<std::string_view> Descriptors::by_file(std::string_view name) const {
  const auto found = std::ranges::find(files_, name, &File::name);
  if (found == files_.end()) return {};
  return with_imports(static_cast<std::size_t>(found - files_.begin()));
}

std::vector<std::string_view> Descriptors::by_symbol(const std::string& symbol) const {
  const auto found = symbols_.find(symbol);
  if (found == symbols_.end()) return {};
  return with_imports(found->second);
}

std::vector<std::string_view> Descriptors::with_imports(std::size_t index) const {
  std::vector<std::string_view> all{files_[index].bytes};
  for (const auto import : files_[index].imports) {
    for (const auto file : by_file(import)) all.push_back(file);
  }
  return all;
}

}  // namespace millrace::api::grpc
