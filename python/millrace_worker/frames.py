"""Frames and tensors of the worker protocol, as docs/formats/worker_protocol.md describes them."""

import json
import struct

import numpy as np

PREFIX = struct.Struct("<IQ")  # bytes of the header, bytes of the tensors
TEXT = struct.Struct("<I")  # bytes of one element of BYTES
MOST_HEADER_BYTES = 16 << 20

NUMPY = {
    "BOOL": "?",
    "UINT8": "u1",
    "UINT16": "<u2",
    "UINT32": "<u4",
    "UINT64": "<u8",
    "INT8": "i1",
    "INT16": "<i2",
    "INT32": "<i4",
    "INT64": "<i8",
    "FP16": "<f2",
    "FP32": "<f4",
    "FP64": "<f8",
}
DATATYPES = {np.dtype(numpy): name for name, numpy in NUMPY.items()}


class Channel:
    """The stream to the server."""

    def __init__(self, connection):
        self.connection = connection

    def receive(self):
        """The next message and its tensors by name; None at the end."""
        prefix = self._read(PREFIX.size)
        if prefix is None:
            return None
        header_bytes, tensor_bytes = PREFIX.unpack(prefix)
        if header_bytes > MOST_HEADER_BYTES:
            raise ValueError(f"a header of {header_bytes} bytes is too long")
        message = json.loads(bytes(self._read(header_bytes)))
        return message, _split(message.get("tensors", []), self._read(tensor_bytes))

    def send(self, message, tensors=()):
        """`tensors` are pairs of a name and an array: of numbers, booleans or, with the datatype BYTES, of objects that are bytes."""
        datas = [_to_bytes(array) for _, array in tensors]
        message = dict(message, tensors=[_describe(name, array, data) for (name, array), data in zip(tensors, datas)])
        header = json.dumps(message).encode()
        self.connection.sendall(PREFIX.pack(len(header), sum(map(len, datas))) + header)
        for data in datas:
            self.connection.sendall(data)

    def _read(self, count):
        data = bytearray(count)
        rest = memoryview(data)
        while rest:
            got = self.connection.recv_into(rest)
            if got == 0:
                return None
            rest = rest[got:]
        return data


def datatype(array):
    """The protocol's name of an array's type; an array of objects is BYTES."""
    return "BYTES" if array.dtype == object else DATATYPES[array.dtype]


def _describe(name, array, data):
    return {"name": name, "datatype": datatype(array), "shape": list(array.shape), "size": len(data)}


def _to_bytes(array):
    if array.dtype != object:
        return memoryview(np.ascontiguousarray(array).reshape(-1).view(np.uint8))
    return b"".join(TEXT.pack(len(element)) + element for element in array.flat)


def _split(descriptions, data):
    tensors, at = {}, 0
    for tensor in descriptions:
        piece = memoryview(data)[at : at + tensor["size"]]
        tensors[tensor["name"]] = _to_array(tensor["datatype"], piece).reshape(tensor["shape"])
        at += tensor["size"]
    return tensors


def _to_array(datatype, data):
    if datatype != "BYTES":
        return np.frombuffer(data, NUMPY[datatype]).copy()
    elements = []
    while data:
        (size,) = TEXT.unpack_from(data)
        elements.append(bytes(data[TEXT.size : TEXT.size + size]))
        data = data[TEXT.size + size :]
    array = np.empty(len(elements), object)
    array[:] = elements
    return array
