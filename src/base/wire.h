#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace millrace {

// Walks through the fields of one protobuf message (protobuf.dev/programming-guides/encoding), without a copy. Groups,
// which nothing has used for fifteen years, and field numbers beyond protobuf's are kInvalidArgument, as is what is
// cut short.
//
//   WireReader in(bytes);
//   while (TRY(in.next())) {
//     if (in.field() == 4) name = TRY(in.bytes());
//   }
class WireReader {
 public:
  explicit WireReader(std::string_view bytes) : left_(bytes) {}

  // Moves to the next field; false after the last one.
  Result<bool> next();

  std::uint32_t field() const { return field_; }
  // Of a number, not of a text, a message or bytes.
  bool is_number() const { return is_number_; }
  // The field's value: of a text, a message or bytes; and of any kind of number, as its bits. kInvalidArgument where
  // the field is of the other sort.
  Result<std::string_view> bytes() const;
  Result<std::uint64_t> number() const;
  // The field with its tag, as it stands.
  std::string_view whole() const { return whole_; }

 private:
  Result<void> read_value(std::uint64_t type);
  Result<std::string_view> take(std::uint64_t count);
  Result<void> fixed(std::size_t width);

  std::string_view left_;
  std::string_view whole_;
  std::uint32_t field_ = 0;
  bool is_number_ = false;
  std::uint64_t number_ = 0;
  std::string_view bytes_;
};

// Takes a varint from the front: what packed numbers are made of.
Result<std::uint64_t> take_varint(std::string_view& bytes);

// Appends a field to a message: a text, a message or bytes; a number as a varint.
void append_wire(std::string& message, std::uint32_t field, std::string_view bytes);
void append_wire_number(std::string& message, std::uint32_t field, std::uint64_t number);

}  // namespace millrace
