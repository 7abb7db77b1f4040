"""Plan of media of several manifests that share an image whose timestamp changed: it has to be read, once."""

import os

import measure
from content import many_manifests
from row import limit_row

N_MANIFESTS = 4
N_SITES = 2
IMAGE_LEN = 256 << 20


def rows(bench):
    image = bench.folder / "shared" / "image.bin"
    if not image.exists():
        measure.large_file(image, IMAGE_LEN, 1)
    media = many_manifests(bench.folder, N_MANIFESTS, N_SITES, "shared")
    measure.run([bench.program, "apply", *media], bench.folder)
    commands = {"cat": ["cat", image], "plan": [bench.program, "plan", "--detailed-exitcode", *media]}
    taken = bench.in_turn(lambda _: os.utime(image), commands)
    read, floor = (measure.median(taken[name], "read") / IMAGE_LEN for name in ("plan", "cat"))
    work = f"image of {N_MANIFESTS * N_SITES} media in {N_MANIFESTS} manifests, touched"
    yield limit_row(work, read, 1.05, "× read", f"cat {floor:.2f} × read")
