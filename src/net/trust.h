#pragma once

#include <filesystem>
#include <string>

#include "base/result.h"

namespace millrace::net {

// Whose certificates a client believes.
struct TlsTrust {
  std::string ca_file;      // PEM certificates; "" for the system's
  std::string fingerprint;  // given: exactly this certificate, whatever it says; see fingerprint_of
};

// SHA-256 of the first certificate in a PEM file, as 64 lower-case hexadecimal digits.
Result<std::string> fingerprint_of(const std::filesystem::path& certificate);

}  // namespace millrace::net
