"""Change of a file in a large boot image that is on a medium.

A WIM file names its tables in its first bytes, which an edit changes, so its SHA-256 has to be computed from the start.
That is the least that the work takes.
"""

import hashlib
import shutil
import subprocess

import measure
from row import ratio_row

N_FILES = 400
NEEDS = ["openssl", "wimlib-imagex"]


def make_boot_image(folder):
    path = folder / "boot.wim"
    if path.exists():
        return path
    tree = folder / "tree"
    shutil.copytree(measure.ROOT / "examples/images/x64/media", tree / "Windows/Boot", dirs_exist_ok=True)
    for number in range(N_FILES):
        file = tree / "Windows/System32" / f"file{number:05}.dll"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(hashlib.shake_256(str(number).encode()).digest(1 << 20))
    capture = ["wimlib-imagex", "capture", tree, path, "PE", "--boot", "--compress=LZX", "--no-acls", "--norpfix"]
    for run in (capture, ["wimlib-imagex", "info", path, "1", "--image-property", "WINDOWS/ARCH=9"]):
        subprocess.run(run, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    shutil.rmtree(tree)
    return path


def rows(bench):
    boot = make_boot_image(bench.folder)
    prestart = bench.folder / "prestart"
    prestart.mkdir(exist_ok=True)
    (bench.folder / "media.toml").write_text(f"""manifest-version = 1
media = {{ name = "bench", kind = "bootable" }}
output.path = "tsmedia.iso"
[boot]
image = {{ file = "boot.wim" }}
files = "{measure.ROOT}/examples/images/x64/media"
[prestart]
command = "cmd /c start.cmd"
files = "prestart"
where = "boot-image"
""")
    n_edits = iter(range(1_000_000))

    def edit(_=""):
        (prestart / "start.cmd").write_text(f"rem {next(n_edits)}\n" * 20)

    edit()
    apply = [bench.program, "apply"]
    measure.run(apply, bench.folder)
    commands = {"openssl": ["openssl", "dgst", "-sha256", boot], "apply": apply}
    taken = bench.in_turn(edit, commands, synced=True)
    work = f"edit of a boot image of {boot.stat().st_size / 1e6:.0f} MB on a medium"
    yield ratio_row(work, taken["apply"], "openssl dgst -sha256", taken["openssl"], 1.5)
