#include "catalog_sql.h"

#define TABLES_OF_SCHEMA                                                       \
    "  from pg_class c"                                                        \
    "  join pg_namespace n on n.oid = c.relnamespace"                          \
    "   and n.nspname = $1"                                                    \
    "   and c.relkind in ('r', 'p', 'v', 'm', 'f')"                            \
    "   and not c.relispartition"

#define ACTION(column)                                                         \
    " case " column                                                            \
    " when 'a' then 'NO ACTION' when 'r' then 'RESTRICT'"                      \
    " when 'c' then 'CASCADE' when 'n' then 'SET NULL'"                        \
    " when 'd' then 'SET DEFAULT' end"

/* Partitions are no tables here: what there is to know their table tells. */
const struct dialect dialect_postgresql = {
    .version = "select current_setting('server_version')",
    .schemas =
        "select nspname from pg_namespace"
        " where nspname !~ '^pg_' and nspname <> 'information_schema'"
        "   and has_schema_privilege(oid, 'usage')"
        " order by nspname collate \"C\"",
    .tables =
        "select c.relname,"
        " case c.relkind when 'r' then 'table' when 'p' then 'partitionedTable'"
        " when 'v' then 'view' when 'm' then 'materializedView'"
        " else 'foreignTable' end,"
        " case when c.reltuples >= 0 and c.relkind <> 'v'"
        "      then c.reltuples::int8 end,"
        " obj_description(c.oid, 'pg_class'), null" TABLES_OF_SCHEMA
        " order by c.relname collate \"C\"",
    .columns =
        "select c.relname, a.attname,"
        " format_type(a.atttypid, a.atttypmod), not a.attnotnull,"
        " case when a.attgenerated = ''"
        "      then pg_get_expr(d.adbin, d.adrelid) end,"
        " case when a.attgenerated <> ''"
        "      then pg_get_expr(d.adbin, d.adrelid) end,"
        " case a.attidentity when 'a' then 'always'"
        "                    when 'd' then 'byDefault' end,"
        " col_description(c.oid, a.attnum),"
        " (select 'PRI' from pg_constraint k where k.conrelid = c.oid"
        "   and k.contype = 'p' and a.attnum = any (k.conkey))" TABLES_OF_SCHEMA
        "  join pg_attribute a on a.attrelid = c.oid"
        "   and a.attnum > 0 and not a.attisdropped"
        "  left join pg_attrdef d on d.adrelid = c.oid and d.adnum = a.attnum"
        " order by c.relname collate \"C\", a.attnum",
    .constraints =
        "select c.relname, k.conname,"
        " case k.contype when 'p' then 'primaryKey' when 'u' then 'unique'"
        "                when 'c' then 'check' else 'exclude' end,"
        " a.attname,"
        " case when k.contype in ('c', 'x')"
        "      then pg_get_constraintdef(k.oid) end" TABLES_OF_SCHEMA
        "  join pg_constraint k on k.conrelid = c.oid"
        "   and k.contype in ('p', 'u', 'c', 'x')"
        "  left join unnest(k.conkey) with ordinality u(attnum, nth) on true"
        "  left join pg_attribute a"
        "    on a.attrelid = c.oid and a.attnum = u.attnum"
        " order by c.relname collate \"C\", k.conname collate \"C\", u.nth",
    .indexes =
        "select c.relname, i.relname, x.indisunique, m.amname,"
        " pg_get_indexdef(x.indexrelid, nth, true),"
        " pg_get_expr(x.indpred, x.indrelid)" TABLES_OF_SCHEMA
        "  join pg_index x on x.indrelid = c.oid and x.indisvalid"
        "  join pg_class i on i.oid = x.indexrelid"
        "  join pg_am m on m.oid = i.relam,"
        "  generate_series(1, x.indnkeyatts) nth"
        " order by c.relname collate \"C\", i.relname collate \"C\", nth",
    .foreign_keys =
        "select c.relname, k.conname, a.attname, fn.nspname, fc.relname,"
        " fa.attname," ACTION("k.confupdtype") "," ACTION("k.confdeltype")
            TABLES_OF_SCHEMA
    "  join pg_constraint k on k.conrelid = c.oid and k.contype = 'f'"
    "  join pg_class fc on fc.oid = k.confrelid"
    "  join pg_namespace fn on fn.oid = fc.relnamespace,"
    "  unnest(k.conkey, k.confkey) with ordinality u(own, other, nth),"
    "  pg_attribute a, pg_attribute fa"
    " where a.attrelid = c.oid and a.attnum = u.own"
    "   and fa.attrelid = fc.oid and fa.attnum = u.other"
    " order by c.relname collate \"C\", k.conname collate \"C\", u.nth",
};
