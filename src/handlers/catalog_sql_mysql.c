#include "catalog_sql.h"

/* A constant schema and no joins beyond need: the server then looks into the
 * one folder, once. Sequences and views have no rows and no comment. */
#define TABLES                                                                 \
    "select table_name,"                                                       \
    " case when table_type like '%VIEW' then 'view' else 'table' end,"         \
    " table_rows,"                                                             \
    " case when table_type like '%VIEW' then null else table_comment end,"     \
    " engine"                                                                  \
    "  from information_schema.tables"                                         \
    " where table_schema = ? and table_type <> 'SEQUENCE'"                     \
    " order by table_name"

/* MariaDB writes null where there is no default. */
#define COLUMNS                                                                \
    "select table_name, column_name, column_type, is_nullable = 'YES',"        \
    " case when generation_expression <> '' then null"                         \
    "      else nullif(column_default, 'NULL') end,"                           \
    " nullif(generation_expression, ''),"                                      \
    " case when extra like '%auto_increment%' then 'autoIncrement' end,"       \
    " column_comment, column_key"                                              \
    "  from information_schema.columns"                                        \
    " where table_schema = ?"                                                  \
    " order by table_name, ordinal_position"

#define CONSTRAINTS                                                            \
    "select table_name, index_name,"                                           \
    " case index_name when 'PRIMARY' then 'primaryKey' else 'unique' end,"     \
    " column_name, null"                                                       \
    "  from information_schema.statistics"                                     \
    " where table_schema = ? and non_unique = 0"                               \
    " order by table_name, index_name, seq_in_index"

#define INDEXES(column)                                                        \
    "select table_name, index_name, non_unique = 0, lower(index_type),"        \
    " " column                                                                 \
    ", null"                                                                   \
    "  from information_schema.statistics"                                     \
    " where table_schema = ?"                                                  \
    " order by table_name, index_name, seq_in_index"

#define FOREIGN_KEYS                                                           \
    "select k.table_name, k.constraint_name, k.column_name,"                   \
    " k.referenced_table_schema, k.referenced_table_name,"                     \
    " k.referenced_column_name, r.update_rule, r.delete_rule"                  \
    "  from information_schema.key_column_usage k"                             \
    "  left join information_schema.referential_constraints r"                 \
    "    on r.constraint_schema = ?"                                           \
    "   and r.table_name = k.table_name"                                       \
    "   and r.constraint_name = k.constraint_name"                             \
    " where k.table_schema = ? and k.referenced_table_name is not null"        \
    " order by k.table_name, k.constraint_name, k.ordinal_position"

#define SCHEMAS                                                                \
    "select schema_name from information_schema.schemata"                      \
    " where schema_name not in ('information_schema', 'performance_schema',"   \
    " 'mysql', 'sys')"                                                         \
    " order by schema_name"

const struct dialect dialect_mariadb = {
    .version = "select version()",
    .schemas = SCHEMAS,
    .tables = TABLES,
    .columns = COLUMNS,
    .constraints = CONSTRAINTS,
    .checks =
        "select table_name, constraint_name, 'check', null, check_clause"
        "  from information_schema.check_constraints"
        " where constraint_schema = ?"
        " order by table_name, constraint_name",
    .indexes = INDEXES("column_name"),
    .foreign_keys = FOREIGN_KEYS,
};

const struct dialect dialect_mysql = {
    .version = "select version()",
    .schemas = SCHEMAS,
    .tables = TABLES,
    .columns = COLUMNS,
    .constraints = CONSTRAINTS,
    .checks =
        "select t.table_name, c.constraint_name, 'check', null, c.check_clause"
        "  from information_schema.check_constraints c"
        "  join information_schema.table_constraints t"
        "    on t.constraint_schema = c.constraint_schema"
        "   and t.constraint_name = c.constraint_name"
        " where c.constraint_schema = ? and t.constraint_type = 'CHECK'"
        " order by t.table_name, c.constraint_name",
    .indexes = INDEXES("coalesce(column_name, concat('(', expression, ')'))"),
    .foreign_keys = FOREIGN_KEYS,
};
