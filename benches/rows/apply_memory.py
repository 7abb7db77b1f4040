"""Peak memory of building a medium of very many tiny files."""

import measure
from content import many_files
from row import limit_row

LIMITS = {50_000: 100, 100_000: 180}


def rows(bench):
    for n_files, limit in LIMITS.items():
        folder = bench.folder / str(n_files)
        folder.mkdir(parents=True, exist_ok=True)
        media = measure.manifest(folder, many_files(folder / "content", n_files))
        copied = measure.run(["cp", "-r", "content", "copy"], folder)
        measure.forget(folder / "copy", folder / "tsmedia.iso", folder / ".tsmedia", folder / "media.record.json")
        taken = measure.run([bench.program, "apply", media], folder)
        memory, floor = (one.memory / (1 << 20) for one in (taken, copied))
        work = f"apply of {n_files:,} files, peak memory"
        yield limit_row(work, memory, limit, "MiB", f"cp -r {floor:.0f} MiB", digits=0)
