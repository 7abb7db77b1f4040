"""Plan of 240 finished media, 30 manifests for 8 sites each, that have not changed.

Nothing else does this work. `stat` of every input and output is shown beside it.
"""

import measure
from content import many_manifests
from row import limit_row

N_MANIFESTS = 30
N_SITES = 8


def rows(bench):
    measure.small_file(bench.folder / "shared" / "image.bin", 1, 1 << 20)
    media = many_manifests(bench.folder, N_MANIFESTS, N_SITES, "shared")
    measure.run([bench.program, "apply", *media], bench.folder)
    outputs = sorted(bench.folder.glob("*/out/*.iso"))
    commands = {
        "stat": ["stat", "--format=%s %y", *media, *outputs],
        "plan": [bench.program, "plan", "--detailed-exitcode", *media],
    }
    taken = bench.in_turn(None, commands)
    own, floor = (measure.median(taken[name], "wall") for name in ("plan", "stat"))
    yield limit_row(f"no-op plan of {len(outputs)} media", own, 0.3, "s", f"stat {floor:.3f} s")
