"""Writes the files of a task sequence medium as Configuration Manager is known to write them, without any code of ours.

Arguments: FOLDER. Standard input is JSON: `type` (of the medium), `password` (or null), `cipher` (of openssl),
`variables` (name and value), `policies` and `files` (path and text). The layout of encrypted files is that of public
readers: CMvarDecrypt, PXEThief, pxetrace. Media without a password use one that everybody knows for the variables, and
their GUID for policies.
"""

import hashlib
import json
import os
import struct
import subprocess
import sys

CIPHERS = {"aes-128-cbc": (0x660E, 16, 16), "aes-256-cbc": (0x6610, 32, 16), "des-ede3-cbc": (0x6603, 24, 8)}
DEFAULT_PASSWORD = "{BAC6E688-DE21-4ABE-B7FB-C9F54E6DB664}"


def derive(password, length):
    digest = hashlib.sha1(password.encode("utf-16-le")).digest()
    pad = lambda byte: bytes(b ^ byte for b in digest) + bytes([byte]) * (64 - len(digest))
    return (hashlib.sha1(pad(0x36)).digest() + hashlib.sha1(pad(0x5C)).digest())[:length]


def encrypted(text, password, cipher):
    number, key_length, block = CIPHERS[cipher]
    plain = (text + "\0").encode("utf-16-le")
    padding = block - len(plain) % block
    command = ["openssl", "enc", "-" + cipher, "-K", derive(password, key_length).hex(), "-iv", "00" * block]
    body = subprocess.run(command, input=plain, stdout=subprocess.PIPE, check=True).stdout
    assert len(body) == len(plain) + padding
    # What real files have behind the text differs; readers skip it.
    return struct.pack("<6I", 0xECED0000, 20, len(plain), len(body), number, 0) + body + b"\0" * 6


def write(path, data):
    path = os.path.join(sys.argv[1], path)
    os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
    with open(path, "wb") as file:
        file.write(data)


spec = json.load(sys.stdin)
asks = "true" if spec["password"] else "false"
lines = ["[MediaInfo]", "MediaType=" + spec["type"], "PasswordRequired=" + asks, "Unattended=false", "Extra=kept", ""]
write("SMS/data/TsmBootstrap.ini", "\r\n".join(lines).encode("ascii"))
variables = "".join('<var name="%s"><![CDATA[%s]]></var>\r\n' % pair for pair in spec["variables"].items())
xml = '<?xml version="1.0" ?>\r\n<MediaVarList Version="4.00.5345.0000">\r\n%s</MediaVarList>\r\n' % variables
write("SMS/data/Variables.dat", encrypted(xml, spec["password"] or DEFAULT_PASSWORD, spec["cipher"]))
for path, text in spec.get("policies", {}).items():
    key = spec["password"] or spec["variables"]["_SMSMediaGuid"]
    write(path, encrypted(text, key, spec["cipher"]))
for path, text in spec.get("files", {}).items():
    write(path, text.encode())
