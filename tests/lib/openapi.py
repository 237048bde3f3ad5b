"""The description of the HTTP API, doc/openapi.yaml: read, checked by itself, and
held against the answers of a running server.

    api = Api(path)
    assert api.problems() == []
    api.check(api.operations["getJob"], answer)     # of requests
"""

import copy
import re

import jsonschema
import yaml

METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")
SCHEMA = "https://json-schema.org/draft/2020-12/schema"
FORMATS = jsonschema.FormatChecker()

# What an object of OpenAPI 3.1 must have and may have, as far as we use it.
MEMBERS = {
    "document": ("openapi info paths", "servers security tags components"),
    "info": ("title version", "summary description"),
    "path": ("", "parameters get put post delete patch"),
    "operation": ("operationId tags summary responses",
                  "description parameters requestBody security"),
    "parameter": ("name in schema", "description required example"),
    "body": ("content", "description required"),
    "media": ("schema", "example examples"),
    "response": ("description", "headers content"),
    "header": ("schema", "description required example"),
    "example": ("value", "summary"),
    "components": ("", "schemas responses parameters examples requestBodies headers "
                       "securitySchemes"),
}

# Headers that say something of one answer: who sends them has to document them.
TELLING = ("Location", "Set-Cookie", "ETag", "Last-Modified", "Accept-Ranges", "Content-Range",
           "Content-Disposition", "Preference-Applied", "Idempotency-Replayed", "Allow",
           "Retry-After", "WWW-Authenticate")

# The header without which a refusal of this status is worth little.
NEEDED = {401: "WWW-Authenticate", 416: "Content-Range", 429: "Retry-After",
          502: "Retry-After", 503: "Retry-After", 504: "Retry-After"}


class Loader(yaml.SafeLoader):
    """YAML that refuses a key given twice instead of forgetting the first one, and
    leaves times the texts that they are in JSON."""

    def construct_mapping(self, node, deep=False):
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        twice = {key for key in keys if keys.count(key) > 1}
        if twice:
            raise yaml.YAMLError(f"given twice: {twice} {node.start_mark}")
        return super().construct_mapping(node, deep)


Loader.yaml_implicit_resolvers = {
    first: [(tag, regex) for tag, regex in resolvers if not tag.endswith(":timestamp")]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()}


def walk(node, path=()):
    """Every object and array within, with the way to it."""
    yield path, node
    pairs = (node.items() if isinstance(node, dict) else
             enumerate(node) if isinstance(node, list) else ())
    for key, value in pairs:
        yield from walk(value, (*path, str(key)))


def close(schema):
    """Members that a schema does not name are refused, unless it says otherwise: an
    answer with more than is documented shall be noticed."""
    for _, node in walk(schema):
        if isinstance(node, dict) and isinstance(node.get("properties"), dict):
            node.setdefault("additionalProperties", False)
    return schema


class Operation:
    def __init__(self, api, path, method, item):
        self.path, self.method, self.item = path, method.upper(), item[method]
        self.id = self.item["operationId"]
        self.responses = self.item["responses"]
        self.parameters = [api.resolve(p) for p in
                           item.get("parameters", []) + self.item.get("parameters", [])]
        self.security = self.item.get("security", api.document["security"])

    def names(self, place):
        return {p["name"] for p in self.parameters if p["in"] == place}

    def __repr__(self):
        return f"{self.method} {self.path}"


class Api:
    def __init__(self, path):
        self.document = yaml.load(path.read_text(), Loader)     # noqa: S506
        self.components = self.document["components"]
        self.closed = close(copy.deepcopy(self.components["schemas"]))
        self.operations = {}
        self.seen = set()       # (operationId, status) of all answers that were checked
        self.seen_codes = set()     # (status, code)
        for url, item in self.document["paths"].items():
            for method in METHODS:
                if method in item:
                    operation = Operation(self, url, method, item)
                    assert operation.id not in self.operations, f"{operation.id} is there twice"
                    self.operations[operation.id] = operation

    def resolve(self, node):
        """What a {"$ref"} stands for; anything else is itself."""
        while isinstance(node, dict) and "$ref" in node:
            target = self.document
            for part in node["$ref"].removeprefix("#/").split("/"):
                target = target[part.replace("~1", "/").replace("~0", "~")]
            node = target
        return node

    def errors(self, schema, value, closed=False):
        """Why a value does not fit a schema of the document; nothing if it does."""
        schemas = self.closed if closed else self.components["schemas"]
        whole = {**(close(copy.deepcopy(schema)) if closed else schema),
                 "$schema": SCHEMA, "components": {"schemas": schemas}}
        validator = jsonschema.Draft202012Validator(whole, format_checker=FORMATS)
        return [f"{error.json_path}: {error.message}" for error in validator.iter_errors(value)]

    # ------------------------------------------------------------ the document

    def problems(self):
        return [*self._refs()] or [*self._forms(), *self._paths(), *self._schemas(),
                                   *self._examples()]

    def _refs(self):
        used = set()
        for path, node in walk(self.document):
            if not isinstance(node, dict) or not isinstance(node.get("$ref"), str):
                continue
            used.add(node["$ref"])
            try:
                self.resolve(node)
            except (KeyError, TypeError):
                yield f"{'/'.join(path)}: {node['$ref']} leads nowhere"
        for kind, things in self.components.items():
            for name in things:
                if kind != "securitySchemes" and f"#/components/{kind}/{name}" not in used:
                    yield f"nothing uses components/{kind}/{name}"

    def _form(self, kind, node, where):
        """Whether an object has the members of its kind."""
        if not isinstance(node, dict):
            yield f"{where} is no object"
            return
        if "$ref" in node:
            return
        must, may = (set(words.split()) for words in MEMBERS[kind])
        have = {name for name in node if not name.startswith("x-")}
        for name in must - have:
            yield f"{where}: {name} is missing"
        for name in have - must - may:
            yield f"{where}: a {kind} has no {name}"

    def _objects(self):
        """(kind, object, where) of everything whose form is known."""
        document, components = self.document, self.components
        yield "document", document, "document"
        yield "info", document["info"], "info"
        yield "components", components, "components"
        for url, item in document["paths"].items():
            yield "path", item, url
            for method in set(METHODS) & set(item):
                yield "operation", item[method], f"{method} {url}"
                if "requestBody" in item[method]:
                    yield "body", item[method]["requestBody"], f"{method} {url}: requestBody"
        kinds = {"parameters": "parameter", "responses": "response", "headers": "header",
                 "requestBodies": "body", "content": "media", "examples": "example"}
        for path, node in walk(document):
            kind = kinds.get(path[-2]) if len(path) > 1 else None
            if kind and "schemas" not in path and "example" not in path and "value" not in path:
                yield kind, node, "/".join(path)

    def _forms(self):
        for kind, node, where in self._objects():
            yield from self._form(kind, node, where)
        if not re.fullmatch(r"3\.1\.\d+", self.document["openapi"]):
            yield "it is not of version 3.1"

    def _paths(self):
        tags = {tag["name"] for tag in self.document["tags"]}
        schemes = set(self.components["securitySchemes"])
        for op in self.operations.values():
            named = set(re.findall(r"{(\w+)}", op.path))
            if op.names("path") != named:
                yield f"{op}: parameters {op.names('path')}, but {named} in the path"
            if not all(p.get("required") for p in op.parameters if p["in"] == "path"):
                yield f"{op}: a parameter of the path is not required"
            if not set(op.item["tags"]) <= tags:
                yield f"{op}: a tag that there is not"
            if not {name for way in op.security for name in way} <= schemes:
                yield f"{op}: a security scheme that there is not"
            if not any(status.startswith("2") for status in op.responses):
                yield f"{op}: no way to succeed"
            for status in op.responses:
                if not re.fullmatch(r"[2-5]\d\d|default", status):
                    yield f"{op}: {status} is no status"

    def _schemas(self):
        for path, node in walk(self.document):
            is_schema = (path[-1:] == ("schema",) or path[:2] == ("components", "schemas")
                         and len(path) == 3)
            if not is_schema or "example" in path or "value" in path:
                continue
            try:
                jsonschema.Draft202012Validator.check_schema(node)
            except jsonschema.SchemaError as error:
                yield f"{'/'.join(path)}: {error.message}"

    def examples_of(self, node):
        if "example" in node:
            yield node["example"]
        for example in node.get("examples", {}).values():
            yield self.resolve(example)["value"]

    def _examples(self):
        for path, node in walk(self.document):
            if not isinstance(node, dict) or "schema" not in node or "properties" in path:
                continue
            where, examples = "/".join(path), list(self.examples_of(node))
            if path[-2:-1] == ("content",) and "requestBody" not in path and not examples:
                yield f"{where} has no example"
            for example in examples:
                for error in self.errors(node["schema"], example, closed=True):
                    yield f"{where}: the example does not fit: {error}"

    def codes(self):
        """{(status, code)} of the table of all errors."""
        rows = re.findall(r"^\| (\d+) \| `(\w+)` \| .+ \|$",
                          self.components["schemas"]["Error"]["description"], re.M)
        assert len(rows) == len(set(rows)), "a row of the table of errors is there twice"
        return {(int(status), code) for status, code in rows}

    # ------------------------------------------------------------ answers

    def response_of(self, op, status):
        """What the document says of an answer with this status."""
        response = self.resolve(op.responses.get(str(status)))
        if response:
            return response
        other = self.resolve(op.responses["default"])
        any_request = other["content"]["application/json"]["examples"]
        assert str(status) in any_request, f"{op}: {status} is not documented"
        return other

    def _check_headers(self, op, response, answer):
        documented = {name: self.resolve(header)
                      for name, header in response.get("headers", {}).items()}
        for name, header in documented.items():
            value = answer.headers.get(name)
            assert value or not header.get("required"), f"{op}: there is no {name}"
            if value:
                assert not self.errors(header["schema"], value), f"{op}: {name}: {value}"
        for name in TELLING:
            assert name in documented or name not in answer.headers or not answer.ok, (
                f"{op}: {answer.status_code} with {name}, which is not documented")
        need = NEEDED.get(answer.status_code)
        assert not need or need in answer.headers, f"{op}: {answer.status_code} without {need}"
        assert "," not in answer.headers.get("Cache-Control", "").replace("private, no", ""), (
            f"{op}: Cache-Control is there twice")

    def _check_body(self, op, response, answer):
        content = response.get("content")
        if not content:
            assert not answer.content, f"{op}: {answer.status_code} with a body"
            return
        kind = answer.headers.get("Content-Type", "").split(";")[0]
        media = content.get(kind, content.get("*/*"))
        assert media, f"{op}: {answer.status_code} is {kind}: {answer.content[:300]}"
        if kind == "application/json" and "*/*" not in content:
            errors = self.errors(media["schema"], answer.json(), closed=True)
            assert not errors, f"{op}: {answer.status_code} {answer.text}: {errors}"

    def check_event(self, data):
        """The data of one event of a stream."""
        media = self.components["responses"]["Events"]["content"]["text/event-stream"]
        errors = self.errors(media["x-event-data"], data, closed=True)
        assert not errors, f"{data}: {errors}"

    def check(self, op, answer, body=True):
        """Whether an answer is as documented; `body` false leaves that for later."""
        response = self.response_of(op, answer.status_code)
        if body:
            self._check_body(op, response, answer)
        self._check_headers(op, response, answer)
        self.seen.add((op.id, str(answer.status_code)))
        if answer.status_code >= 400 and "jobId" not in answer.json():  # else it is a job's error
            code = answer.json()["error"]["code"]
            assert (answer.status_code, code) in self.codes(), (
                f"{op}: {answer.status_code} {code} is not in the table of errors")
            self.seen_codes.add((answer.status_code, code))
