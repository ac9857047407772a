"""A booster behind FastAPI as those who care write it: no model of the body, orjson both ways, no DMatrix."""

import os

import numpy as np
import orjson
import xgboost
from fastapi import FastAPI, Request, Response

booster = xgboost.Booster({"nthread": 1}, model_file=os.environ["MODEL"])
app = FastAPI()


@app.post("/predict")
async def predict(request: Request):
    rows = np.array(orjson.loads(await request.body())["rows"], dtype=np.float32)
    return Response(orjson.dumps(booster.inplace_predict(rows).tolist()), media_type="application/json")
