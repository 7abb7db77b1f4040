"""What the benchmarks share: making content, running a tool and counting what it took."""

import hashlib
import os
import statistics
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TSMEDIA = ROOT / "target" / "release" / "tsmedia"

# Little memory is used here: what this process has had counts as had by those that it starts.
BLOCK = hashlib.shake_256(b"tsmedia").digest(1 << 20)


@dataclass
class Taken:
    """Seconds, bytes of memory, bytes read and bytes written to the page cache."""

    wall: float
    synced: float
    processor: float
    memory: int
    read: int
    written: int


def build():
    """Makes the program and what its examples need."""
    subprocess.run(["cargo", "build", "--release", "--quiet"], cwd=ROOT, check=True)
    subprocess.run(["bash", ROOT / "examples/boot/make", ROOT / "examples/images"], check=True)


def large_file(path, n_bytes, mark):
    """Content that no tool can compress or skip, the same in every run."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "wb") as file:
        for at in range(n_bytes >> 20):
            file.write(at.to_bytes(8, "little") + mark.to_bytes(8, "little") + BLOCK[16:])
        file.write(BLOCK[: n_bytes % (1 << 20)])


def small_file(path, number, n_bytes):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(number.to_bytes(8, "little") + BLOCK[: n_bytes - 8])


def manifest(folder, packages, output='path = "tsmedia.iso"', name="media.toml"):
    """A stand-alone medium with these packages: the last digit of the number, and the folder."""
    path = folder / name
    text = f"""manifest-version = 1
[media]
name = "bench"
kind = "stand-alone"
[output]
{output}
[boot]
image = {{ file = "{ROOT}/examples/images/x64/boot.wim" }}
"""
    for number, source in enumerate(packages):
        text += f'[[package]]\nid = "BEN{number:05}"\nsource = "{source}"\n'
    path.write_text(text)
    return path


def run(command, folder, sync=True, codes=(0,)):
    """Runs a tool that must end with one of these exit codes. The cache of tsmedia is that of the folder, also within a
    repository, so that forgetting it forgets all digests."""
    if sync:
        subprocess.run(["sync"], check=True)
    environment = os.environ | {"TSMEDIA_CACHE_DIR": str(folder / ".tsmedia")}
    start = time.monotonic()
    process = subprocess.Popen(
        command, cwd=folder, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    errors = process.stderr.read()
    # Ended and not yet forgotten: its counts can still be read.
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    wall = time.monotonic() - start
    counts = dict(line.split(": ") for line in Path(f"/proc/{process.pid}/io").read_text().splitlines())
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode not in codes:
        sys.exit(f"{command[0]} failed:\n{errors.decode()}")
    if sync:
        subprocess.run(["sync"], check=True)
    return Taken(
        wall=wall,
        synced=time.monotonic() - start,
        processor=usage.ru_utime + usage.ru_stime,
        memory=usage.ru_maxrss * 1024,
        read=int(counts["rchar"]),
        written=int(counts["write_bytes"]),
    )


def forget(*paths):
    """Removes files and folders."""
    for path in paths:
        shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink(missing_ok=True)
    subprocess.run(["sync"], check=True)


def warm(folder):
    """Has every file of a folder in memory."""
    for path in folder.rglob("*"):
        if path.is_file():
            with open(path, "rb") as file:
                while file.read(1 << 20):
                    pass


def median(rows, what):
    return statistics.median(getattr(row, what) for row in rows)


def span(rows, what, digits=2):
    """The least, the median and the most."""
    values = [getattr(row, what) for row in rows]
    return f"{min(values):.{digits}f} {statistics.median(values):.{digits}f} {max(values):.{digits}f} s"


def load():
    return f"load {os.getloadavg()[0]:.1f}"


def machine(folder):
    """Number of processors and the type of the file system."""
    folder.mkdir(parents=True, exist_ok=True)
    found = subprocess.run(["stat", "--file-system", "--format=%T", folder], check=True, stdout=subprocess.PIPE, text=True)
    return f"{os.cpu_count()} processors, {found.stdout.strip()}"
