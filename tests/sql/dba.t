#!/bin/sh
# What core/dba does with a real server; the cases are in test_dba.c.
. "${top_srcdir:-.}/tests/lib/pg.sh"

work=$(mktemp -d)
trap 'pg_stop; rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM

if ! pg_find; then
    echo '1..0 # SKIP no PostgreSQL server programs'
    exit 0
fi
pg_start "$work" || exit 1

CMOCKA_MESSAGE_OUTPUT=TAP "${top_builddir:-.}/tests/unit/test_dba"
