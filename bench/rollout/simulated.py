"""Replicas as far as their server can tell: each follows the serving state over connections of its own, fetches the files that are
new to it, checks them and says what it has. A thousand of them fit into one process."""

import asyncio
import hashlib
import json
import time


class Connection:
    """HTTP/1.1 to one place, one request after the other."""

    def __init__(self, host, port):
        self.host, self.port, self.received = host, port, 0

    async def open(self):
        self.reader, self.writer = await asyncio.open_connection(self.host, self.port, limit=1 << 20)

    async def ask(self, method, target, headers="", body=b""):
        """Status, headers and body."""
        head = f"{method} {target} HTTP/1.1\r\nHost: {self.host}:{self.port}\r\n{headers}"
        if body:
            head += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
        self.writer.write(head.encode() + b"\r\n" + body)
        answer = await self.reader.readuntil(b"\r\n\r\n")
        first, *lines = answer[:-4].decode("latin1").split("\r\n")
        fields = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
        told = await self.reader.readexactly(int(fields.get("content-length", 0)))
        self.received += len(answer) + len(told)
        return int(first.split()[1]), fields, told

    def close(self):
        self.writer.close()


class Replica:
    """`files` and `reports` are the targets of those requests, which end in a file's hash and a replica's name."""

    def __init__(self, name, host, port, files, reports):
        self.name, self.connection = name, Connection(host, port)
        self.files, self.reports = files, reports
        self.known = set()  # hashes
        self.heard, self.served = {}, {}  # by version: when a state named it, and when it had said that it serves it

    async def take(self, text):
        """A serving state: what it names is fetched and checked, and the server told."""
        told, heard = json.loads(text), time.perf_counter()
        for version in told["state"]["versions"]:
            for file in version["files"]:
                await self.fetch(file)
        report = {"address": f"http://{self.name}", "version": "0.1.0", "generation": told["generation"], "draining": False, "problems": []}
        status, _, answer = await self.connection.ask("PUT", self.reports + self.name, body=json.dumps(report).encode())
        assert status == 200, answer
        now = time.perf_counter()
        for endpoint in told["state"]["endpoints"]:
            for version in endpoint["arms"].values():
                self.heard.setdefault(version, heard)
                self.served.setdefault(version, now)

    async def fetch(self, file):
        if file["sha256"] in self.known:
            return
        status, _, content = await self.connection.ask("GET", self.files + file["sha256"])
        assert status == 200, content
        assert hashlib.sha256(content).hexdigest() == file["sha256"]
        self.known.add(file["sha256"])

    async def follow(self):
        """Until it is cancelled."""
        await self.connection.open()
        known = ""
        try:
            while True:
                status, fields, text = await self.connection.ask("GET", "/api/v1/serving-state?wait=60", known)
                assert status in (200, 304), text
                if status == 200:
                    known = f"If-None-Match: {fields['etag']}\r\n"
                    await self.take(text)
        finally:
            self.connection.close()

    async def take_once(self, target, begin):
        """The same from a server of files, which cannot tell when there is something new: an event does."""
        await self.connection.open()
        try:
            await self.connection.ask("GET", "/nothing-yet")
            await begin.wait()
            status, _, text = await self.connection.ask("GET", target)
            assert status == 200, text
            await self.take(text)
        finally:
            self.connection.close()
