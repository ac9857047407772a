"""A booster as a deployment of Ray Serve: ray_app.py MODEL PORT REPLICAS"""

import sys
import threading

import numpy as np
import orjson
import ray
import xgboost
from ray import serve
from starlette.requests import Request
from starlette.responses import Response


@serve.deployment(max_ongoing_requests=100, ray_actor_options={"num_cpus": 0})
class Scores:
    def __init__(self, model):
        self.booster = xgboost.Booster({"nthread": 1}, model_file=model)

    async def __call__(self, request: Request):
        rows = np.array(orjson.loads(await request.body())["rows"], dtype=np.float32)
        return Response(orjson.dumps(self.booster.inplace_predict(rows).tolist()), media_type="application/json")


model, port, replicas = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, object_store_memory=100 << 20)
serve.start(http_options={"host": "127.0.0.1", "port": port})
serve.run(Scores.options(num_replicas=replicas).bind(model), route_prefix="/predict")
threading.Event().wait()
