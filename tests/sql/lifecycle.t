#!/bin/sh
# The functions of the schema, each file of cases in a database of its own.
. "${top_srcdir:-.}/tests/lib/tap.sh"
. "${top_srcdir:-.}/tests/lib/pg.sh"

work=$(mktemp -d)
trap 'pg_stop; rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM

pg_find || skip_all "no PostgreSQL server programs"
pg_start "$work" || exit 1

# A case that waits where it should not must fail, not hang.
export PGOPTIONS='-c statement_timeout=60s'
admin() { "$PG_BIN/psql" -XqAt -v ON_ERROR_STOP=1 "$@"; }
url_of() { echo "postgresql:///$1?host=$work/run&user=postgres"; }

ok 'the schema is made' "${top_builddir:-.}/millrace" migrate
ok 'the tools are made' admin -f "${top_srcdir:-.}/tests/lib/tap.sql" "$(url_of millrace)"

for file in "${top_srcdir:-.}"/tests/sql/cases/*.sql; do
    name=$(basename "$file" .sql)
    admin -c "create database \"$name\" template millrace" "$PG_ADMIN_URL"
    echo "# $name"
    admin -f "$file" "$(url_of "$name")" >"$work/out" 2>"$work/err"
    ended=$?
    cat "$work/out"
    tap_count=$((tap_count + $(grep -cE '^(not )?ok ' "$work/out")))
    is "$name: all its cases were run" "$ended $(cat "$work/err")" '0 '
done

done_testing
