#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace millrace::serving {

// A .onnx file as we give it to ONNX Runtime, and what we want to know of it beforehand.
struct OnnxModel {
  std::string bytes;
  // The files beside it that hold its tensors, as the model spells their names, which may be anything.
  std::vector<std::string> external_files;
  // What a classifier's probabilities are of, by the output's name.
  std::map<std::string, std::vector<std::string>, std::less<>> labels;
};

// Reads the message ModelProto (onnx.ai, onnx.proto). skl2onnx ends classifiers with a ZipMap, which makes a list of
// maps of a matrix; here such an output is the matrix again, [rows, classes] in the order of `labels`. Nothing is
// checked beyond what is looked at: the rest is for ONNX Runtime. kInvalidArgument for what is no such message.
Result<OnnxModel> read_onnx_model(std::string bytes);

}  // namespace millrace::serving
