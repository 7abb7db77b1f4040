"""Verification of a medium, both digests of each byte, beside the SHA-256 of the file alone."""

import measure
from row import ratio_row

N_FILES = 2
FILE_LEN = 500_000_000
NEEDS = ["openssl"]


def rows(bench):
    for number in range(N_FILES):
        path = bench.folder / "content" / f"large{number}" / "image.bin"
        if not path.exists() or path.stat().st_size != FILE_LEN:
            measure.large_file(path, FILE_LEN, number)
    media = measure.manifest(bench.folder, [f"content/large{number}" for number in range(N_FILES)])
    measure.run([bench.program, "apply", media], bench.folder)
    commands = {
        "openssl": ["openssl", "dgst", "-sha256", "tsmedia.iso"],
        "verify": [bench.program, "verify", "tsmedia.iso"],
    }
    taken = bench.in_turn(None, commands)
    work = f"verify of {N_FILES * FILE_LEN / 1e9:.0f} GB, cached"
    yield ratio_row(work, taken["verify"], "openssl dgst -sha256", taken["openssl"], 1.1)
