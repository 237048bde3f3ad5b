#include "doctor.h"

#include "age.h"
#include "clock.h"
#include "queries.h"
#include "schema.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <talloc.h>

/* A worker beats each second; after this it is taken for dead. */
#define SILENCE_MS 10000

#define SKEW_WARN_MS 500
#define SKEW_FAIL_MS 5000

struct server {
    const char *version;
    int64_t now_ms;
    bool standby, autovacuum, fsync, sees_all;
    int32_t most_connections, connections, xid_age;
};

static const struct db_column server_columns[] = {
    DB_COLUMN(struct server, version),
    DB_COLUMN(struct server, now_ms),
    DB_COLUMN(struct server, standby),
    DB_COLUMN(struct server, autovacuum),
    DB_COLUMN(struct server, fsync),
    DB_COLUMN(struct server, sees_all),
    DB_COLUMN(struct server, most_connections),
    DB_COLUMN(struct server, connections),
    DB_COLUMN(struct server, xid_age),
    {0},
};

/* Between the question and the answer lies half the time that both took. */
static void check_clock(struct doctor *doctor, int64_t asked_ms,
                        int64_t answered_ms, int64_t server_ms)
{
    int64_t skew = server_ms - (asked_ms + answered_ms) / 2;
    int64_t size = skew < 0 ? -skew : skew;

    doctor_note(doctor,
                size >= SKEW_FAIL_MS   ? VERDICT_FAIL
                : size >= SKEW_WARN_MS ? VERDICT_WARN
                                       : VERDICT_OK,
                "clock",
                size >= SKEW_WARN_MS ? "set both by NTP (timedatectl "
                                       "set-ntp true)"
                                     : NULL,
                "the database's is %s %s this host's",
                age_span(doctor->mem, size), skew < 0 ? "behind" : "ahead of");
}

static void check_connections(struct doctor *doctor, const struct server *s)
{
    bool few = s->connections * 10 >= s->most_connections * 9;

    if (few)
        doctor_note(doctor, VERDICT_WARN, "database",
                    "raise max_connections, or put PgBouncer in between",
                    "%d of %d connections are taken", s->connections,
                    s->most_connections);
}

static void check_server(struct doctor *doctor, const struct server *s)
{
    if (s->standby)
        doctor_note(doctor, VERDICT_FAIL, "database",
                    "let DATABASE_URL name the primary, with "
                    "target_session_attrs=read-write",
                    "it is a standby: nothing can be written");
    if (!s->fsync)
        doctor_note(doctor, VERDICT_WARN, "database",
                    "set it to on, or a crash may lose jobs", "fsync is off");
    check_connections(doctor, s);
    if (!s->autovacuum)
        doctor_note(doctor, VERDICT_FAIL, "vacuum",
                    "set autovacuum and track_counts to on",
                    "autovacuum is off: the queue gets slower with each job");
    if (s->xid_age > 1000000000)
        doctor_note(doctor, VERDICT_FAIL, "vacuum",
                    "end what holds vacuum back, then: vacuum (freeze)",
                    "%d transactions since the last freeze: at 2 billion the "
                    "database stops",
                    s->xid_age);
    if (!s->sees_all)
        doctor_note(doctor, VERDICT_WARN, "database",
                    "grant pg_monitor to the role of DATABASE_URL",
                    "other roles' transactions cannot be seen");
}

static bool look_at_server(struct doctor *doctor, struct db *db)
{
    int64_t asked_ms = clock_now_ms();
    struct db_result *rows;
    struct server server;
    struct error err;

    if (!db_query(db, doctor->mem, SQL_DOCTOR_SERVER, DB_NO_ARGS, &rows,
                  &err) ||
        !db_row(rows, 0, server_columns, &server, &err)) {
        doctor_note(doctor, VERDICT_FAIL, "database", NULL, "%s", err.text);
        return false;
    }
    doctor_note(doctor, VERDICT_OK, "database", NULL, "PostgreSQL %s answers",
                server.version);
    check_clock(doctor, asked_ms, clock_now_ms(), server.now_ms);
    check_server(doctor, &server);
    return true;
}

static bool look_at_schema(struct doctor *doctor, struct db *db)
{
    struct error err;

    if (schema_check(db, &err)) {
        doctor_note(doctor, VERDICT_OK, "schema", NULL,
                    "version %d, as this "
                    "program needs it",
                    schema_version());
        return true;
    }
    doctor_note(doctor, VERDICT_FAIL, "schema", NULL, "%s", err.text);
    return false;
}

struct seen {
    const char *name, *host, *version;
    int64_t silent_ms;
};

static const struct db_column seen_columns[] = {
    DB_COLUMN(struct seen, name),
    DB_COLUMN(struct seen, host),
    DB_COLUMN(struct seen, version),
    DB_COLUMN(struct seen, silent_ms),
    {0},
};

static bool look_at_worker(struct doctor *doctor, const struct seen *seen)
{
    if (strcmp(seen->version, PACKAGE_VERSION) != 0)
        doctor_note(doctor, VERDICT_WARN, "worker",
                    "upgrade all to one version",
                    "%s on %s has version %s, this program %s", seen->name,
                    seen->host, seen->version, PACKAGE_VERSION);
    if (seen->silent_ms < SILENCE_MS)
        return true;
    doctor_note(doctor, VERDICT_WARN, "worker",
                "see its log (journalctl -u millrace-worker)",
                "%s on %s has been silent for %s", seen->name, seen->host,
                age_span(doctor->mem, seen->silent_ms));
    return false;
}

static void look_at_workers(struct doctor *doctor, struct db *db)
{
    struct db_result *rows;
    struct seen seen;
    struct error err;
    int alive = 0;

    if (!db_query(db, doctor->mem, SQL_DOCTOR_WORKERS, DB_NO_ARGS, &rows,
                  &err)) {
        doctor_note(doctor, VERDICT_FAIL, "worker", NULL, "%s", err.text);
        return;
    }
    for (int i = 0; i < db_count(rows); i++)
        if (db_row(rows, i, seen_columns, &seen, &err))
            alive += look_at_worker(doctor, &seen);
    if (alive > 0)
        doctor_note(doctor, VERDICT_OK, "worker", NULL, "%d alive", alive);
    else
        doctor_note(doctor, VERDICT_FAIL, "worker",
                    "start one (systemctl start millrace-worker)",
                    "none is alive: no job runs");
}

/* Jobs that wait for a worker that is not there. */
static void look_at_lanes(struct doctor *doctor, struct db *db)
{
    struct db_result *rows;
    struct error err;

    if (!db_query(db, doctor->mem, SQL_DOCTOR_UNSERVED,
                  DB_ARGS(db_int(doctor->mem, SILENCE_MS)), &rows, &err)) {
        doctor_note(doctor, VERDICT_FAIL, "queue", NULL, "%s", err.text);
        return;
    }
    for (int i = 0; i < db_count(rows); i++)
        doctor_note(doctor, VERDICT_FAIL, "queue",
                    "start a worker for it, or change MILLRACE_QUEUES or "
                    "types.d of one that runs",
                    "jobs of type %s wait in queue %s, and no worker that is "
                    "alive serves them",
                    db_text(rows, i, "type"), db_text(rows, i, "queue"));
    if (db_count(rows) == 0)
        doctor_note(doctor, VERDICT_OK, "queue", NULL,
                    "whatever waits has a worker that serves it");
}

static void look_at_paused(struct doctor *doctor, struct db *db)
{
    struct db_result *rows;
    struct error err;

    if (!db_query(db, doctor->mem, SQL_DOCTOR_PAUSED, DB_NO_ARGS, &rows, &err))
        return;
    for (int i = 0; i < db_count(rows); i++) {
        const char *kind = db_text(rows, i, "kind");
        const char *name = db_text(rows, i, "name");
        int64_t ms = strtoll(db_text(rows, i, "paused_ms"), NULL, 10);

        doctor_note(
            doctor, VERDICT_WARN, "queue",
            talloc_asprintf(doctor->mem, "millrace %s resume %s", kind, name),
            "the %s %s has been paused for %s", kind, name,
            age_span(doctor->mem, ms));
    }
}

/* Nobody has said where the database is, but where the API is. */
static bool needs_none(const struct doctor *doctor)
{
    return *doctor->url && *doctor->token &&
           !strcmp(doctor->conf.database_url, "postgresql:///millrace");
}

void doctor_database(struct doctor *doctor)
{
    struct error err;
    struct db *db;

    if (!db_open(doctor->mem, doctor->conf.database_url, &db, &err)) {
        if (needs_none(doctor))
            doctor_note(doctor, VERDICT_OK, "database", NULL,
                        "not looked at: there is no DATABASE_URL");
        else
            doctor_note(doctor, VERDICT_FAIL, "database",
                        "start PostgreSQL, or correct DATABASE_URL", "%s",
                        err.text);
        return;
    }
    if (!look_at_server(doctor, db))
        return;
    if (look_at_schema(doctor, db)) {
        look_at_workers(doctor, db);
        look_at_lanes(doctor, db);
        look_at_paused(doctor, db);
        doctor_horizon(doctor, db);
        doctor_key(doctor, db);
    }
}
