"""Patch of one file in the media of many sites. The work of each medium does not depend on how many there are."""

import statistics

import measure
from content import many_files
from row import Row

N_FILES = 3_000
SITES = (40, 160)
LIMIT = 1.2


def manifest(bench, n_sites, package):
    text = measure.manifest(bench.folder, [package], name=f"{n_sites}.toml").read_text()
    text = text.replace('path = "tsmedia.iso"', f'path = "{n_sites}/{{{{ site.code }}}}.iso"')
    sites = "".join(f'[[sites]]\ncode = "{number:03}"\n' for number in range(n_sites))
    path = bench.folder / f"{n_sites}.toml"
    path.write_text(text + sites)
    return path


def rows(bench):
    many_files(bench.folder / "content", N_FILES)
    package = bench.folder / "content"
    changed = package / "changed.txt"
    processor, written = {}, {}
    for n_sites in SITES:
        media = manifest(bench, n_sites, package)
        changed.write_text("0")
        measure.run([bench.program, "apply", media], bench.folder)
        taken = []
        for number in range(bench.rounds):
            changed.write_text(f"{number + 1}")
            taken.append(measure.run([bench.program, "apply", media], bench.folder))
        processor[n_sites] = [one.processor / n_sites for one in taken]
        written[n_sites] = statistics.median(one.written / n_sites for one in taken)
    few, many = (statistics.median(processor[n_sites]) for n_sites in SITES)
    kib = written[SITES[1]] / 1024
    yield Row(
        f"one of {N_FILES:,} files changed, {SITES[1]} sites",
        f"{1_000 * many:.0f} ms a site, {kib:.0f} KiB",
        f"{SITES[0]} sites: {1_000 * few:.0f} ms a site",
        many / few,
        f"≤ {LIMIT}",
        many / few <= LIMIT,
    )
