"""Compares a disc image, as pycdlib reads it, with a list of paths and the files that hold the same.

Walks UDF, ISO 9660 and Joliet. UDF must show the very names; the other two the same contents, folder by folder.
"""

import collections
import hashlib
import io
import sys

import pycdlib

image, listing = sys.argv[1:]
files, folders = {}, set()
with open(listing, encoding="utf-8") as lines:
    for line in lines:
        path, source = line.rstrip("\n").split("\t")
        if source:
            files["/" + path] = source
        else:
            folders.add("/" + path)


def digest(stream):
    sha = hashlib.sha256()
    while chunk := stream.read(1 << 20):
        sha.update(chunk)
    return sha.hexdigest()


def digest_of_source(path):
    with open(path, "rb") as stream:
        return digest(stream)


def walk(disc, kind):
    """Paths of files with their digests, and paths of folders."""
    found, found_folders = {}, set()
    for folder, subfolders, names in disc.walk(**{kind: "/"}):
        folder = folder.rstrip("/")
        found_folders |= {f"{folder}/{name}" for name in subfolders}
        for name in names:
            with disc.open_file_from_iso(**{kind: f"{folder}/{name}"}) as stream:
                found[f"{folder}/{name}"] = digest(stream)
    return found, found_folders


disc = pycdlib.PyCdlib()
disc.open(image)
expected = {path: digest_of_source(source) for path, source in files.items()}

found, found_folders = walk(disc, "udf_path")
assert found == expected, f"UDF files: {set(found.items()) ^ set(expected.items())}"
assert found_folders == folders, f"UDF folders: {found_folders ^ folders}"

for kind in ["iso_path", "joliet_path"]:
    found, found_folders = walk(disc, kind)
    # Names are shortened there: compare what each folder holds, at any depth.
    shape = lambda paths: collections.Counter((path.count("/"), content) for path, content in paths.items())
    assert shape(found) == shape(expected), f"{kind}: other files"
    depths = lambda paths: collections.Counter(path.count("/") for path in paths)
    assert depths(found_folders) == depths(folders), f"{kind}: other folders"

disc.close()
print(f"same: {len(files)} files, {len(folders)} folders")
