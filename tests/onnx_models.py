"""ONNX models as people make them: scikit-learn's through skl2onnx, and graphs by hand; with rows, and what ONNX Runtime
itself answers to them on one thread, as Millrace runs it.

A case is a model and its inputs by name; `CASES` lists how to make each."""

import dataclasses

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper
from skl2onnx import to_onnx
from skl2onnx.common.data_types import FloatTensorType, Int64TensorType, StringTensorType
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import GradientBoostingRegressor, RandomForestClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

COLORS = np.array(["blue", "green", "red"])


@dataclasses.dataclass
class Case:
    model: onnx.ModelProto
    inputs: dict  # name -> array, of 7 rows
    labels: list | None = None  # the classes of the last output

    def expected(self):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        session = onnxruntime.InferenceSession(self.model.SerializeToString(), options)
        names = [output.name for output in session.get_outputs()]
        return {name: self.as_tensor(answer) for name, answer in zip(names, session.run(None, self.inputs))}

    def as_tensor(self, answer):
        """A ZipMap's list of maps as the matrix that it was made of."""
        if isinstance(answer, np.ndarray):
            return answer
        return np.array([[row[label] for label in self.labels] for row in answer], np.float32)


def rows(count, seed=3):
    return np.random.default_rng(seed).normal(size=(count, 4)).astype(np.float32)


def classes(values, names):
    return np.array(names)[np.digitize(values[:, 0] + values[:, 1] * values[:, 2], [-0.4, 0.5])]


def convert(model, zipmap=True, **options):
    if zipmap is not True:
        options["options"] = {id(model): {"zipmap": zipmap}}
    return to_onnx(model, rows(1), **options)


def logistic_regression(zipmap, names=(0, 1, 2)):
    model = LogisticRegression().fit(rows(500), classes(rows(500), names))
    return Case(convert(model, zipmap=zipmap), {"X": rows(7, 4)}, labels=model.classes_.tolist())


def random_forest():
    model = RandomForestClassifier(30, max_depth=6, random_state=1).fit(rows(500), classes(rows(500), COLORS))
    return Case(convert(model), {"X": rows(7, 4)}, labels=model.classes_.tolist())


def gradient_boosting():
    model = GradientBoostingRegressor(n_estimators=60, random_state=1).fit(rows(500), rows(500)[:, 0] * rows(500)[:, 1])
    return Case(convert(model), {"X": rows(7, 4)})


def scaled():
    model = Pipeline([("scale", StandardScaler()), ("score", LogisticRegression())]).fit(rows(500), rows(500)[:, 0] > 0)
    return Case(to_onnx(model, rows(1)), {"X": rows(7, 4)}, labels=[False, True])


def several_inputs_and_outputs():
    weights = numpy_helper.from_array(rows(3, 5)[:, :3].copy(), "w")
    graph = helper.make_graph(
        [
            helper.make_node("MatMul", ["a", "w"], ["aw"]),
            helper.make_node("Add", ["aw", "b"], ["sum"]),
            helper.make_node("Relu", ["sum"], ["cut"]),
            helper.make_node("ArgMax", ["sum"], ["most"], axis=1, keepdims=0),
            helper.make_node("Greater", ["sum", "b"], ["more"]),
        ],
        "graph",
        [helper.make_tensor_value_info("a", TensorProto.FLOAT, ["n", 3]), helper.make_tensor_value_info("b", TensorProto.FLOAT, ["n", 3])],
        [
            helper.make_tensor_value_info("sum", TensorProto.FLOAT, ["n", 3]),
            helper.make_tensor_value_info("cut", TensorProto.FLOAT, ["n", 3]),
            helper.make_tensor_value_info("most", TensorProto.INT64, ["n"]),
            helper.make_tensor_value_info("more", TensorProto.BOOL, ["n", 3]),
        ],
        [weights],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    return Case(model, {"a": rows(7, 6)[:, :3].copy(), "b": rows(7, 7)[:, :3].copy()})


def float16():
    graph = helper.make_graph(
        [helper.make_node("Mul", ["x", "x"], ["y"])],
        "graph",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT16, ["n", 4])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT16, ["n", 4])],
    )
    return Case(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), {"x": rows(7, 4).astype(np.float16)})


def columns_of_several_types():
    random = np.random.default_rng(8)
    color, size, count = COLORS[random.integers(0, 3, 300)], random.normal(size=300).astype(np.float32), random.integers(0, 9, 300)
    table = np.column_stack([color.astype(object), size, count])
    features = ColumnTransformer([("color", OneHotEncoder(handle_unknown="ignore"), [0]), ("numbers", StandardScaler(), [1, 2])])
    model = Pipeline([("features", features), ("score", LogisticRegression())]).fit(table, (color == "red") ^ (size > 0))
    types = [("color", StringTensorType([None, 1])), ("size", FloatTensorType([None, 1])), ("count", Int64TensorType([None, 1]))]
    asked = {"color": np.array(["red", "blue", "green", "violet", "", "rød", "red"], object)[:, None], "size": size[:7, None], "count": count[:7, None].astype(np.int64)}
    return Case(to_onnx(model, initial_types=types), asked, labels=[False, True])


def words():
    texts = ["the wheel turns", "water under the wheel", "a dry summer", "the mill stands still", "water turns the mill"]
    # ONNX Runtime lower-cases by a locale of the machine, of which C is always there.
    vectorizer = TfidfVectorizer(lowercase=False)
    model = Pipeline([("words", vectorizer), ("score", LogisticRegression())]).fit(texts, [1, 1, 0, 0, 1])
    options = {id(model): {"zipmap": False}, id(vectorizer): {"locale": "C"}}
    converted = to_onnx(model, initial_types=[("text", StringTensorType([None, 1]))], options=options)
    return Case(converted, {"text": np.array(texts + ["", "nothing known"], object)[:, None]})


def deadly():
    """ONNX Runtime 1.30 looks for the count of rounds where there is none."""
    value = helper.make_tensor_value_info
    body = helper.make_graph(
        [helper.make_node("Identity", ["go"], ["go_on"]), helper.make_node("Identity", ["sum"], ["more"])],
        "body",
        [value("i", TensorProto.INT64, []), value("go", TensorProto.BOOL, []), value("sum", TensorProto.INT64, [1])],
        [value("go_on", TensorProto.BOOL, []), value("more", TensorProto.INT64, [1])],
    )
    rounds = helper.make_tensor("rounds", TensorProto.INT64, [3, 0], [])
    graph = helper.make_graph(
        [helper.make_node("Loop", ["rounds", "", "x"], ["y"], body=body)],
        "graph",
        [value("x", TensorProto.INT64, [1])],
        [value("y", TensorProto.INT64, [1])],
        [rounds],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 15)], ir_version=8)


CASES = {
    "logistic regression": lambda: logistic_regression(True),
    "logistic regression without ZipMap": lambda: logistic_regression(False),
    "logistic regression with a column a class": lambda: logistic_regression("columns"),
    "random forest of texts": random_forest,
    "gradient boosting": gradient_boosting,
    "scaled": scaled,
    "several inputs and outputs": several_inputs_and_outputs,
    "float16": float16,
    "columns of several types": columns_of_several_types,
    "words": words,
}
