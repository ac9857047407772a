#pragma once

#include <fmt/format.h>

#include <expected>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

namespace millrace {

// gRPC's canonical codes, so that HTTP and gRPC statuses are two switches in `api`.
enum class Code {
  kCancelled = 1,
  kUnknown = 2,
  kInvalidArgument = 3,
  kDeadlineExceeded = 4,
  kNotFound = 5,
  kAlreadyExists = 6,
  kPermissionDenied = 7,
  kResourceExhausted = 8,
  kFailedPrecondition = 9,
  kAborted = 10,
  kOutOfRange = 11,
  kUnimplemented = 12,
  kInternal = 13,
  kUnavailable = 14,
  kDataLoss = 15,
  kUnauthenticated = 16,
};

// The canonical upper-case name, e.g. "INVALID_ARGUMENT".
std::string_view code_name(Code code);

// What went wrong, for a person: lower case, no full stop, names the thing and its value and says what to do.
struct Error {
  Code code = Code::kUnknown;
  std::string message;

  // The same error with "CONTEXT: " in front of its message.
  Error in(std::string_view context) && { return {code, fmt::format("{}: {}", context, message)}; }
};

template <typename T = void>
using Result = std::expected<T, Error>;

template <typename... Args>
std::unexpected<Error> fail(Code code, fmt::format_string<Args...> format, Args&&... args) {
  return std::unexpected(Error{code, fmt::format(format, std::forward<Args>(args)...)});
}

template <typename... Args>
std::unexpected<Error> invalid_argument(fmt::format_string<Args...> format, Args&&... args) {
  return fail(Code::kInvalidArgument, format, std::forward<Args>(args)...);
}
template <typename... Args>
std::unexpected<Error> not_found(fmt::format_string<Args...> format, Args&&... args) {
  return fail(Code::kNotFound, format, std::forward<Args>(args)...);
}
template <typename... Args>
std::unexpected<Error> already_exists(fmt::format_string<Args...> format, Args&&... args) {
  return fail(Code::kAlreadyExists, format, std::forward<Args>(args)...);
}
template <typename... Args>
std::unexpected<Error> failed_precondition(fmt::format_string<Args...> format, Args&&... args) {
  return fail(Code::kFailedPrecondition, format, std::forward<Args>(args)...);
}
template <typename... Args>
std::unexpected<Error> unavailable(fmt::format_string<Args...> format, Args&&... args) {
  return fail(Code::kUnavailable, format, std::forward<Args>(args)...);
}
template <typename... Args>
std::unexpected<Error> internal_error(fmt::format_string<Args...> format, Args&&... args) {
  return fail(Code::kInternal, format, std::forward<Args>(args)...);
}
template <typename... Args>
std::unexpected<Error> data_loss(fmt::format_string<Args...> format, Args&&... args) {
  return fail(Code::kDataLoss, format, std::forward<Args>(args)...);
}

// Prints the error and aborts; what MUST does with an error that cannot happen.
[[noreturn]] void die(const Error& error, const char* file, int line);

namespace detail {
template <typename T, typename E>
T take(std::expected<T, E>&& result) {
  if constexpr (!std::is_void_v<T>) return std::move(*result);
}
template <typename T, typename E>
T take(std::expected<T, E>& result) {
  if constexpr (!std::is_void_v<T>) return *result;
}
template <typename T, typename E>
T take(const std::expected<T, E>& result) {
  if constexpr (!std::is_void_v<T>) return *result;
}
}  // namespace detail

}  // namespace millrace

// The value of a Result; or its error, returned from the enclosing function. Not for coroutines (their word is
// co_return).
#define TRY(...)                                                                \
  ({                                                                            \
    auto&& try_result_ = (__VA_ARGS__);                                         \
    if (!try_result_) [[unlikely]]                                              \
      return std::unexpected(try_result_.error());                              \
    ::millrace::detail::take(std::forward<decltype(try_result_)>(try_result_)); \
  })

// The value of a Result that cannot fail; an error here is a bug and aborts.
#define MUST(...)                                                                 \
  ({                                                                              \
    auto&& must_result_ = (__VA_ARGS__);                                          \
    if (!must_result_) [[unlikely]]                                               \
      ::millrace::die(must_result_.error(), __FILE__, __LINE__);                  \
    ::millrace::detail::take(std::forward<decltype(must_result_)>(must_result_)); \
  })
