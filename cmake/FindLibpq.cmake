find_path(Libpq_INCLUDE_DIR postgresql/libpq-fe.h)
find_library(Libpq_LIBRARY pq)
include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(Libpq REQUIRED_VARS Libpq_LIBRARY Libpq_INCLUDE_DIR)
if(Libpq_FOUND AND NOT TARGET Libpq::Libpq)
  add_library(Libpq::Libpq SHARED IMPORTED)
  set_target_properties(Libpq::Libpq PROPERTIES IMPORTED_LOCATION ${Libpq_LIBRARY}
    INTERFACE_INCLUDE_DIRECTORIES ${Libpq_INCLUDE_DIR})
endif()
