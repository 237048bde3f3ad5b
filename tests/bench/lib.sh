# shellcheck shell=bash
# A private stack for a benchmark: bench_stack PART…; $dir, $MILLRACE_URL and
# $auth are set, and all is gone at the end.
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
stack=$here/../../build-aux/stack
dir=$(mktemp -d /tmp/mr-XXXXXX)
trap '"$stack" "$dir" down > /dev/null 2>&1 || true; rm -rf "$dir"' EXIT
export RATE=1000000r/s BURST=1000000 NGINX_ACCESS_LOG=off MILLRACE_LOG_LEVEL=${MILLRACE_LOG_LEVEL:-warn}
export PG_SHARED_BUFFERS=512MB

bench_stack() {
    "$stack" "$dir" init
    "$stack" "$dir" start "$@"
    set -a
    # shellcheck disable=SC1091
    . "$dir/env"
    set +a
    if [ "$(id -u)" -eq 0 ]; then
        token=$(setpriv --reuid=postgres --regid=postgres --init-groups "$dir/bin/millrace" token create --user bench --admin)
    else
        token=$("$dir/bin/millrace" token create --user bench --admin)
    fi
    auth="Authorization: Bearer $token"
    export auth token
    sql -c "insert into millrace.job_type (type) values ('noop') on conflict do nothing"
}

sql() { psql -XAtq "$DATABASE_URL" -v ON_ERROR_STOP=1 "$@"; }
median() { sort -n | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'; }
conditions() {
    echo "$(nproc) cores shared by clients, servers and database; load before: $(cut -d' ' -f1 /proc/loadavg); PostgreSQL $(sql -c 'show server_version'), synchronous_commit and fsync on"
}
