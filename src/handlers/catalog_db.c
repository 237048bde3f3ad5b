#include "catalog_db.h"

#include <string.h>

/* Where nobody names others: the libraries have none by themselves. */
#define SYSTEM_CA "/etc/ssl/certs/ca-certificates.crt"

bool place_verifies(const struct place *place)
{
    return place->ssl_mode &&
           !strncmp(place->ssl_mode, "verify-", strlen("verify-"));
}

const char *place_ca_file(const struct place *place)
{
    if (place->ca_file)
        return place->ca_file;
    return place_verifies(place) ? SYSTEM_CA : NULL;
}

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
