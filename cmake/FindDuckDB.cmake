# Prefers a system DuckDB; else the pinned files that tools/setup/install puts into third_party/duckdb.
find_path(DuckDB_INCLUDE_DIR duckdb.h)
find_path(DuckDB_INCLUDE_DIR duckdb.h PATHS ${CMAKE_SOURCE_DIR}/third_party/duckdb NO_DEFAULT_PATH)
find_library(DuckDB_LIBRARY duckdb)
find_library(DuckDB_LIBRARY duckdb PATHS ${CMAKE_SOURCE_DIR}/third_party/duckdb NO_DEFAULT_PATH)
include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(DuckDB REQUIRED_VARS DuckDB_LIBRARY DuckDB_INCLUDE_DIR
  REASON_FAILURE_MESSAGE "run tools/setup/install")
if(DuckDB_FOUND AND NOT TARGET DuckDB::duckdb)
  add_library(DuckDB::duckdb SHARED IMPORTED)
  set_target_properties(DuckDB::duckdb PROPERTIES IMPORTED_LOCATION ${DuckDB_LIBRARY}
    INTERFACE_INCLUDE_DIRECTORIES ${DuckDB_INCLUDE_DIR})
endif()
