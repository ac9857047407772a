"""How rows are asked about, and answers read, in the languages that inference servers speak.

A format makes a request's body of one row (of 32-bit floats), and reads the prediction out of an answer's body."""

import dataclasses
import json
import struct
from collections.abc import Callable

import numpy as np


@dataclasses.dataclass(frozen=True)
class Format:
    write: Callable[[np.ndarray], bytes]
    read: Callable[[bytes], float]
    fields: tuple[str, ...] = ("Content-Type: application/json",)
    grpc: bool = False


def numbers(row):
    return "[" + ",".join(str(value) for value in row.astype(np.float32)) + "]"


def first(values):
    """The first number of nested lists."""
    while isinstance(values, list):
        values = values[0]
    return float(values)


def rows_json():
    """{"rows": [[...]]}, as a user's own application would have it."""
    return Format(lambda row: f'{{"rows":[{numbers(row)}]}}'.encode(), lambda body: first(json.loads(body)))


def mlflow_json():
    return Format(lambda row: f'{{"inputs":[{numbers(row)}]}}'.encode(), lambda body: first(json.loads(body)["predictions"]))


def open_json(tensor):
    def write(row):
        return f'{{"inputs":[{{"name":"{tensor}","shape":[1,{len(row)}],"datatype":"FP32","data":{numbers(row)}}}]}}'.encode()

    return Format(write, lambda body: first(json.loads(body)["outputs"][0]["data"]))


def open_key(entity):
    """The Open Inference Protocol, where the request brings the key of an entity; the row is that key alone."""
    def write(row):
        return f'{{"inputs":[{{"name":"{entity}","shape":[1],"datatype":"INT64","data":[{int(row[0])}]}}]}}'.encode()

    return Format(write, lambda body: first(json.loads(body)["outputs"][0]["data"]))


NUMBERS = {"FP32": "f", "FP64": "d"}


def open_binary(tensor, output, features):
    """Triton's binary tensors both ways. All requests have one header, so its length is the connection's."""
    header = json.dumps({"inputs": [{"name": tensor, "shape": [1, features], "datatype": "FP32", "parameters": {"binary_data_size": 4 * features}}],
                         "outputs": [{"name": output, "parameters": {"binary_data": True}}]}, separators=(",", ":")).encode()

    def read(body):
        answer, end = json.JSONDecoder().raw_decode(body.decode("latin-1"))
        found = answer["outputs"][0]
        assert found["parameters"]["binary_data_size"] == len(body) - end
        return struct.unpack_from("<" + NUMBERS[found["datatype"]], body, end)[0]

    fields = ("Content-Type: application/octet-stream", f"Inference-Header-Content-Length: {len(header)}")
    return Format(lambda row: header + row.astype("<f4").tobytes(), read, fields)


def varint(value):
    out = b""
    while value >= 0x80:
        out, value = out + bytes([value & 0x7F | 0x80]), value >> 7
    return out + bytes([value])


def part(number, content):
    """A length-delimited field of a protobuf message."""
    return varint(number << 3 | 2) + varint(len(content)) + content


def parts(message):
    """The fields of a protobuf message: (number, bytes), or (number, int)."""
    at = 0

    def read_varint():
        nonlocal at
        value = shift = 0
        while True:
            byte = message[at]
            at += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    while at < len(message):
        key = read_varint()
        if key & 7 == 0:
            yield key >> 3, read_varint()
        else:
            size = {1: 8, 5: 4}.get(key & 7) or read_varint()
            yield key >> 3, message[at:at + size]
            at += size


def only(message, number):
    return next((content for found, content in parts(message) if found == number), None)


def open_grpc(model, tensor):
    """ModelInfer with raw contents; the answer's may be raw or typed."""
    def write(row):
        shape = part(3, varint(1) + varint(len(row)))
        tensor_part = part(1, tensor.encode()) + part(2, b"FP32") + shape
        return part(1, model.encode()) + part(5, tensor_part) + part(7, row.astype("<f4").tobytes())

    def read(message):
        output = only(message, 5)
        number = NUMBERS[only(output, 2).decode()]
        raw = only(message, 6) or only(only(output, 5), 6 if number == "f" else 7)
        return struct.unpack_from("<" + number, raw)[0]

    return Format(write, read, grpc=True)


GRPC_SERVICE = "/inference.GRPCInferenceService/"
GRPC_METHOD = GRPC_SERVICE + "ModelInfer"


def joined(bodies):
    """As bench/serving/serving_load reads and writes them."""
    return b"".join(struct.pack("<I", len(body)) + body for body in bodies)


def split(data):
    at, found = 0, []
    while at < len(data):
        size, = struct.unpack_from("<I", data, at)
        found.append(data[at + 4:at + 4 + size])
        at += 4 + size
    return found
