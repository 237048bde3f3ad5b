#include "file.h"
#include "queries.h"

#include <string.h>
#include <talloc.h>

static const struct db_column columns[] = {
    DB_COLUMN(struct file, id),         DB_COLUMN(struct file, owner),
    DB_COLUMN(struct file, name),       DB_COLUMN(struct file, content_type),
    DB_COLUMN(struct file, sha256),     DB_COLUMN(struct file, size),
    DB_COLUMN(struct file, created_at), {0},
};

static bool not_found(struct error *err)
{
    return error_set(err, ERROR_NOT_FOUND, "file_not_found",
                     "there is no such file");
}

bool file_add(struct db *db, const char *owner, const struct file *files,
              int count, struct error *err)
{
    void *mem = talloc_new(NULL);
    struct db_array *ids = db_array_new(mem), *names = db_array_new(mem),
                    *sizes = db_array_new(mem), *types = db_array_new(mem),
                    *hashes = db_array_new(mem);
    bool ok;

    for (int i = 0; i < count; i++) {
        db_array_add(ids, files[i].id);
        db_array_add(names, files[i].name);
        db_array_add_int(sizes, files[i].size);
        db_array_add(types, files[i].content_type);
        db_array_add(hashes, files[i].sha256);
    }
    ok = db_exec(db, SQL_FILE_ADD,
                 DB_ARGS(owner, db_array_text(ids), db_array_text(names),
                         db_array_text(sizes), db_array_text(types),
                         db_array_text(hashes)),
                 NULL, err);
    talloc_free(mem);
    return ok;
}

bool file_by_id(struct db *db, void *mem, const char *id, const char *owner,
                struct file *ret, struct error *err)
{
    struct db_result *rows;

    if (!db_query(db, mem, SQL_FILE_BY_ID, DB_ARGS(id, owner), &rows, err))
        return false;
    if (db_count(rows) == 0)
        return not_found(err);
    return db_row(rows, 0, columns, ret, err);
}

bool file_forget(struct db *db, void *mem, const char *id, const char *owner,
                 const char **ret_id, struct error *err)
{
    struct db_result *rows;

    if (!db_query(db, mem, SQL_FILE_FORGET, DB_ARGS(id, owner), &rows, err))
        return false;
    if (db_count(rows) == 0)
        return not_found(err);
    if (!strcmp(db_text(rows, 0, "used"), "t"))
        return error_set(err, ERROR_CONFLICT, "file_in_use",
                         "a job that has not ended uses the file");
    *ret_id = db_text(rows, 0, "id");
    return true;
}
