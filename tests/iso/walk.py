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
    """Of the whole; of files beyond 1 GiB only where extents may meet, and the end."""
    length = stream.seek(0, io.SEEK_END)
    gib = 1 << 30
    if length <= gib:
        parts = [(0, length)]
    else:
        starts = [max(at - (1 << 16), 0) for at in (*range(0, length, gib), length)]
        parts = [(start, 1 << 17) for start in starts]
    sha = hashlib.sha256(str(length).encode())
    for start, count in parts:
        stream.seek(start)
        sha.update(stream.read(min(count, length - start)))
    return sha.hexdigest()


def digest_of_source(path):
    with open(path, "rb") as stream:
        return digest(stream)


def children(disc, kind, folder):
    """Names of what a folder holds, and whether they are folders."""
    for child in disc.list_children(**{kind: folder or "/"}):
        if child is None or child.is_dot() or child.is_dotdot():
            continue
        if kind == "udf_path":
            # What pycdlib's own walk says of a path with names of both widths is wrong.
            name = child.file_ident.fi.decode(child.file_ident.encoding)
        else:
            name = child.file_identifier().decode("utf-16_be" if kind == "joliet_path" else "ascii")
        yield name, child.is_dir()


def walk(disc, kind):
    """Paths of files with their digests, and paths of folders."""
    found, found_folders, ahead = {}, set(), [""]
    while ahead:
        folder = ahead.pop()
        for name, is_folder in children(disc, kind, folder):
            path = f"{folder}/{name}"
            if is_folder:
                found_folders.add(path)
                ahead.append(path)
            elif path not in found:
                with disc.open_file_from_iso(**{kind: path}) as stream:
                    found[path] = digest(stream)
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
