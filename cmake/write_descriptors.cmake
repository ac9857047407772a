# Writes the file BYTES into the C++ file SOURCE; see MillraceDescriptors.cmake.
file(READ ${BYTES} hex HEX)
string(REGEX REPLACE "(..)" "0x\\1," bytes "${hex}")
file(WRITE ${SOURCE} "#include \"api/grpc/descriptors.h\"\n
static constexpr unsigned char kBytes[] = {${bytes}};\n
std::string_view millrace::api::grpc::descriptor_set() {
  return {reinterpret_cast<const char*>(kBytes), sizeof kBytes};
}\n")
