"""doc/openapi.yaml by itself: it is valid OpenAPI, and has what the sources have."""

import re
import sys
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TOP / "tests" / "lib"))
from openapi import Api  # noqa: E402

API = Api(TOP / "doc" / "openapi.yaml")
OPERATIONS = list(API.operations.values())


def source(*names):
    return "\n".join(path.read_text() for name in names for path in sorted(TOP.glob(name)))


def test_the_document_is_valid():
    assert API.problems() == []


def test_it_is_of_this_version():
    version = re.search(r"AC_INIT\(\[millrace\], \[([^]]+)\]", source("configure.ac")).group(1)
    assert API.document["info"]["version"] == version


def routes():
    """{(method, path): (need, arguments)} of the router's table."""
    text = source("src/api/route.c")
    filters = re.search(r'#define JOB_FILTERS "([^"]+)"', text).group(1)
    rows = re.findall(r'^ *\{"(\w+)", +"([^"]+)", +\w+, +NEED_(\w+), +BODY_\w+, +'
                      r'(JOB_FILTERS|"[^"]*")\}', text, re.M)
    assert len(rows) == text.count("NEED_") > 20
    return {(method, re.sub(r":(\w+)", r"{\1}", path)):
            (need, set((filters if args == "JOB_FILTERS" else args.strip('"')).split()))
            for method, path, need, args in rows}


def test_its_operations_are_the_routes():
    assert {(op.method, op.path) for op in OPERATIONS} == set(routes())


def test_its_parameters_are_those_that_the_routes_know():
    assert {(op.method, op.path): op.names("query") for op in OPERATIONS} == {
        route: args for route, (_, args) in routes().items()}


def test_its_operations_need_a_token_where_the_routes_do():
    for op in OPERATIONS:
        need, _ = routes()[op.method, op.path]
        free = op.security == [] or {} in op.security or {"report": []} in op.security
        assert free == (need == "NOBODY"), op
        assert op.item.get("x-needs") == ("admin" if need == "ADMIN" else None), op


def test_a_jobs_members_are_those_that_are_read():
    text = source("src/api/job_member.c")
    table = re.search(r" members\[\] = \{(.+?)\};", text, re.S).group(1)
    assert set(re.findall(r'\{"(\w+)"', table)) == set(
        API.components["schemas"]["NewJob"]["properties"])


def test_its_events_are_those_of_the_log():
    kinds = re.findall(r'^ *\{"(job_\w+)", +"([\w-]+)", +"(\w+)"', source("src/job/event.c"), re.M)
    described = re.findall(r"^\| `([\w-]+)` \| `(\w+)` \| `(\w+)` \|",
                           API.components["responses"]["Events"]["description"], re.M)
    assert kinds and {(event, kind, status) for kind, event, status in kinds} == set(described)


def test_its_events_of_batches_are_those_of_the_log():
    kinds = re.findall(r'^ *\{"(batch_\w+)", +"([\w-]+)", +NULL', source("src/job/event.c"), re.M)
    described = re.findall(r"^\| `([\w-]+)` \| `(batch_\w+)` \|",
                           API.components["responses"]["Events"]["description"], re.M)
    assert kinds and {(event, kind) for kind, event in kinds} == set(described)
    assert {kind for kind, _ in kinds} == set(
        API.components["schemas"]["BatchEvent"]["properties"]["type"]["enum"])


# Codes that stay within: of settings and starting, and of the command line; those
# that stand in where a refusal of the database names no code.
WITHIN = set("""address_refused already_in_use answer_too_large bell_failed fcgi_failed
    invalid_database_url invalid_option
    invalid_setting invalid_snapshot invalid_type invalid_user key_exists key_failed listen_failed
    name_taken no_settings no_thread path_too_long token_not_found unreachable
    conflict forbidden invalid_request mismatch not_found too_large""".split())


def codes_of_the_sources():
    text = source("src/api/*.[ch]", "src/job/*.[ch]", "src/stream/*.[ch]", "src/core/*.[ch]")
    set_in_c = re.findall(r'error_set\(\s*[&\w]+,\s*([\w>.-]+),\s*"(\w+)"', text)
    of_json = re.findall(r'\{json_error_\w+,\s*"(\w+)"', source("src/core/json.c"))
    of_rules = re.findall(r'\{"\w*", +(ERROR_\w+), +"(\w+)"', source("src/core/db_error.c"))
    # millrace.enqueue is for callers in SQL; the API goes by what it calls itself.
    sql = re.sub(r"create function millrace\.enqueue\(.+?\nend \$\$;", "",
                 source("sql/migrations/*.sql"), flags=re.S)
    of_sql = re.findall(r"refuse(?:_job|_for)?\('MR\d+',\s*'(\w+)'", sql)
    of_sql += re.findall(r"errcode = 'MR\d+', detail = '(\w+)'", sql)
    of_nginx = re.findall(r'"code":"(\w+)"', source("nginx/*.in"))
    assert min(map(len, (set_in_c, of_json, of_rules, of_sql, of_nginx))) > 3
    told = {code for kind, code in set_in_c + of_rules if kind != "ERROR_INTERNAL"}
    return told | {"internal_error"} | set(of_json) | set(of_sql) | set(of_nginx)


def test_its_codes_are_those_of_the_sources():
    listed, found = {code for _, code in API.codes()}, codes_of_the_sources()
    assert found - listed - WITHIN == set(), "not listed"
    assert listed - found == set(), "listed, and nowhere in the sources"
    assert WITHIN - found == set() and WITHIN & listed == set(), "WITHIN is wrong"
