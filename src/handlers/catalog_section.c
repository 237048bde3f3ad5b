#include "catalog_section.h"
#include "kit.h"

#include <string.h>
#include <talloc.h>

static bool truth(const char *field)
{
    return field && (*field == 't' || *field == '1');
}

/* The rows come table by table, so this looks for each of them once. */
static bool find_table(struct section *section, const char *name)
{
    struct catalog_progress *progress = section->progress;

    if (section->table && !strcmp(section->table->name, name))
        return true;
    section->table = catalog_find(section->schema, name);
    if (!section->table)
        return false;
    section->met++;
    kit_progress(100 * (progress->done + section->met) / progress->total,
                 "read %s.%s", section->schema->name, name);
    return true;
}

static bool within_limit(struct section *section, const struct text *text,
                         size_t before, struct fault *err)
{
    section->progress->bytes += text->len - before;
    return section->progress->bytes <= CATALOG_MAX_BYTES ||
           fault_set(err, FAULT_DATA, "catalog_too_large",
                     "the catalog is larger than %d MB; choose schemas, tables "
                     "or less of what they have",
                     CATALOG_MAX_BYTES / 1024 / 1024);
}

bool section_column(void *arg, const char *const *fields, struct fault *err)
{
    struct section *section = arg;
    struct text *out;
    size_t before;

    if (!find_table(section, fields[0]))
        return true;
    out = &section->table->columns;
    before = out->len;
    section->table->column_count++;
    text_open(out, NULL, '{');
    text_string(out, "name", fields[1]);
    if (section->options->types)
        text_string(out, "type", fields[2] ? fields[2] : "");
    text_bool(out, "nullable", truth(fields[3]));
    if (fields[4])
        text_string(out, "default", fields[4]);
    text_may_string(out, "generated", fields[5]);
    text_may_string(out, "identity", fields[6]);
    if (fields[8] && !strcmp(fields[8], "PRI"))
        text_bool(out, "primaryKey", true);
    text_may_string(out, "comment", fields[7]);
    text_close(out, '}');
    return within_limit(section, out, before, err);
}

/* End the object that is open. */
static void close_object(struct section *section)
{
    if (!section->object)
        return;
    text_close(section->out, ']');
    if (section->other_columns.len > 0) {
        text_open(section->out, "referencedColumns", '[');
        text_add(section->out, section->other_columns.data,
                 section->other_columns.len);
        text_close(section->out, ']');
    }
    if (section->tail.len > 0)
        text_raw(section->out, NULL, &section->tail);
    text_close(section->out, '}');
    TALLOC_FREE(section->object);
}

/* Whether a row goes on with the object that is open; else that is ended, and
 * one of this table and name is to be begun. */
static bool goes_on(struct section *section, const char *table,
                    const char *name)
{
    if (section->object && !strcmp(section->table->name, table) &&
        !strcmp(section->object, name))
        return true;
    close_object(section);
    return false;
}

static void begin_object(struct section *section, struct text *out,
                         const char *name)
{
    section->object = talloc_strdup(section->schema->tables, name);
    section->out = out;
    section->other_columns.len = section->tail.len = 0;
    text_open(out, NULL, '{');
    text_string(out, "name", name);
}

static bool add_column(struct section *section, const char *column,
                       struct fault *err)
{
    size_t before = section->out->len;

    if (column)
        text_string(section->out, NULL, column);
    return within_limit(section, section->out, before, err);
}

bool section_constraint(void *arg, const char *const *fields, struct fault *err)
{
    struct section *section = arg;

    if (!goes_on(section, fields[0], fields[1])) {
        if (!find_table(section, fields[0]))
            return true;
        begin_object(section, &section->table->constraints, fields[1]);
        text_string(section->out, "type", fields[2]);
        text_open(section->out, "columns", '[');
        text_may_string(&section->tail, "definition", fields[4]);
        if (!strcmp(fields[2], "primaryKey"))
            section->table->has_primary_key = true;
    }
    return add_column(section, fields[3], err);
}

bool section_index(void *arg, const char *const *fields, struct fault *err)
{
    struct section *section = arg;

    if (!goes_on(section, fields[0], fields[1])) {
        if (!find_table(section, fields[0]))
            return true;
        begin_object(section, &section->table->indexes, fields[1]);
        text_bool(section->out, "unique", truth(fields[2]));
        text_string(section->out, "method", fields[3]);
        text_open(section->out, "columns", '[');
        text_may_string(&section->tail, "where", fields[5]);
    }
    return add_column(section, fields[4], err);
}

bool section_foreign_key(void *arg, const char *const *fields,
                         struct fault *err)
{
    struct section *section = arg;

    if (!goes_on(section, fields[0], fields[1])) {
        if (!find_table(section, fields[0]))
            return true;
        begin_object(section, &section->table->foreign_keys, fields[1]);
        text_string(section->out, "referencedSchema", fields[3]);
        text_string(section->out, "referencedTable", fields[4]);
        text_open(section->out, "columns", '[');
        text_may_string(&section->tail, "onUpdate", fields[6]);
        text_may_string(&section->tail, "onDelete", fields[7]);
    }
    text_string(&section->other_columns, NULL, fields[5] ? fields[5] : "");
    return add_column(section, fields[2], err);
}

bool section_read(struct section *section, const char *sql, row_fn *row,
                  struct fault *err)
{
    section->table = NULL;
    section->met = 0;
    text_init(&section->other_columns, section->schema->tables);
    text_init(&section->tail, section->schema->tables);
    if (!catalog_query(section->db, sql, section->schema->name, row, section,
                       err))
        return false;
    close_object(section);
    section->progress->done += section->schema->count;
    return true;
}
