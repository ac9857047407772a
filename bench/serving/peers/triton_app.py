"""A booster in Triton, by PyTriton: triton_app.py MODEL FEATURES HTTP_PORT GRPC_PORT METRICS_PORT"""

import sys

import numpy as np
import xgboost
from pytriton.decorators import batch
from pytriton.model_config import ModelConfig, Tensor
from pytriton.triton import Triton, TritonConfig

model, features, http_port, grpc_port, metrics_port = sys.argv[1], *map(int, sys.argv[2:])
booster = xgboost.Booster({"nthread": 1}, model_file=model)


@batch
def predict(rows):
    return {"prediction": booster.inplace_predict(rows).reshape(-1, 1)}


config = TritonConfig(http_address="127.0.0.1", http_port=http_port, grpc_address="127.0.0.1", grpc_port=grpc_port, metrics_port=metrics_port)
with Triton(config=config) as triton:
    triton.bind(
        model_name="scores",
        infer_func=predict,
        inputs=[Tensor(name="rows", dtype=np.float32, shape=(features,))],
        outputs=[Tensor(name="prediction", dtype=np.float32, shape=(1,))],
        config=ModelConfig(max_batch_size=64),
    )
    triton.serve()
