# millrace_descriptors(module): describes the messages of proto/ for the module, as millrace::api::grpc::descriptor_set().
find_program(PROTOC protoc REQUIRED)

function(millrace_descriptors module)
  file(GLOB protos CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/proto/*.proto)
  set(set ${CMAKE_CURRENT_BINARY_DIR}/descriptors.bin)
  set(source ${CMAKE_CURRENT_BINARY_DIR}/descriptor_set.cc)
  add_custom_command(OUTPUT ${source}
    COMMAND ${PROTOC} --proto_path=${CMAKE_SOURCE_DIR}/proto --include_imports --descriptor_set_out=${set} ${protos}
    COMMAND ${CMAKE_COMMAND} -DBYTES=${set} -DSOURCE=${source} -P ${CMAKE_SOURCE_DIR}/cmake/write_descriptors.cmake
    DEPENDS ${protos} ${CMAKE_SOURCE_DIR}/cmake/write_descriptors.cmake)
  target_sources(millrace_${module} PRIVATE ${source})
endfunction()
