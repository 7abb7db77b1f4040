"""Clean build of media for four sites on a file system that shares blocks, such as btrfs or XFS: bytes written."""

import subprocess
import sys

import measure
from row import limit_row

N_SITES = 4
FILE_LEN = 500_000_000


def rows(bench):
    path = bench.folder / "content" / "large" / "image.bin"
    if not path.exists() or path.stat().st_size != FILE_LEN:
        measure.large_file(path, FILE_LEN, 1)
    clone = ["cp", "--reflink=always", path, bench.folder / "clone"]
    if subprocess.run(clone, stderr=subprocess.DEVNULL).returncode != 0:
        print(f"build_shared: `{bench.folder}` can't share blocks; choose another --folder", file=sys.stderr)
        return
    media = measure.manifest(bench.folder, ["content/large"], 'path = "out/{{ site.code }}.iso"')
    sites = "".join(f'[[sites]]\ncode = "S{number:02}"\n' for number in range(N_SITES))
    media.write_text(media.read_text() + sites)

    def prepare(_):
        made = [bench.folder / name for name in ("clone", "out", ".tsmedia", "media.record.json")]
        measure.forget(*made)

    commands = {"cp": clone, "build": [bench.program, "apply", media]}
    taken = bench.in_turn(prepare, commands)
    prepare("")
    written, floor = (measure.median(taken[name], "written") / 1e6 for name in ("build", "cp"))
    work = f"clean build, {N_SITES} sites sharing {FILE_LEN / 1e6:.0f} MB, shared blocks"
    yield limit_row(work, written, 10, "MB written", f"cp --reflink {floor:.2f} MB")
