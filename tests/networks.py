"""Machines of a test's own: network namespaces on one bridge, in a network where nothing else is."""

import contextlib
import ctypes
import os
import shutil
import subprocess

CLONE_NEWNET = 0x40000000
libc = ctypes.CDLL(None, use_errno=True)


def why_not():
    """Why there can be none here; or nothing."""
    if os.geteuid() != 0:
        return "needs root, to make network namespaces"
    if not shutil.which("ip"):
        return "iproute2 is not installed"
    if subprocess.run(["unshare", "--net", "ip", "link", "add", "name", "probe", "type", "bridge"], capture_output=True).returncode != 0:
        return "network namespaces or bridges are not to be had here"
    return None


def ip(*words):
    subprocess.run(["ip", *map(str, words)], check=True, capture_output=True, text=True)


class Host:
    """A machine at `address`, as far as the network goes."""

    def __init__(self, name, number, address):
        self.name, self.address, self.port = name, address, f"port{number}"
        ip("netns", "add", name)
        ip("link", "add", self.port, "type", "veth", "peer", "name", "eth0", "netns", name)
        ip("link", "set", self.port, "master", "bridge0", "up")
        for link in (["set", "lo", "up"], ["set", "eth0", "up"]):
            ip("-n", name, "link", *link)
        ip("-n", name, "addr", "add", f"{address}/24", "dev", "eth0")

    def command(self, *words):
        """Has a program run there; its process has the id that the caller sees."""
        return ["ip", "netns", "exec", self.name, *map(str, words)]

    def cut_off(self):
        """As if its cable were pulled: nobody is told anything."""
        ip("link", "set", self.port, "down")

    def reconnect(self):
        ip("link", "set", self.port, "up")

    def remove(self):
        ip("netns", "del", self.name)


class Network:
    """While it is entered, the thread that did and all that it starts are in a network of their own, at `address`, and beside them
    the hosts that are made. Threads from before stay where they are."""

    address = "10.77.0.1"

    def __enter__(self):
        self.outside = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        self.hosts = []
        if libc.unshare(CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), "no network of its own is to be had")
        ip("link", "set", "lo", "up")
        ip("link", "add", "name", "bridge0", "type", "bridge")
        ip("addr", "add", f"{self.address}/24", "dev", "bridge0")
        ip("link", "set", "bridge0", "up")
        return self

    def host(self):
        number = len(self.hosts) + 1
        self.hosts.append(Host(f"millrace-{os.getpid()}-{number}", number, f"10.77.0.{10 + number}"))
        return self.hosts[-1]

    def __exit__(self, *_):
        for host in self.hosts:
            with contextlib.suppress(subprocess.CalledProcessError):
                host.remove()
        libc.setns(self.outside, CLONE_NEWNET)
        os.close(self.outside)
