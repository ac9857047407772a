#include "blob/s3/xml.h"

#include <fmt/format.h>

#include <pugixml.hpp>

namespace millrace::blob {
namespace {

std::string unquoted(std::string_view etag) {
  if (etag.size() >= 2 && etag.starts_with('"') && etag.ends_with('"')) etag = etag.substr(1, etag.size() - 2);
  return std::string(etag);
}

Result<pugi::xml_node> parse_root(pugi::xml_document& document, std::string_view xml) {
  const auto parsed = document.load_buffer(xml.data(), xml.size());
  if (!parsed) return data_loss("S3 answered what is not XML: {}", parsed.description());
  return document.document_element();
}

Object object_of(const pugi::xml_node& node) {
  return {.key = node.child_value("Key"),
          .size = node.child("Size").text().as_ullong(),
          .etag = unquoted(node.child_value("ETag")),
          .sha256 = {},
          .modified = parse_time(node.child_value("LastModified")).value_or(Timestamp{})};
}

}  // namespace

Result<Listing> parse_listing(std::string_view xml) {
  pugi::xml_document document;
  const auto root = TRY(parse_root(document, xml));
  Listing listing;
  for (const auto& node : root.children("Contents")) listing.objects.push_back(object_of(node));
  for (const auto& node : root.children("CommonPrefixes")) listing.folders.emplace_back(node.child_value("Prefix"));
  if (root.child("IsTruncated").text().as_bool()) listing.next = root.child_value("NextContinuationToken");
  return listing;
}

Result<std::string> parse_child(std::string_view xml, const char* name) {
  pugi::xml_document document;
  const auto root = TRY(parse_root(document, xml));
  const auto child = root.child(name);
  if (!child) return data_loss("S3 answered {} without {}", root.name(), name);
  return unquoted(child.child_value());
}

bool is_error(std::string_view xml) {
  pugi::xml_document document;
  const auto root = parse_root(document, xml);
  return root && std::string_view(root->name()) == "Error";
}

std::string error_text(std::string_view xml) {
  pugi::xml_document document;
  const auto root = parse_root(document, xml);
  if (!root || std::string_view(root->name()) != "Error") return "no reason was given";
  return fmt::format("{}: {}", root->child_value("Code"), root->child_value("Message"));
}

std::string completion(const std::vector<std::string>& etags) {
  std::string xml = "<CompleteMultipartUpload>";
  for (std::size_t i = 0; i < etags.size(); ++i)
    fmt::format_to(std::back_inserter(xml), "<Part><PartNumber>{}</PartNumber><ETag>&quot;{}&quot;</ETag></Part>",
                   i + 1, etags[i]);
  return xml + "</CompleteMultipartUpload>";
}

}  // namespace millrace::blob
