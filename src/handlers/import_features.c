#include "import.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Each gives: feature, name, table, what there is to say of it. */
static const char *const statements[] = {
    "select 'trigger', trigger_name, event_object_table,"
    " concat(action_timing, ' ', event_manipulation)"
    "  from information_schema.triggers where trigger_schema = ?"
    " order by event_object_table, trigger_name",

    "select lower(routine_type), routine_name, null, null"
    "  from information_schema.routines where routine_schema = ?"
    " order by routine_type, routine_name",

    "select 'event', event_name, null, status"
    "  from information_schema.events where event_schema = ?"
    " order by event_name",

    "select 'partitioning', table_name, table_name,"
    " concat(max(partition_method), ', ', count(*), ' partitions')"
    "  from information_schema.partitions"
    " where table_schema = ? and partition_name is not null"
    " group by table_name order by table_name",

    "select 'generatedColumn', column_name, table_name, generation_expression"
    "  from information_schema.columns"
    " where table_schema = ? and generation_expression <> ''"
    " order by table_name, ordinal_position",

    "select concat(lower(index_type), 'Index'), index_name, table_name, null"
    "  from information_schema.statistics"
    " where table_schema = ? and seq_in_index = 1"
    "   and index_type in ('FULLTEXT', 'SPATIAL')"
    " order by table_name, index_name",

    "select case table_type when 'SEQUENCE' then 'sequence'"
    "                       else 'systemVersioning' end,"
    " table_name, case table_type when 'SEQUENCE' then null else table_name "
    "end,"
    " null"
    "  from information_schema.tables"
    " where table_schema = ? and table_type in ('SEQUENCE', 'SYSTEM VERSIONED')"
    " order by table_name",
};

static bool on_feature(void *arg, const char *const *fields, struct fault *err)
{
    struct text *out = arg;

    (void)err;
    text_open(out, NULL, '{');
    text_string(out, "feature", fields[0]);
    text_string(out, "name", fields[1]);
    text_may_string(out, "table", fields[2]);
    text_may_string(out, "detail", fields[3]);
    text_close(out, '}');
    return true;
}

bool import_features(const struct catalog_db *db, const struct schema *schema,
                     struct text *features, struct fault *err)
{
    for (size_t i = 0; i < sizeof(statements) / sizeof(*statements); i++)
        if (!catalog_query(db, statements[i], schema->name, on_feature,
                           features, err))
            return false;
    return true;
}

void import_warning(struct text *warnings, const char *code, const char *table,
                    const char *fmt, ...)
{
    char message[600];
    va_list args;

    va_start(args, fmt);
    vsnprintf(message, sizeof(message), fmt, args);
    va_end(args);
    text_open(warnings, NULL, '{');
    text_string(warnings, "code", code);
    text_string(warnings, "table", table);
    text_string(warnings, "message", message);
    text_close(warnings, '}');
}

void import_warn(const struct schema *schema, struct text *warnings)
{
    for (int i = 0; i < schema->count; i++) {
        const struct table *table = &schema->tables[i];
        bool is_view = !strcmp(table->kind, "view");

        if (table->column_count == 0)
            import_warning(
                warnings, "no_columns", table->name,
                "%s has no columns that the user may see%s", table->name,
                is_view ? "; what the view is made of may be gone" : "");
        else if (!is_view && !table->has_primary_key)
            import_warning(warnings, "no_primary_key", table->name,
                           "%s has no primary key", table->name);
        if (!is_view && table->engine && strcmp(table->engine, "InnoDB") != 0)
            import_warning(
                warnings, "no_foreign_keys", table->name,
                "%s is of the engine %s, which keeps no foreign keys",
                table->name, table->engine);
    }
}
