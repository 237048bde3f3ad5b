#include "facts.h"
#include "api.h"
#include "bell.h"

bool facts_list(struct request *req, struct response *res, const char *name,
                const char *sql, struct db_args args, struct error *err)
{
    struct json_out *out = json_out_new(req);
    struct db_result *rows;
    struct db *db;

    if (!http_db(req, &db, err) || !db_query(db, req, sql, args, &rows, err))
        return false;
    json_begin_object(out, NULL);
    json_add_bool(out, "success", true);
    json_begin_array(out, name);
    for (int i = 0; i < db_count(rows); i++)
        json_add_raw(out, NULL, db_text(rows, i, "facts"));
    json_end(out);
    json_end(out);
    http_send(res, 200, out);
    return true;
}

bool facts_one(struct request *req, struct response *res, int status,
               const char *sql, struct db_args args, bool *ret_found,
               struct error *err)
{
    struct json_out *out = json_out_new(req);
    struct db_result *rows;
    struct db *db;

    if (!http_db(req, &db, err) || !db_query(db, req, sql, args, &rows, err))
        return false;
    *ret_found = db_count(rows) > 0;
    if (!*ret_found)
        return true;
    json_begin_object(out, NULL);
    json_add_bool(out, "success", true);
    json_add_members(out, db_text(rows, 0, "facts"));
    json_end(out);
    http_send(res, status, out);
    return true;
}

void facts_ring(const struct request *req)
{
    bell_ring(req->api->conf->run_dir, "jobs");
}
