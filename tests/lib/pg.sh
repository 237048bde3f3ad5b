# shellcheck shell=sh
# A private PostgreSQL for a test: a unix socket in a folder, no ports.
#
#   . tests/lib/pg.sh
#   work=$(mktemp -d)
#   trap 'pg_stop; rm -rf "$work"' EXIT
#   pg_start "$work" || skip ...      # 1: there are no server programs
#
# pg_start DIR  make a cluster in DIR/data if there is none, start it with its
#               socket in DIR/run, and export DATABASE_URL. Its role and database are "millrace";
#               the superuser is "postgres" ($PG_ADMIN_URL).
# pg_stop MODE  stop it: fast, smart, or (the default) immediate, which is as
#               good as a crash. pg_start with the same DIR starts it again.
#
# PostgreSQL refuses to run as root, so root's DIR is opened for passing through.

# The newest server there is, unless PG_BIN says another.
pg_find() {
    [ -n "${PG_BIN:-}" ] && return 0
    for PG_BIN in /usr/lib/postgresql/*/bin; do :; done
    [ -x "$PG_BIN/initdb" ]
}

# Run a server program as a user that the server accepts.
pg_run() {
    pg_program=$PG_BIN/$1
    shift
    if [ "$(id -u)" = 0 ]; then
        (cd / && exec setpriv --reuid=postgres --regid=postgres \
            --init-groups "$pg_program" "$@")
    else
        "$pg_program" "$@"
    fi
}

pg_init() {
    mkdir -p "$PG_DIR/data" "$PG_DIR/run" || return 1
    if [ "$(id -u)" = 0 ]; then
        chmod a+x "$PG_DIR"
        chown postgres "$PG_DIR/data" "$PG_DIR/run"
    fi
    pg_run initdb -D "$PG_DIR/data" -U postgres -A trust -E UTF8 --locale=C \
        --no-sync >"$PG_DIR/initdb.log" 2>&1 || {
        cat "$PG_DIR/initdb.log" >&2
        return 1
    }
    cat >>"$PG_DIR/data/postgresql.conf" <<EOF
listen_addresses = ''
unix_socket_directories = '$PG_DIR/run'
timezone = 'Europe/Berlin'
max_connections = 120
fsync = off
full_page_writes = off
EOF
}

pg_start() {
    PG_DIR=$1
    pg_find || return 1
    pg_new=
    [ -f "$PG_DIR/data/PG_VERSION" ] || { pg_new=1 && pg_init || return 1; }
    pg_run pg_ctl start -D "$PG_DIR/data" -l "$PG_DIR/data/server.log" \
        -w -t 30 >/dev/null || {
        cat "$PG_DIR/data/server.log" >&2
        return 1
    }
    PG_ADMIN_URL="postgresql:///postgres?host=$PG_DIR/run&user=postgres"
    DATABASE_URL="postgresql:///millrace?host=$PG_DIR/run&user=millrace"
    export PG_DIR PG_BIN PG_ADMIN_URL DATABASE_URL
    [ -z "$pg_new" ] || "$PG_BIN/psql" -XqAt -v ON_ERROR_STOP=1 \
        -c 'create role millrace login' \
        -c 'create database millrace owner millrace' "$PG_ADMIN_URL"
}

pg_stop() {
    [ -n "${PG_DIR:-}" ] && [ -f "$PG_DIR/data/postmaster.pid" ] || return 0
    pg_run pg_ctl stop -D "$PG_DIR/data" -m "${1:-immediate}" -w -t 30 \
        >/dev/null
}
