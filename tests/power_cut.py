"""A loss of power, simulated: what a server wrote but did not sync is lost."""

import os
import pathlib
import random
import shutil
import subprocess

HERE = pathlib.Path(__file__).resolve().parent
PAGE = 4096


def identities(folder):
    """{path: identity} of a folder and all below; an identity as tests/power_cut.cc names it."""
    below = [folder, *folder.rglob("*")]
    told = subprocess.run(["xargs", "-0", "stat", "--format=%i %W %w"], input="\0".join(map(str, below)), capture_output=True, text=True, check=True)
    numbers = {}
    for path, line in zip(below, told.stdout.splitlines(), strict=True):
        inode, seconds, _, time, _ = line.split()  # "10135887 1795326972 2026-11-22 05:56:12.600410938 +0000"
        numbers[path] = f"{inode}.{seconds}.{int(time.split('.')[1])}"
    return numbers


class PowerCut:
    """Remembers what a server syncs, in the folder `kept`; the server runs with `environment`."""

    def __init__(self, kept):
        self.kept = kept
        kept.mkdir()
        library = kept.with_suffix(".so")
        subprocess.run(["clang++-19", "-std=c++23", "-O1", "-shared", "-fPIC", "-o", library, HERE / "power_cut.cc"], check=True)
        self.environment = {"LD_PRELOAD": str(library), "MILLRACE_POWER_CUT": str(kept)}

    def trust(self, folder):
        """What is in this folder was synced before."""
        numbers = identities(folder)
        for path, number in numbers.items():
            if path.is_dir():
                lines = [f"{numbers[child]} {child.name}\n" for child in path.iterdir()]
                (self.kept / f"{number}.entries").write_text("".join(lines))
            else:
                shutil.copyfile(path, self.kept / number)

    def leave(self, live, after, keeps):
        """Makes the folder `after` as it is found when the power is back. `keeps()` says of each page, each size and
        each folder's names that were not synced whether they reached the disk all the same."""
        numbers = identities(live)
        _Leaving(self.kept, numbers, keeps).folder(numbers[live], after)


class _Leaving:
    def __init__(self, kept, numbers, keeps):
        self.kept, self.numbers, self.keeps = kept, numbers, keeps
        self.paths = {number: path for path, number in numbers.items()}  # one of them, where a file has several

    def folder(self, number, after):
        after.mkdir()
        for name, child in self._names(number).items():
            path = self.paths.get(child)
            is_folder = path.is_dir() if path else (self.kept / f"{child}.entries").exists()
            if is_folder:
                self.folder(child, after / name)
            else:
                (after / name).write_bytes(self._contents(child, path))

    def _names(self, number):
        """{name: identity}: what was synced, or what there was."""
        listed = self.kept / f"{number}.entries"
        lines = listed.read_text().splitlines() if listed.exists() else []
        synced = {name: child for child, name in (line.split(" ", 1) for line in lines)}
        path = self.paths.get(number)
        now = {name: self.numbers[path / name] for name in os.listdir(path)} if path else synced
        return now if now != synced and self.keeps() else synced

    def _contents(self, number, path):
        """Page by page what was synced or what was written."""
        kept = self.kept / number
        synced = kept.read_bytes() if kept.exists() else b""
        live = path.read_bytes() if path else synced
        if synced == live:
            return synced
        size = len(live if self.keeps() else synced)
        pages = []
        for at in range(0, size, PAGE):
            old, new = synced[at : at + PAGE], live[at : at + PAGE]
            pages.append((new if old != new and self.keeps() else old).ljust(PAGE, b"\0"))
        return b"".join(pages)[:size]


def nothing_more():
    return False


def by_chance(seed):
    chance = random.Random(seed)
    return lambda: chance.random() < 0.5
