#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""What orthrusd was asked and answered, held against docs/api.yaml.

usage: api_check.py SPEC SITE-SCHEMA EXCHANGES [NOT-ANSWERED...]
EXCHANGES has one JSON object a line: method, target (path and query), status, type, and where they are JSON documents request and answer.
Each must be what the document says: method and path, the query's names, the status, the request's body where it was taken, the answer's, with
no key that the document does not have. Each operation must have been answered with success, those named as NOT-ANSWERED ("METHOD /path")
excepted, which must not. Every example in the document must fit its schema, too.
"""
import collections
import ipaddress
import json
import re
import sys
from urllib.parse import parse_qsl, urlsplit

import jsonschema
import yaml

METHODS = ("get", "put", "post", "patch", "delete")
formats = jsonschema.FormatChecker(())


@formats.checks("date-time")
def is_time(value):
    return not isinstance(value, str) or re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", value) is not None


def is_address(value, kind):
    try:
        return not isinstance(value, str) or value == "" or bool(kind(value))
    except ValueError:
        return False


formats.checks("ipv4")(lambda value: is_address(value, ipaddress.IPv4Address))
formats.checks("ipv6")(lambda value: is_address(value, ipaddress.IPv6Address))


class Spec:
    def __init__(self, path, site_path):
        with open(path, encoding="utf-8") as f:
            self.root = yaml.safe_load(f)
        with open(site_path, encoding="utf-8") as f:
            site = json.loads(f.read().replace('"#/$defs/', '"#/components/site/$defs/'))
        site.pop("$id")
        site.pop("$schema")
        self.root["components"]["site"] = site
        self.operations = {}  # (method, path) -> (pattern, path item, operation)
        for at, item in self.root["paths"].items():
            pattern = re.compile(re.sub(r"\{[a-z]+\}", "[^/]+", at) + r"\Z")
            for method in METHODS:
                if method in item:
                    self.operations[method.upper(), at] = (pattern, item, item[method])

    def resolve(self, part):
        while isinstance(part, dict) and "$ref" in part:
            more = {k: v for k, v in part.items() if k != "$ref"}
            target = self.root
            ref = "#/components/site" if part["$ref"] == "site.schema.json" else part["$ref"]
            for word in ref.removeprefix("#/").split("/"):
                target = target[word]
            part = {**target, **more}
        return part

    def operation(self, method, path):
        for (m, at), (pattern, item, op) in sorted(self.operations.items(), key=lambda o: o[0][1].count("{")):
            if m == method and pattern.match(path):
                return at, item, op
        return None

    def problems(self, schema, value, seen):
        """What is wrong with VALUE, as text; the places of documented keys that are there go to SEEN."""
        whole = {"$schema": "https://json-schema.org/draft/2020-12/schema", "components": self.inlined(self.root["components"]),
                 "allOf": [self.inlined(schema)]}
        check = jsonschema.Draft202012Validator(whole, format_checker=formats)
        for e in check.iter_errors(value):
            deep = jsonschema.exceptions.best_match([e])
            yield f"{'/'.join(map(str, deep.absolute_path)) or '.'}: {deep.message[:300]}"
        yield from self.unknown([schema], value, "", seen)

    def inlined(self, part):
        """The site's schema is a file of its own; jsonschema is not to look for it."""
        if isinstance(part, dict):
            if part.get("$ref") == "site.schema.json":
                return {"$ref": "#/components/site"}
            return {k: self.inlined(v) for k, v in part.items()}
        return [self.inlined(v) for v in part] if isinstance(part, list) else part

    def forms(self, schemas):
        """SCHEMAS with those that they are made of."""
        for schema in schemas:
            schema = self.resolve(schema)
            yield schema
            for word in ("allOf", "oneOf", "anyOf"):
                yield from self.forms(schema.get(word, []))

    def unknown(self, schemas, value, at, seen):
        """Keys of VALUE that the document does not have."""
        forms = list(self.forms(schemas))
        if isinstance(value, list):
            for element in value:
                yield from self.unknown([f["items"] for f in forms if "items" in f], element, at + "[]", seen)
        if not isinstance(value, dict):
            return
        known = collections.defaultdict(list)
        for f in forms:
            for key, schema in f.get("properties", {}).items():
                known[key].append(schema)
        rest = [f["additionalProperties"] for f in forms if isinstance(f.get("additionalProperties"), dict)]
        if not known and not rest:
            return  # an object of which the document says no more
        for key, inner in value.items():
            if key not in known and not rest:
                yield f"{at}.{key}: the document does not have it"
            seen.add(f"{at}.{key}")
            yield from self.unknown(known.get(key) or rest, inner, f"{at}.{key}", seen)


def json_schema_of(part):
    return part.get("content", {}).get("application/json", {}).get("schema")


def check_exchange(spec, x, answered, seen):
    parts = urlsplit(x["target"])
    found = spec.operation(x["method"], parts.path)
    if not found:
        yield "is in no path of the document"
        return
    at, item, op = found
    params = [spec.resolve(p) for p in item.get("parameters", []) + op.get("parameters", [])]
    for name, _ in parse_qsl(parts.query, keep_blank_values=True):
        if not any(p["in"] == "query" and p["name"] == name for p in params):
            yield f"the query has no {name} in the document"
    if "default" not in op["responses"] and str(x["status"]) not in op["responses"]:
        yield f"status {x['status']} is not in the document"
        return
    if x["status"] < 300 and str(x["status"]) not in op["responses"]:
        yield f"status {x['status']} of success is not in the document"
        return
    response = spec.resolve(op["responses"].get(str(x["status"]), op["responses"].get("default")))
    schema = json_schema_of(response)
    if schema is not None:
        if x["type"] != "application/json":
            yield f"the answer is {x['type']}, not application/json"
        else:
            yield from (f"answer: {p}" for p in spec.problems(schema, x["answer"], seen[x["method"], at]))
    elif x["status"] != 204 and x["type"] not in response.get("content", {}):
        yield f"the answer is {x['type']}, not one of {', '.join(response.get('content', {})) or 'nothing'}"
    if x["status"] >= 300:
        return
    answered.add((x["method"], at))
    body = json_schema_of(spec.resolve(op.get("requestBody", {})))
    if body is not None:
        if "request" not in x:
            if op["requestBody"].get("required"):
                yield "the request has no body, and was taken"
        else:
            yield from (f"request: {p}" for p in spec.problems(body, x["request"], set()))
    elif "request" in x:
        yield "the request has a body, which the document does not have"


def examples(spec, part, at=""):
    """Each (place, schema, value) of an example in the document."""
    if isinstance(part, dict):
        if "schema" in part:
            for value in [part["example"]] if "example" in part else [v["value"] for v in part.get("examples", {}).values()]:
                yield at, part["schema"], value
        for key, inner in part.items():
            if key not in ("example", "examples"):
                yield from examples(spec, inner, f"{at}/{key}")
    elif isinstance(part, list):
        for i, inner in enumerate(part):
            yield from examples(spec, inner, f"{at}/{i}")


def main():
    spec = Spec(sys.argv[1], sys.argv[2])
    excepted = {tuple(word.split(" ", 1)) for word in sys.argv[4:]}
    answered, seen, bad, n, n_examples = set(), collections.defaultdict(set), 0, 0, 0
    with open(sys.argv[3], encoding="utf-8") as f:
        for line in f:
            x = json.loads(line)
            n += 1
            for problem in check_exchange(spec, x, answered, seen):
                bad += 1
                print(f"FAIL: {x['method']} {x['target']} ({x['status']}): {problem}")
    for at, schema, value in examples(spec, spec.root["paths"]):
        n_examples += 1
        for problem in spec.problems(schema, value, set()):
            bad += 1
            print(f"FAIL: the example at {at}: {problem}")
    for what, words in (("was never answered with success", set(spec.operations) - answered - excepted),
                        ("is excepted, and was answered", excepted & answered), ("is excepted, and not in the document", excepted - set(spec.operations))):
        for method, at in sorted(words):
            bad += 1
            print(f"FAIL: {method} {at} {what}")
    print(f"RESULT api-answers operations={len(spec.operations)} answered={len(answered)} exchanges={n} keys={sum(map(len, seen.values()))} "
          f"examples={n_examples} wrong={bad}")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
