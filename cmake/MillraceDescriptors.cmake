# millrace_descriptors(module): describes the messages of proto/ for the module, as millrace::api::grpc::descriptor_set().
find_program(PROTOC protoc REQUIRED)

function(millrace_descriptors module)
  file(GLOB protos CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/proto/*.proto)
  # The older reflection has the same messages in another package.
  set(older ${CMAKE_CURRENT_BINARY_DIR}/reflection_v1alpha.proto)
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/proto/reflection_v1.proto)
  file(READ ${CMAKE_SOURCE_DIR}/proto/reflection_v1.proto messages)
  string(REPLACE "package grpc.reflection.v1;" "package grpc.reflection.v1alpha;" messages "${messages}")
  file(CONFIGURE OUTPUT ${older} CONTENT "${messages}" @ONLY)
  set(set ${CMAKE_CURRENT_BINARY_DIR}/descriptors.bin)
  set(source ${CMAKE_CURRENT_BINARY_DIR}/descriptor_set.cc)
  add_custom_command(OUTPUT ${source}
    COMMAND ${PROTOC} --proto_path=${CMAKE_SOURCE_DIR}/proto --proto_path=${CMAKE_CURRENT_BINARY_DIR} --include_imports
            --descriptor_set_out=${set} ${protos} ${older}
    COMMAND ${CMAKE_COMMAND} -DBYTES=${set} -DSOURCE=${source} -P ${CMAKE_SOURCE_DIR}/cmake/write_descriptors.cmake
    DEPENDS ${protos} ${older} ${CMAKE_SOURCE_DIR}/cmake/write_descriptors.cmake)
  target_sources(millrace_${module} PRIVATE ${source})
endfunction()
