"""An MLflow model as tensors see it: what it takes and answers, and how both are made of pandas' and numpy's things."""

import json

import mlflow.pyfunc
import numpy as np
import pandas as pd
from mlflow.models import infer_signature
from mlflow.types.schema import ColSpec, DataType

from . import frames

INPUT, OUTPUT = "input", "prediction"  # of what has no name
PARAMS = "params"  # of a model whose signature declares params: a JSON object a row

COLUMNS = {
    DataType.boolean: "BOOL",
    DataType.integer: "INT32",
    DataType.long: "INT64",
    DataType.float: "FP32",
    DataType.double: "FP64",
}  # all else is BYTES: texts, bytes, ISO 8601 times, and JSON for what is nested


class Unfit(Exception):
    """The model cannot be served, or has answered what it cannot."""


class Model:
    def __init__(self, folder):
        self.pyfunc = mlflow.pyfunc.load_model(folder)
        example = self._load_example(folder)
        self.columns = self._find_inputs(example)
        self.tensors = [_spec_of(column, INPUT) for column in self.columns]
        self.inputs = self.tensors + self._find_params()
        self.example = self._to_tensors(example) if example is not None else {}
        self.outputs = self._find_outputs()

    def predict(self, tensors):
        """Pairs of a name and an array, as `outputs` says."""
        answered = self._answers(tensors)
        if missing := [spec["name"] for spec in self.outputs if spec["name"] not in answered]:
            raise Unfit(f"predict answered {', '.join(answered) or 'nothing'}, without {', '.join(missing)}")
        return [(spec["name"], _as_declared(spec, answered[spec["name"]])) for spec in self.outputs]

    def _answers(self, tensors):
        """By name. Rows of other params are other questions."""
        params = tensors.pop(PARAMS, None) if len(self.inputs) > len(self.tensors) else None
        if params is None or len(params) == 0:
            return dict(_named_arrays(self._predict(tensors)))
        if any(len(array) != len(params) for array in tensors.values()):
            raise ValueError(f'"{PARAMS}" must have an element for each row')
        parts = []
        for rows in _runs_of_equal(params):
            part = {name: array[rows] for name, array in tensors.items()}
            parts.append(dict(_named_arrays(self._predict(part, _params_of(params[rows.start])))))
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}

    def _load_example(self, folder):
        metadata = self.pyfunc.metadata
        if not metadata.saved_input_example_info:
            return None
        try:
            return metadata.load_input_example(folder)
        except Exception as error:  # it only helps
            print(f"the model's input example cannot be read: {error}")
            return None

    def _find_inputs(self, example):
        signature = self.pyfunc.metadata.signature
        if signature is None and example is not None:
            signature = infer_signature(example)
        if signature is None or signature.inputs is None:
            raise Unfit("the model has neither a signature nor an input example, so its inputs are not known; log it with input_example=")
        columns = signature.inputs.inputs
        if len(columns) > 1 and any(not column.name for column in columns):
            raise Unfit("the inputs of the model's signature have no names; log it with columns that have")
        return columns

    def _find_params(self):
        signature = self.pyfunc.metadata.signature
        declared = signature is not None and signature.params is not None and len(signature.params.params) > 0
        if not declared or any(spec["name"] == PARAMS for spec in self.tensors):
            return []
        return [{"name": PARAMS, "datatype": "BYTES", "shape": [-1], "optional": True}]

    def _find_outputs(self):
        """What the model answers to its example, else what its signature promises."""
        if self.example:
            return [_spec_like(name, array) for name, array in _named_arrays(self._predict(self.example))]
        signature = self.pyfunc.metadata.signature
        if signature is None or not signature.outputs:
            raise Unfit("neither the model's signature nor an input example tells what it answers; log it with input_example=")
        return [_spec_of(column, OUTPUT) for column in signature.outputs.inputs]

    def _predict(self, tensors, params=None):
        return self.pyfunc.predict(self._to_input(tensors), params=params)

    def _to_input(self, tensors):
        if isinstance(self.columns[0], ColSpec):
            values = {column.name or INPUT: _to_column(column, tensors[column.name or INPUT]) for column in self.columns if (column.name or INPUT) in tensors}
            return list(values[INPUT]) if not self.columns[0].name else pd.DataFrame(values)
        arrays = {column.name or INPUT: _to_native(column, tensors[column.name or INPUT]) for column in self.columns}
        return arrays if self.columns[0].name else arrays[INPUT]

    def _to_tensors(self, example):
        """The first row of the input example; nothing where it does not fit the signature."""
        try:
            return {name: array[:1] for name, array in self._example_tensors(example).items()}
        except Exception as error:  # it only helps
            print(f"the model's input example does not fit its signature: {error}")
            return {}

    def _example_tensors(self, example):
        if isinstance(self.columns[0], ColSpec):
            table = example if isinstance(example, pd.DataFrame) else pd.DataFrame(example)
            if not self.columns[0].name:
                return {INPUT: _from_column(self.columns[0], table.iloc[:, 0])}
            return {column.name: _from_column(column, table[column.name]) for column in self.columns if column.name in table}
        arrays = example if isinstance(example, dict) else {INPUT: np.asarray(example)}
        return {spec["name"]: _to_array(arrays[spec["name"]]).astype(frames.NUMPY.get(spec["datatype"], object)) for spec in self.tensors}


def _runs_of_equal(texts):
    """Slices of rows that stand together and are equal."""
    first = 0
    for row in range(1, len(texts) + 1):
        if row == len(texts) or texts[row] != texts[first]:
            yield slice(first, row)
            first = row


def _params_of(text):
    try:
        params = json.loads(text)
    except ValueError as error:
        raise ValueError(f'"{PARAMS}" is not JSON: {error}') from None
    if not isinstance(params, dict):
        raise ValueError(f'"{PARAMS}" must be a JSON object')
    return params


def _spec_of(column, name):
    if isinstance(column, ColSpec):
        datatype, shape = _datatype_of(column), [-1]
    else:
        datatype, shape = frames.DATATYPES.get(np.dtype(column.type), "BYTES"), list(column.shape)
    return {"name": column.name or name, "datatype": datatype, "shape": shape, "optional": not getattr(column, "required", True)}


def _datatype_of(column):
    return COLUMNS.get(column.type, "BYTES") if isinstance(column.type, DataType) else "BYTES"


def _spec_like(name, array):
    return {"name": name, "datatype": frames.datatype(array), "shape": [-1, *array.shape[1:]], "optional": False}


def _to_column(column, array):
    if _datatype_of(column) != "BYTES":
        return array.reshape(-1)
    values = array.reshape(-1)
    if column.type == DataType.binary:
        return values
    texts = [element.decode() for element in values]
    if column.type == DataType.datetime:
        return pd.to_datetime(pd.Series(texts), format="ISO8601", utc=True).dt.tz_localize(None)
    return pd.Series(texts if column.type == DataType.string else [json.loads(text) for text in texts], dtype=object)


def _from_column(column, values):
    if _datatype_of(column) != "BYTES":
        return values.to_numpy(frames.NUMPY[COLUMNS[column.type]])
    if column.type in (DataType.string, DataType.binary, DataType.datetime):
        return _to_array(values)
    return _to_array([json.dumps(value, default=_plain) for value in values])


def _to_native(column, array):
    return array if array.dtype != object else np.array([element.decode() for element in array.flat], dtype=column.type).reshape(array.shape)


def _named_arrays(answer):
    """What a predict function answers, as pairs of a name and an array that frames can carry."""
    if isinstance(answer, pd.DataFrame):
        if all(isinstance(name, (int, np.integer)) for name in answer.columns):
            return [(OUTPUT, _to_array(answer.to_numpy()))]
        return [(str(name), _to_array(answer[name])) for name in answer.columns]
    if isinstance(answer, dict):
        return [(str(name), _to_array(values)) for name, values in answer.items()]
    return [(OUTPUT, _to_array(answer))]


def _to_array(values):
    if hasattr(values, "detach"):  # a tensor of PyTorch
        values = values.detach().cpu().numpy()
    if hasattr(values, "toarray"):  # a sparse matrix of SciPy
        values = values.toarray()
    try:
        array = values.to_numpy() if isinstance(values, (pd.Series, pd.Index)) else np.asarray(values)
    except ValueError:  # lists of several lengths
        array = np.empty(len(values), object)
        array[:] = [list(value) for value in values]
    if array.ndim == 0:
        array = array.reshape(1)
    if array.dtype.kind == "M":
        array = np.datetime_as_string(array, "us").astype(object)
    if array.dtype in frames.DATATYPES:
        return array
    if array.dtype.newbyteorder("<") in frames.DATATYPES:
        return array.astype(array.dtype.newbyteorder("<"))
    if array.dtype.kind not in "OUS":
        raise Unfit(f"predict answered values of the type {array.dtype}, which cannot be sent")
    return _numbers_of(array) if array.dtype.kind == "O" else _texts_of(array)


def _numbers_of(array):
    """Numbers that stand in an array of objects because some are missing."""
    known = [value for value in array.flat if value is not None and value is not pd.NA]
    if not known or not all(isinstance(value, (int, float, np.number)) and not isinstance(value, bool) for value in known):
        return _texts_of(array)
    numbers = np.array([np.nan if value is None or value is pd.NA else value for value in array.flat])
    return numbers.reshape(array.shape) if numbers.dtype in frames.DATATYPES else _texts_of(array)


def _texts_of(array):
    texts = np.empty(array.shape, object)
    texts.reshape(-1)[:] = [_text_of(value) for value in array.flat]
    return texts


def _text_of(value):
    if isinstance(value, bytes):
        return value
    return value.encode() if isinstance(value, str) else json.dumps(value, default=_plain).encode()


def _plain(value):
    """What JSON does not know."""
    if value is pd.NA:
        return None
    if hasattr(value, "model_dump"):
        return value.model_dump()
    if hasattr(value, "tolist"):
        return value.tolist()
    return str(value)


def _as_declared(spec, array):
    """Numbers may be narrower than the model's first answer promised: whole ones where it has fractions else."""
    if frames.datatype(array) != spec["datatype"]:
        declared = frames.NUMPY.get(spec["datatype"])
        if declared is None or array.dtype == object or not np.can_cast(array.dtype, declared, "same_kind"):
            raise Unfit(f"predict answered {frames.datatype(array)} for \"{spec['name']}\", which is {spec['datatype']}")
        array = array.astype(declared)
    if len(array.shape) != len(spec["shape"]) or any(e not in (-1, g) for e, g in zip(spec["shape"], array.shape)):
        raise Unfit(f"predict answered \"{spec['name']}\" of the shape {list(array.shape)}, which is {spec['shape']}")
    return array
