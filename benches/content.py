"""Content that several benchmarks share, the same in every run."""

import measure

PACKAGES = 5


def many_files(folder, n_files):
    """Makes packages with folders of a hundred tiny files. Returns the paths of the packages, relative to the parent of
    `folder`."""
    for number in range(n_files):
        below = number // 100
        name = f"a file with a usual name {number:06}.dll"
        path = folder / f"package{below % PACKAGES}" / f"folder {below:05}" / name
        if number % 100 == 0:
            path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            path.write_text(str(number) * (number * 7 % 300))
    return [f"{folder.name}/package{number}" for number in range(PACKAGES)]


def many_manifests(folder, n_manifests, n_sites, package):
    """Makes a repository of manifests with the same sites and the same package, a folder in it. Returns their paths."""
    (folder / ".git").mkdir(parents=True, exist_ok=True)
    sites = "".join(f'[[sites]]\ncode = "S{number:02}"\n' for number in range(n_sites))
    media = []
    for number in range(n_manifests):
        below = folder / f"medium{number:02}"
        below.mkdir(exist_ok=True)
        output = 'path = "out/{{ site.code }}.iso"'
        path = measure.manifest(below, [f"../{package}"], output)
        path.write_text(path.read_text().replace('"bench"', f'"bench{number}"') + sites)
        media.append(path)
    return media
