"""Speaks the worker protocol on standard input, which is a socket."""

import os
import platform
import resource
import socket
import sys
import traceback

from . import PROTOCOL

MOST_MESSAGE = 2000


def take_channel():
    """Standard input becomes empty, so that no code of the model's reads or writes the protocol."""
    connection = socket.socket(fileno=os.dup(0))
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    return connection


def cap_memory(limit):
    """An allocation that cannot fit is refused; what creeps up is seen by the server."""
    with open("/proc/self/status") as status:
        used = next(int(line.split()[1]) for line in status if line.startswith("VmData:")) * 1024
    resource.setrlimit(resource.RLIMIT_DATA, (used + limit, used + limit))


def code_of(error):
    if isinstance(error, MemoryError):
        return "RESOURCE_EXHAUSTED"
    if getattr(error, "error_code", None) in ("INVALID_PARAMETER_VALUE", "BAD_REQUEST"):
        return "INVALID_ARGUMENT"
    return "INVALID_ARGUMENT" if isinstance(error, (ValueError, TypeError)) else "INTERNAL"


def text_of(error):
    kind = type(error).__name__
    text = str(error) if kind == "Unfit" else f"{kind}: {error}" if str(error) else kind
    return text if len(text) <= MOST_MESSAGE else text[:MOST_MESSAGE] + "..."


def load(message):
    from .model import Model

    model = Model(message["folder"])
    if message.get("memory"):
        cap_memory(message["memory"])
    return model


def explain(error):
    """Why a model cannot be loaded, in a sentence."""
    if isinstance(error, ModuleNotFoundError):
        return f"{sys.executable} has no module {error.name}; install what the model's requirements.txt names, or name an environment that has it"
    return text_of(error)


def serve(channel):
    model = None
    while (received := channel.receive()) is not None:
        message, tensors = received
        kind, answer = message["type"], {"id": message["id"]}
        if kind == "stop":
            return
        try:
            if kind == "load":
                model = load(message)
                channel.send(answer | {"type": "loaded", "inputs": model.inputs, "outputs": model.outputs}, list(model.example.items()))
            elif kind == "infer":
                channel.send(answer | {"type": "result"}, model.predict(tensors))
            elif kind == "ping":
                channel.send(answer | {"type": "pong"})
            else:
                raise ValueError(f"there is no message {kind}")
        except (ConnectionError, KeyboardInterrupt):
            raise
        except BaseException as error:  # a model that calls exit() has failed, and nothing else
            traceback.print_exc()
            code = "FAILED_PRECONDITION" if kind == "load" else code_of(error)
            channel.send(answer | {"type": "error", "code": code, "message": explain(error) if kind == "load" else text_of(error)})


def main():
    connection = take_channel()
    connection.sendall(f"MILLRACE-WORKER {PROTOCOL} {platform.python_version()}\n".encode())
    try:
        from .frames import Channel

        serve(Channel(connection))
    except ConnectionError:
        pass  # the server has gone
    except ModuleNotFoundError as error:
        print(explain(error), file=sys.stderr)
        os._exit(3)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)  # threads that the model left are not waited for


main()
