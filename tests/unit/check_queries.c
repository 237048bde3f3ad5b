/*
 * Prepare every statement that is compiled in, on the database DATABASE_URL: a
 * name that is misspelt or a type that does not fit fails here. Run by
 * tests/sql/schema.t. The server checks a statement when it is prepared, so
 * this needs libpq itself.
 */
#include "queries.h"

#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>

static void check(PGconn *pg, const struct sql_query *query)
{
    PGresult *result = PQprepare(pg, query->name, query->sql, 0, NULL);

    if (PQresultStatus(result) == PGRES_COMMAND_OK)
        printf("ok - %s\n", query->name);
    else
        printf("not ok - %s\n# %s\n", query->name,
               PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY));
    PQclear(result);
}

int main(void)
{
    const char *url = getenv("DATABASE_URL");
    PGconn *pg = PQconnectdb(url ? url : "");

    if (PQstatus(pg) != CONNECTION_OK) {
        fprintf(stderr, "check_queries: %s", PQerrorMessage(pg));
        PQfinish(pg);
        return EXIT_FAILURE;
    }
    for (size_t i = 0; i < sql_query_count; i++)
        check(pg, &sql_queries[i]);
    PQfinish(pg);
    return EXIT_SUCCESS;
}
