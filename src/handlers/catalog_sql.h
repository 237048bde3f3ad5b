#ifndef HANDLERS_CATALOG_SQL_H
#define HANDLERS_CATALOG_SQL_H

#include "catalog_db.h"

/* From PostgreSQL 12, MariaDB 10.2 and MySQL 8.0 on. */
extern const struct dialect dialect_postgresql, dialect_mariadb, dialect_mysql;

#endif
