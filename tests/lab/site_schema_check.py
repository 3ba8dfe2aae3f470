#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Examples and defaults of docs/site.schema.json: tests/cli/site-reference.sh.

usage: site_schema_check.py SCHEMA GIVEN SHOWN SITE...
Each example and default fits the schema of its key. GIVEN is a site that says little, SHOWN the same as orthrus prints it with what holds
without the rest: where a key is in SHOWN and not in GIVEN, its "default" is that value, or "x-default" says in words how it comes about. Each
SITE fits the schema.
"""
import json
import sys

import jsonschema


def resolve(root, schema):
    while "$ref" in schema:
        target = root
        for word in schema["$ref"].removeprefix("#/").split("/"):
            target = target[word]
        schema = {**target, **{k: v for k, v in schema.items() if k != "$ref"}}
    return schema


def fits(root, schema, value):
    whole = {"$schema": root["$schema"], "$defs": root["$defs"], **schema}
    return [e.message[:200] for e in jsonschema.Draft202012Validator(whole).iter_errors(value)]


def keys(root, schema, at, seen):
    schema = resolve(root, schema)
    for key, inner in schema.get("properties", {}).items():
        place = f"{at}.{key}".lstrip(".")
        if place not in seen:
            seen.add(place)
            yield place, inner, resolve(root, inner)
            yield from keys(root, inner, place, seen)
    if isinstance(schema.get("items"), dict):
        yield from keys(root, schema["items"], at + "[]", seen)


def compare(root, schema, given, shown, at):
    """Keys of SHOWN that were not given, against their defaults."""
    schema = resolve(root, schema)
    if isinstance(shown, list):
        for i, (g, s) in enumerate(zip(given, shown)):
            yield from compare(root, schema["items"], g, s, f"{at}[{i}]")
    if not isinstance(shown, dict):
        return
    for key, value in shown.items():
        inner, place = resolve(root, schema["properties"][key]), f"{at}.{key}".lstrip(".")
        if key in given:
            yield from compare(root, schema["properties"][key], given[key], value, place)
        elif "properties" in inner and "required" not in inner:
            yield from compare(root, schema["properties"][key], {}, value, place)
        elif "default" in inner:
            yield place, None if inner["default"] == value else f"the default is {json.dumps(inner['default'])}, but without it {json.dumps(value)} holds"
        else:
            yield place, None if "x-default" in inner else f"{json.dumps(value)} holds without it, and the schema says nothing of that"


def main():
    with open(sys.argv[1], encoding="utf-8") as f:
        root = json.load(f)
    documents = []
    for path in sys.argv[2:]:
        with open(path, encoding="utf-8") as f:
            documents.append(json.load(f))
    bad, examples, defaults = [], 0, 0
    jsonschema.Draft202012Validator.check_schema(root)
    for place, own, schema in keys(root, root, "", set()):
        for word, values in (("example", schema.get("examples", [])), ("default", [schema["default"]] if "default" in schema else [])):
            for value in values:
                examples += 1
                bad += [f"{place}: its {word} {json.dumps(value)}: {e}" for e in fits(root, own, value)]
    for place, problem in compare(root, root, documents[0], documents[1], ""):
        defaults += 1
        if problem:
            bad.append(f"{place}: {problem}")
    for path, document in zip(sys.argv[4:], documents[2:]):
        bad += [f"{path}: {e}" for e in fits(root, root, document)]
    if defaults < 20:
        bad.append(f"only {defaults} defaults were compared")
    for line in bad:
        print(f"FAIL: {line}")
    print(f"RESULT site-reference values={examples} defaults={defaults} wrong={len(bad)}")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
