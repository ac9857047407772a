"""An S3 server on loopback with a bucket "millrace"; as a program, runs a command beside one:

    object_store.py COMMAND...      with its address in MILLRACE_TEST_S3
"""

import os
import pathlib
import socket
import subprocess
import sys
import time

import boto3

BUCKET = "millrace"
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_REGION": "us-east-1"}


class ObjectStore:
    def __enter__(self):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        program = pathlib.Path(sys.executable).parent / "moto_server"
        self.process = subprocess.Popen([program, "-H", "127.0.0.1", "-p", str(self.port)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self._wait()
        self.client.create_bucket(Bucket=BUCKET)
        return self

    def _wait(self):
        for _ in range(600):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            assert self.process.poll() is None, "the S3 server does not start"
            time.sleep(0.1)
        raise AssertionError("the S3 server does not start")

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    @property
    def environment(self):
        """What a server needs to find it, as other S3 clients read it."""
        return {**CREDENTIALS, "AWS_ENDPOINT_URL": self.url}

    @property
    def client(self):
        return boto3.client("s3", endpoint_url=self.url, aws_access_key_id="test", aws_secret_access_key="test", region_name="us-east-1")

    def keys(self, prefix=""):
        pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix=prefix)
        return sorted(item["Key"] for page in pages for item in page.get("Contents", []))

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()


if __name__ == "__main__":
    with ObjectStore() as store:
        sys.exit(subprocess.run(sys.argv[1:], env={**os.environ, "MILLRACE_TEST_S3": store.url}).returncode)
