"""Checks the documents and bundles beside a medium with the official tools of their formats.

Arguments: path of the medium, path of the public key.
"""

import base64
import json
import sys

from cryptography.hazmat.primitives.serialization import load_pem_public_key
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from google.protobuf.json_format import ParseDict
from in_toto_attestation.v1 import statement_pb2
from in_toto_attestation.v1.statement import Statement
from securesystemslib.dsse import Envelope
from securesystemslib.signer import SSlibKey
from sigstore_models.bundle.v1 import Bundle
from spdx_tools.spdx.parser.parse_anything import parse_file
from spdx_tools.spdx.validation.document_validator import validate_full_spdx_document

medium, public_key = sys.argv[1:]

spdx = parse_file(f"{medium}.spdx.json")
messages = [message.validation_message for message in validate_full_spdx_document(spdx)]
assert not messages, messages
print(f"SPDX: {len(spdx.packages)} packages, {len(spdx.files)} files")

with open(f"{medium}.cdx.json", encoding="utf-8") as file:
    fault = JsonStrictValidator(SchemaVersion.V1_6).validate_str(file.read())
assert fault is None, fault

with open(public_key, "rb") as file:
    key = SSlibKey.from_crypto(load_pem_public_key(file.read()))
# Bundles name no key in their envelopes.
key.keyid = ""
for kind in ["spdx", "cdx", "provenance"]:
    with open(f"{medium}.{kind}.sigstore.json", encoding="utf-8") as file:
        text = file.read()
    Bundle.from_json(text)
    envelope = json.loads(text)["dsseEnvelope"]
    Envelope.from_dict(envelope).verify([key], 1)
    statement = ParseDict(json.loads(base64.b64decode(envelope["payload"])), statement_pb2.Statement())
    Statement.copy_from_pb(statement).validate()
    print(f"{statement.predicate_type}: {statement.subject[0].name}")
