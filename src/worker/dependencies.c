#include "dependencies.h"

#include "queries.h"
#include "worker.h"

#include <talloc.h>

void dependencies_ask(struct attempt *attempt, dba_fn *done, void *arg)
{
    dba_query(attempt->worker->asking, SQL_RUN_DEPENDENCIES,
              DB_ARGS(attempt->id), done, arg);
}

static void write_one(struct json_out *out, const struct db_result *rows,
                      int row)
{
    const char *result = db_text(rows, row, "result");

    json_begin_object(out, db_text(rows, row, "id"));
    json_add_string(out, "type", db_text(rows, row, "type"));
    json_add_string(out, "status", db_text(rows, row, "status"));
    json_add_raw(out, "result", result ? result : "null");
    json_add_raw(out, "artifacts", db_text(rows, row, "artifacts"));
    json_end(out);
}

char *dependencies_text(void *mem, const struct db_result *rows)
{
    struct json_out *out = json_out_new(NULL);
    char *text;

    json_begin_object(out, NULL);
    for (int i = 0; i < db_count(rows); i++)
        write_one(out, rows, i);
    json_end(out);
    text = talloc_strdup(mem, json_out_text(out, NULL));
    talloc_free(out);
    return text;
}

bool dependencies_as_file(const struct attempt *attempt)
{
    const struct lane *lane = attempt->lane;

    return lane_is_program(lane) || lane->fastcgi || lane->type->files;
}
