#!/bin/sh
# Tokens and sessions in a real database; the cases are in check_token.c.
. "${top_srcdir:-.}/tests/lib/tap.sh"
. "${top_srcdir:-.}/tests/lib/pg.sh"

work=$(mktemp -d)
trap 'pg_stop; rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM

pg_find || skip_all "no PostgreSQL server programs"
pg_start "$work" || exit 1
"${top_builddir:-.}/millrace" migrate >&2 || exit 1

CMOCKA_MESSAGE_OUTPUT=TAP "${top_builddir:-.}/tests/unit/check_token"
