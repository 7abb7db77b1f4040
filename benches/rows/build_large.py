"""Clean build of two large files, each hashed with BLAKE3 and SHA-256, beside a copy of them, both with a sync."""

import measure
from row import ratio_row

N_FILES = 2
FILE_LEN = 1_500_000_000


def rows(bench):
    content = bench.folder / "content"
    for number in range(N_FILES):
        path = content / f"large{number}" / "image.bin"
        if not path.exists() or path.stat().st_size != FILE_LEN:
            measure.large_file(path, FILE_LEN, number)
    media = measure.manifest(bench.folder, [f"content/large{number}" for number in range(N_FILES)])

    def prepare(_):
        made = [bench.folder / name for name in ("copy", ".tsmedia", "tsmedia.iso", "media.record.json")]
        measure.forget(*made)

    measure.warm(content)
    commands = {"cp": ["cp", "-r", "content", "copy"], "build": [bench.program, "apply", media]}
    taken = bench.in_turn(prepare, commands, synced=True)
    prepare("")
    work = f"clean build, {N_FILES * FILE_LEN / 1e9:.0f} GB in {N_FILES} files, synced"
    yield ratio_row(work, taken["build"], "cp", taken["cp"], 1.0, what="synced")
