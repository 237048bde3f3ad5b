#include "catalog_db.h"

bool catalog_query(const struct catalog_db *db, const char *sql,
                   const char *parameter, row_fn *row, void *arg,
                   struct fault *err)
{
    return db->driver->query(db->connection, sql, parameter, row, arg, err);
}

void catalog_close(struct catalog_db *db)
{
    if (db->connection)
        db->driver->close(db->connection);
    db->connection = NULL;
}
