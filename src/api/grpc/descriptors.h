#pragma once

#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/result.h"

namespace millrace::api::grpc {

// The files of proto/ as protoc describes them (a FileDescriptorSet), each after those that it imports.
std::string_view descriptor_set();

// Finds descriptors by what they describe. Everything is a view of the set.
class Descriptors {
 public:
  // kInvalidArgument for what is no FileDescriptorSet.
  static Result<Descriptors> parse(std::string_view set);

  // A FileDescriptorProto and those that it imports; empty where there is none.
  std::vector<std::string_view> by_file(std::string_view name) const;
  // Of the file with this message, enum, service or method: "inference.GRPCInferenceService.ModelInfer".
  std::vector<std::string_view> by_symbol(const std::string& symbol) const;
  const std::vector<std::string>& services() const { return services_; }

 private:
  struct File {
    std::string_view name, package, bytes;
    std::vector<std::string_view> imports;
  };

  Result<void> add_file(std::string_view bytes);
  Result<void> add_message(std::string_view bytes, const std::string& scope, std::size_t file);
  Result<void> add_enum(std::string_view bytes, const std::string& scope, std::size_t file);
  Result<void> add_service(std::string_view bytes, const std::string& scope, std::size_t file);
  std::vector<std::string_view> with_imports(std::size_t file) const;

  std::vector<File> files_;
  std::unordered_map<std::string, std::size_t> symbols_;  // to the file
  std::vector<std::string> services_;
};

}  // namespace millrace::api::grpc
