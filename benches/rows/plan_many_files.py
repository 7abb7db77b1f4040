"""Plan of many tiny files that have not changed, beside `find`, which looks at each once as well."""

import measure
from content import many_files
from row import ratio_row

N_FILES = 50_000


def rows(bench):
    packages = many_files(bench.folder / "content", N_FILES)
    media = measure.manifest(bench.folder, packages)
    measure.run([bench.program, "apply", media], bench.folder)
    commands = {
        "find": ["find", "content", "-printf", "%s %T@ %C@\n"],
        "plan": [bench.program, "plan", "--detailed-exitcode", media],
    }
    taken = bench.in_turn(None, commands)
    yield ratio_row(f"no-op plan of {N_FILES:,} files", taken["plan"], "find -printf", taken["find"], 1.3)
