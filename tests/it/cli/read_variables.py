"""Reads the encrypted files of media in two ways, by the description of what public readers do with them.

One goes by the header, as CMvarDecrypt and pxetrace do; the other knows nothing of it, cuts eight bytes off the end and
goes by whole blocks, as PXEThief does. Both have to come to the same text, which is printed as UTF-8. The cipher is
openssl's. Arguments: PASSWORD FILE...; texts are parted by a line of `--`.
"""

import hashlib
import struct
import subprocess
import sys

CIPHERS = {0x660E: ("aes-128-cbc", 16), 0x6610: ("aes-256-cbc", 32)}


def derive(password, length):
    digest = hashlib.sha1(password.encode("utf-16-le")).digest()
    inner = bytearray(b"\x36" * 64)
    outer = bytearray(b"\x5c" * 64)
    for at, byte in enumerate(digest):
        inner[at] ^= byte
        outer[at] ^= byte
    return (hashlib.sha1(inner).digest() + hashlib.sha1(outer).digest())[:length]


def decrypt(cipher, key, data):
    command = ["openssl", "enc", "-d", "-" + cipher, "-K", key.hex(), "-iv", "00" * 16, "-nopad"]
    return subprocess.run(command, input=data, stdout=subprocess.PIPE, check=True).stdout


def by_header(data, password):
    signature, rest, plain, encrypted, algorithm, flags = struct.unpack_from("<6I", data)
    assert signature == 0xECED0000 and rest == 20 and flags == 0, data[:24].hex()
    assert plain % 2 == 0 and 1 <= encrypted - plain <= 16 and encrypted % 16 == 0, (plain, encrypted)
    cipher, length = CIPHERS[algorithm]
    text = decrypt(cipher, derive(password, length), data[24 : 24 + encrypted])
    padding = text[-1]
    assert text[-padding:] == bytes([padding]) * padding and len(text) - padding == plain, text[-16:].hex()
    text = text[:plain].decode("utf-16-le")
    assert text.endswith("\0") and "\0" not in text[:-1]
    return text[:-1], encrypted - plain


def by_blocks(data, password, algorithm):
    cipher, length = CIPHERS[algorithm]
    body = data[24:-8]
    body = body[: len(body) // 16 * 16]
    text = decrypt(cipher, derive(password, length), body).decode("utf-16-le", "ignore")
    return text[: text.rindex("\0")]


for path in sys.argv[2:]:
    data = open(path, "rb").read()
    text, padding = by_header(data, sys.argv[1])
    algorithm = struct.unpack_from("<I", data, 16)[0]
    assert by_blocks(data, sys.argv[1], algorithm) == text, path
    print("--\n%s padding %d" % (CIPHERS[algorithm][0], padding))
    print(text)
