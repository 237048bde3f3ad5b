# Reading the catalogs of PostgreSQL, MySQL and MariaDB.
handler_PROGRAMS += connection-test mysql-import schema-training
noinst_LIBRARIES += src/handlers/libcatalog.a
dist_types_DATA += types.d/mysql-import.json types.d/schema-training.json
dist_man_MANS += doc/millrace-mysql-import.7 doc/millrace-schema-training.7

CATALOG_CPPFLAGS = $(HANDLER_CPPFLAGS) $(TALLOC_CFLAGS) $(LIBPQ_CFLAGS) \
	$(MARIADB_CFLAGS)
CATALOG_LIBS = src/handlers/libcatalog.a src/handlers/libprofile.a \
	src/handlers/libkit.a $(JANSSON_LIBS) $(TALLOC_LIBS) $(LIBPQ_LIBS) \
	$(MARIADB_LIBS)

src_handlers_libcatalog_a_CPPFLAGS = $(CATALOG_CPPFLAGS)
src_handlers_libcatalog_a_SOURCES = \
	src/handlers/catalog.c \
	src/handlers/catalog.h \
	src/handlers/catalog_answer.c \
	src/handlers/catalog_answer.h \
	src/handlers/catalog_db.c \
	src/handlers/catalog_db.h \
	src/handlers/catalog_mysql.c \
	src/handlers/catalog_pg.c \
	src/handlers/catalog_section.c \
	src/handlers/catalog_section.h \
	src/handlers/catalog_source.c \
	src/handlers/catalog_source.h \
	src/handlers/catalog_sql.h \
	src/handlers/catalog_sql_mysql.c \
	src/handlers/catalog_sql_pg.c \
	src/handlers/catalog_text.c \
	src/handlers/catalog_text.h

schema_training_CPPFLAGS = $(CATALOG_CPPFLAGS)
schema_training_SOURCES = \
	src/handlers/catalog_want.c \
	src/handlers/catalog_want.h \
	src/handlers/schema_training.c
schema_training_LDADD = $(CATALOG_LIBS)

connection_test_CPPFLAGS = $(CATALOG_CPPFLAGS)
connection_test_SOURCES = src/handlers/connection_test.c
connection_test_LDADD = $(CATALOG_LIBS)

mysql_import_CPPFLAGS = $(CATALOG_CPPFLAGS) $(SSH_CFLAGS)
mysql_import_SOURCES = \
	src/handlers/import.h \
	src/handlers/import_edges.c \
	src/handlers/import_features.c \
	src/handlers/import_read.c \
	src/handlers/mysql_import.c \
	src/handlers/tunnel.c \
	src/handlers/tunnel.h \
	src/handlers/tunnel_login.c \
	src/handlers/tunnel_login.h
mysql_import_LDADD = $(CATALOG_LIBS) $(SSH_LIBS) -lpthread
