"""A booster as a service of BentoML; workers come from its configuration."""

import os
from typing import Annotated

import bentoml
import numpy as np
import xgboost
from bentoml.validators import DType


@bentoml.service(workers=int(os.environ.get("WORKERS", "2")), traffic={"timeout": 60}, metrics={"enabled": False})
class Scores:
    def __init__(self):
        self.booster = xgboost.Booster({"nthread": 1}, model_file=os.environ["MODEL"])

    @bentoml.api
    async def predict(self, rows: Annotated[np.ndarray, DType("float32")]) -> np.ndarray:
        return self.booster.inplace_predict(rows)
