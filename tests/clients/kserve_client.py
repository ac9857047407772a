"""Asks an endpoint of three columns with KServe's own clients and prints what they heard. It runs with the Python of their environment:
kserve_client.py HTTP-URL GRPC-ADDRESS ENDPOINT ROWS, where the rows are JSON."""

import asyncio
import json
import sys

import httpx
import numpy as np
from kserve import InferenceGRPCClient, InferenceRESTClient, InferInput, InferRequest, RESTConfig
from kserve.protocol.infer_type import RequestedOutput

URL, GRPC, ENDPOINT, ROWS = *sys.argv[1:4], np.array(json.loads(sys.argv[4]))


def request(columns, binary, **options):
    inputs = []
    for name, values in zip(columns, ROWS.T):
        inputs.append(InferInput(name, [len(values)], "FP64"))
        inputs[-1].set_data_from_numpy(values, binary_data=binary)
    return InferRequest(model_name=ENDPOINT, infer_inputs=inputs, **options)


def prediction(answer):
    return answer.outputs[0].as_numpy().tolist()


async def refusal(client, endpoint, body):
    try:
        await client.infer(URL, body, model_name=endpoint)
    except httpx.HTTPStatusError as error:
        return error.response.status_code, error.response.json()["error"]


async def heard_of_rest():
    client = InferenceRESTClient(RESTConfig(protocol="v2"))
    heard = {"health": [await client.is_server_live(URL), await client.is_server_ready(URL), await client.is_model_ready(URL, ENDPOINT)]}
    for name, binary in ("json", False), ("binary", True):
        heard[name] = prediction(await client.infer(URL, request("abc", binary), model_name=ENDPOINT))
    wanted = [RequestedOutput("prediction", parameters={"binary_data": True})]
    named = await client.infer(URL, request("abc", True, request_outputs=wanted, request_id="seven"), model_name=ENDPOINT)
    heard["binary output"], heard["id"] = prediction(named), named.id
    heard["a column short"] = await refusal(client, ENDPOINT, request("ab", False))
    heard["no such endpoint"] = await refusal(client, "nothing", request("abc", False))
    return heard


async def heard_of_v1():
    client = InferenceRESTClient(RESTConfig(protocol="v1"))
    answer = await client.infer(URL, {"instances": ROWS.tolist()}, model_name=ENDPOINT)
    return {"v1 ready": await client.is_model_ready(URL, ENDPOINT), "v1": answer["predictions"]}


async def heard_of_grpc():
    client = InferenceGRPCClient(GRPC)
    heard = {"grpc health": [await client.is_server_live(), await client.is_server_ready(), await client.is_model_ready(ENDPOINT)]}
    for name, binary in ("grpc typed", False), ("grpc raw", True):
        heard[name] = prediction(await client.infer(request("abc", binary)))
    return heard


async def main():
    print(json.dumps({**await heard_of_rest(), **await heard_of_v1(), **await heard_of_grpc()}))


asyncio.run(main())
