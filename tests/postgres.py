"""A PostgreSQL server of its own, in a temporary folder, for tests; run as a program, `postgres.py COMMAND...` gives one to a command."""

import contextlib
import hashlib
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

USER = "millrace"


def programs():
    """The folder of the newest PostgreSQL that is installed, as Debian lays them out; None without one."""
    found = sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    return found[-1].parent if found else None


class Postgres:
    """Listens on a socket in its folder only. PostgreSQL does not run as root: its own user stands in there."""

    def __init__(self, *settings):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="millrace-pg-"))
        self.data, self.settings = self.folder / "data", settings
        if os.geteuid() == 0:
            shutil.chown(self.folder, "postgres")
        self._run("initdb", "-D", self.data, "-U", USER, "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync")

    def _run(self, program, *args):
        as_user = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
        done = subprocess.run([*as_user, programs() / program, *args], cwd=self.folder, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr

    def start(self):
        options = " ".join(["-k", str(self.folder), "-c listen_addresses=''", "-c max_connections=300", *(f"-c {s}" for s in self.settings)])
        self._run("pg_ctl", "start", "-w", "-D", self.data, "-l", self.folder / "log", "-o", options)
        return self

    def stop(self, mode="fast"):
        """`immediate` is as a crash."""
        self._run("pg_ctl", "stop", "-w", "-D", self.data, "-m", mode)

    def remove(self):
        with contextlib.suppress(AssertionError):
            self.stop("immediate")
        shutil.rmtree(self.folder)

    def uri(self, database="postgres"):
        return f"postgresql://{USER}@/{database}?host={self.folder}"

    def create(self, database):
        sql(self.uri(), f"create database {database}")
        return self.uri(database)

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.remove()


def sql(uri, text):
    """Rows as lines, columns with | between."""
    done = subprocess.run([programs() / "psql", "-X", "-q", "-t", "-A", "-v", "ON_ERROR_STOP=1", uri, "-c", text], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def schema_for(uri, home):
    """A place for the server of a home folder in a database that many share."""
    schema = "home_" + hashlib.sha256(str(home).encode()).hexdigest()[:24]
    sql(uri, f"set client_min_messages = error; create schema if not exists {schema}")
    return f"{uri}{'&' if '?' in uri else '?'}options=-csearch_path%3D{schema}"


def main(command):
    if programs() is None:
        sys.exit("there is no PostgreSQL in /usr/lib/postgresql; tools/setup/install tests brings it")
    with Postgres("fsync=off") as postgres:
        return subprocess.run(command, env={**os.environ, "MILLRACE_TEST_POSTGRES": postgres.uri()}).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
