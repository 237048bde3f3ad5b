#!/bin/sh
# millrace migrate: from any state of a database to this program's, or not at all.
. "${top_srcdir:-.}/tests/lib/tap.sh"
. "${top_srcdir:-.}/tests/lib/pg.sh"

work=$(mktemp -d)
trap 'pg_stop; rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM

pg_find || skip_all "no PostgreSQL server programs"
pg_start "$work" || exit 1

millrace=${top_builddir:-.}/millrace
newest=$(printf '%s\n' "${top_srcdir:-.}"/sql/migrations/*.sql | wc -l)

# on NAME COMMAND…: with the database NAME; what it says goes to $work/out, err.
on() {
    database=$1
    shift
    DATABASE_URL="postgresql:///$database?host=$work/run&user=millrace" "$@" \
        >"$work/out" 2>"$work/err"
}
query() { "$PG_BIN/psql" -XqAt -v ON_ERROR_STOP=1 -c "$2" "postgresql:///$1?host=$work/run&user=postgres"; }
admin() { query postgres "$1"; }
versions() { query "$1" 'select count(*), coalesce(max(version), 0) from millrace.migration'; }

# An empty database.
on millrace "$millrace" token list
is 'an empty database is refused' "$?" 1
like 'with what to do' "$(cat "$work/err")" '*is at version 0, *run `millrace migrate`*'
on millrace "$millrace" migrate
is 'migrate succeeds' "$? $(cat "$work/err")" '0 '
is 'and says what it did' "$(grep -c '^applied [0-9]' "$work/out")" "$newest"
is 'every migration has its row' "$(versions millrace)" "$newest|$newest"
on millrace "$millrace" token list
is 'then the database fits' "$?" 0

on millrace "$millrace" migrate
is 'once more is fine' "$? $(cat "$work/err")" '0 '
is 'and does nothing' "$(cat "$work/out")" "the database is at version $newest"

# Every statement.
"${top_builddir:-.}/tests/unit/check_queries" >"$work/out" 2>&1
is 'the statements can be checked' "$?" 0
while read -r line; do
    case $line in
        'ok - '*) tap_result 0 "prepared: ${line#ok - }" ;;
        'not ok - '*) tap_result 1 "prepared: ${line#not ok - }" ;;
        *) echo "$line" ;;
    esac
done <"$work/out"

# Several at once: all of them stand before the lock that one session holds.
admin 'create database several owner millrace'
query several "select pg_advisory_lock(hashtextextended('millrace migrate', 0)), pg_sleep(60)" \
    >/dev/null 2>&1 &
holder=$!
locks() { [ "$(query several "select count(*) from pg_locks where locktype = 'advisory' and granted = $1 and database = (select oid from pg_database where datname = 'several')")" = "$2" ]; }
ok 'someone holds the lock' wait_for locks true 1
runners=
for n in 1 2 3; do
    DATABASE_URL="postgresql:///several?host=$work/run&user=millrace" \
        "$millrace" migrate >"$work/out$n" 2>&1 &
    runners="$runners $!"
done
ok 'three runners wait for it' wait_for locks false 3
admin "select pg_terminate_backend(pid) from pg_stat_activity where query like '%pg_sleep(60)%' and pid <> pg_backend_pid()" >/dev/null
wait "$holder"
failed=0
for runner in $runners; do wait "$runner" || failed=$((failed + 1)); done
is 'all of them succeed' "$failed $(cat "$work"/out[123] | grep -c "is at version $newest")" '0 3'
is 'each migration was applied by one' "$(cat "$work"/out[123] | grep -c '^applied')" "$newest"
is 'and has one row' "$(versions several)" "$newest|$newest"

# A database of a newer Millrace.
admin 'create database newer template millrace'
query newer "insert into millrace.migration (version, name) values (9000, 'from_the_future')"
on newer "$millrace" migrate
is 'migrate refuses a newer database' "$?" 1
like 'with what to do' "$(cat "$work/err")" '*is at version 9000, *install a newer Millrace*'
on newer "$millrace" token list
is 'other commands refuse it too' "$?" 1

# A migration that fails.
admin 'create database broken owner millrace'
query broken 'create schema millrace authorization millrace; create type millrace.state as enum ()'
on broken "$millrace" migrate
is 'a migration that fails fails' "$?" 1
like 'and is named' "$(cat "$work/err")" '*migration 1 (spine): *"state" already exists*'
is 'it has left nothing behind' \
    "$(query broken "select count(*) from pg_class where relnamespace = 'millrace'::regnamespace and relkind = 'r'") $(versions broken)" \
    '1 0|0'
query broken 'drop type millrace.state'
on broken "$millrace" migrate
is 'with the cause away it succeeds' "$? $(versions broken)" "0 $newest|$newest"

# Rights: the schema alone is enough.
admin 'create database narrow'
query narrow 'create schema millrace authorization millrace'
on narrow "$millrace" migrate
is 'an owner of the schema needs no right on the database' "$? $(cat "$work/err")" '0 '
admin 'create database closed'
on closed "$millrace" migrate
is 'without a schema or that right it fails' "$?" 1
like 'and says so' "$(cat "$work/err")" '*permission denied for database closed*'

# No server.
on millrace "$millrace" --config /nowhere migrate
is 'a file of settings that is not there is an error' "$?" 2
pg_stop fast
on millrace "$millrace" migrate
is 'without a server it fails' "$?" 3
like 'and says why' "$(cat "$work/err")" 'millrace: *connection to server on socket*'

done_testing
