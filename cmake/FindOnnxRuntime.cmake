# Prefers a system ONNX Runtime; else the pinned files that tools/setup/install puts into third_party/onnxruntime.
set(pinned ${CMAKE_SOURCE_DIR}/third_party/onnxruntime)
find_path(OnnxRuntime_INCLUDE_DIR onnxruntime_c_api.h PATH_SUFFIXES onnxruntime onnxruntime/core/session)
find_path(OnnxRuntime_INCLUDE_DIR onnxruntime_c_api.h PATHS ${pinned} NO_DEFAULT_PATH)
find_library(OnnxRuntime_LIBRARY NAMES onnxruntime libonnxruntime.so.1)
find_library(OnnxRuntime_LIBRARY libonnxruntime.so.1 PATHS ${pinned} NO_DEFAULT_PATH)
include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(OnnxRuntime REQUIRED_VARS OnnxRuntime_LIBRARY OnnxRuntime_INCLUDE_DIR
  REASON_FAILURE_MESSAGE "run tools/setup/install")
if(OnnxRuntime_FOUND AND NOT TARGET OnnxRuntime::onnxruntime)
  add_library(OnnxRuntime::onnxruntime SHARED IMPORTED)
  set_target_properties(OnnxRuntime::onnxruntime PROPERTIES IMPORTED_LOCATION ${OnnxRuntime_LIBRARY}
    INTERFACE_INCLUDE_DIRECTORIES ${OnnxRuntime_INCLUDE_DIR})
endif()
