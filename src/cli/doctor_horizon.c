#include "doctor.h"

#include "age.h"
#include "queries.h"
#include "table.h"

#include <inttypes.h>
#include <stdlib.h>
#include <talloc.h>

/*
 * What keeps dead rows in the tables. A queue lives on their being removed:
 * while one old transaction is open, each look for a job gets slower.
 */

/* Older than this times --older-than is no warning any more. */
#define MUCH 12

/* A standby that has kept rows for so many transactions. */
#define MANY_TRANSACTIONS "1000000"

static bool query(struct doctor *doctor, struct db *db, const char *sql,
                  struct db_args args, struct db_result **ret)
{
    struct error err;

    if (db_query(db, doctor->mem, sql, args, ret, &err))
        return true;
    doctor_note(doctor, VERDICT_WARN, "vacuum", NULL, "cannot be looked at: %s",
                err.text);
    return false;
}

static int64_t number(const struct db_result *rows, int row, const char *column)
{
    const char *text = db_text(rows, row, column);

    return text ? strtoll(text, NULL, 10) : 0;
}

static enum verdict by_age(const struct doctor *doctor, int64_t age_ms)
{
    return age_ms > MUCH * doctor->old_ms ? VERDICT_FAIL : VERDICT_WARN;
}

static int look_at_transactions(struct doctor *doctor, struct db *db)
{
    struct db_result *rows;
    void *mem = doctor->mem;

    if (!query(doctor, db, SQL_DOCTOR_TRANSACTIONS,
               DB_ARGS(db_int(mem, doctor->old_ms)), &rows))
        return 1;
    for (int i = 0; i < db_count(rows); i++) {
        int64_t age_ms = number(rows, i, "age_ms");
        const char *pid = db_text(rows, i, "pid");

        doctor_note(
            doctor, by_age(doctor, age_ms), "vacuum",
            talloc_asprintf(mem, "end it (select pg_terminate_backend(%s))",
                            pid),
            "pid %s (%s, role %s, %s) has a transaction open for %s, and no "
            "row that died since can be removed",
            pid, db_text(rows, i, "program"), db_text(rows, i, "role"),
            db_text(rows, i, "state"), age_span(mem, age_ms));
    }
    return db_count(rows);
}

static int look_at_prepared(struct doctor *doctor, struct db *db)
{
    struct db_result *rows;
    void *mem = doctor->mem;

    if (!query(doctor, db, SQL_DOCTOR_PREPARED,
               DB_ARGS(db_int(mem, doctor->old_ms)), &rows))
        return 1;
    for (int i = 0; i < db_count(rows); i++) {
        int64_t age_ms = number(rows, i, "age_ms");

        doctor_note(
            doctor, by_age(doctor, age_ms), "vacuum",
            talloc_asprintf(mem,
                            "end it, in the database %s (rollback prepared "
                            "'%s', or commit prepared)",
                            db_text(rows, i, "database"),
                            db_text(rows, i, "gid")),
            "the prepared transaction '%s' is %s old, and no row that died "
            "since can be removed",
            db_text(rows, i, "gid"), age_span(mem, age_ms));
    }
    return db_count(rows);
}

static int look_at_slots(struct doctor *doctor, struct db *db)
{
    struct db_result *rows;
    void *mem = doctor->mem;

    if (!query(doctor, db, SQL_DOCTOR_SLOTS, DB_NO_ARGS, &rows))
        return 1;
    for (int i = 0; i < db_count(rows); i++) {
        const char *name = db_text(rows, i, "name");
        bool keeps_rows = *db_text(rows, i, "keeps_rows") == 't';

        doctor_note(
            doctor, keeps_rows ? VERDICT_FAIL : VERDICT_WARN, "vacuum",
            talloc_asprintf(mem,
                            "start its reader, or drop it (select "
                            "pg_drop_replication_slot('%s'))",
                            name),
            "nobody reads from the replication slot '%s': it keeps %s of WAL%s",
            name, size_text(mem, number(rows, i, "kept_bytes")),
            keeps_rows ? ", and dead rows" : "");
    }
    return db_count(rows);
}

static int look_at_standbys(struct doctor *doctor, struct db *db)
{
    struct db_result *rows;

    if (!query(doctor, db, SQL_DOCTOR_STANDBYS, DB_ARGS(MANY_TRANSACTIONS),
               &rows))
        return 1;
    for (int i = 0; i < db_count(rows); i++)
        doctor_note(doctor, VERDICT_WARN, "vacuum",
                    "end the long query there, or set hot_standby_feedback to "
                    "off",
                    "the standby '%s' (walsender pid %s) keeps the rows that "
                    "died in the last %s transactions",
                    db_text(rows, i, "name"), db_text(rows, i, "pid"),
                    db_text(rows, i, "xid_age"));
    return db_count(rows);
}

static int look_at_tables(struct doctor *doctor, struct db *db)
{
    struct db_result *rows;
    void *mem = doctor->mem;

    if (!query(doctor, db, SQL_DOCTOR_TABLES, DB_NO_ARGS, &rows))
        return 1;
    for (int i = 0; i < db_count(rows); i++) {
        const char *name = db_text(rows, i, "name");

        if (*db_text(rows, i, "is_off") == 't')
            doctor_note(doctor, VERDICT_FAIL, "vacuum",
                        talloc_asprintf(mem,
                                        "alter table millrace.%s reset "
                                        "(autovacuum_enabled)",
                                        name),
                        "autovacuum is off for millrace.%s", name);
        else
            doctor_note(
                doctor, VERDICT_WARN, "vacuum",
                talloc_asprintf(mem, "vacuum (analyze) millrace.%s", name),
                "autovacuum lags: millrace.%s has %s dead rows beside "
                "%s live ones",
                name, db_text(rows, i, "dead"), db_text(rows, i, "live"));
    }
    return db_count(rows);
}

void doctor_horizon(struct doctor *doctor, struct db *db)
{
    int found = look_at_transactions(doctor, db) +
                look_at_prepared(doctor, db) + look_at_slots(doctor, db) +
                look_at_standbys(doctor, db) + look_at_tables(doctor, db);

    if (found == 0)
        doctor_note(doctor, VERDICT_OK, "vacuum", NULL,
                    "nothing holds it back, and it keeps up");
}
