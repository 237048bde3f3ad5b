#include "catalog.h"
#include "catalog_section.h"

#include <stdlib.h>
#include <string.h>
#include <talloc.h>

struct table_reader {
    void *mem;
    const struct catalog_options *options;
    struct schema *schema;
};

static const char *copy(void *mem, const char *text)
{
    return text && *text ? talloc_strdup(mem, text) : NULL;
}

static bool on_table(void *arg, const char *const *fields, struct fault *err)
{
    struct table_reader *reader = arg;
    struct schema *schema = reader->schema;
    const struct catalog_options *options = reader->options;
    struct table *table;

    (void)err;
    if (options->wants &&
        !options->wants(options->arg, schema->name, fields[0]))
        return true;
    if (schema->count == schema->size) {
        schema->size = schema->size ? 2 * schema->size : 64;
        schema->tables = talloc_realloc(reader->mem, schema->tables,
                                        struct table, (unsigned)schema->size);
    }
    table = &schema->tables[schema->count++];
    *table = (struct table){.name = talloc_strdup(reader->mem, fields[0]),
                            .kind = talloc_strdup(reader->mem, fields[1]),
                            .rows = copy(reader->mem, fields[2]),
                            .comment = copy(reader->mem, fields[3]),
                            .engine = copy(reader->mem, fields[4])};
    text_init(&table->columns, reader->mem);
    text_init(&table->constraints, reader->mem);
    text_init(&table->indexes, reader->mem);
    text_init(&table->foreign_keys, reader->mem);
    return true;
}

static int by_name(const void *a, const void *b)
{
    const struct table *left = a, *right = b;

    return strcmp(left->name, right->name);
}

bool catalog_tables(void *mem, const struct catalog_db *db, const char *name,
                    const struct catalog_options *options, struct schema *ret,
                    struct fault *err)
{
    struct table_reader reader = {
        .mem = mem, .options = options, .schema = ret};

    *ret = (struct schema){.name = talloc_strdup(mem, name)};
    if (!catalog_query(db, db->dialect->tables, name, on_table, &reader, err))
        return false;
    if (ret->count > 0)
        qsort(ret->tables, (size_t)ret->count, sizeof(*ret->tables), by_name);
    return true;
}

struct table *catalog_find(const struct schema *schema, const char *name)
{
    struct table wanted = {.name = name};

    if (schema->count == 0)
        return NULL;
    return bsearch(&wanted, schema->tables, (size_t)schema->count,
                   sizeof(*schema->tables), by_name);
}

int catalog_sections(const struct catalog_db *db,
                     const struct catalog_options *options)
{
    int constraints = db->dialect->checks ? 2 : 1;

    return options->columns + options->constraints * constraints +
           options->indexes + options->foreign_keys;
}

bool catalog_details(const struct catalog_db *db,
                     const struct catalog_options *options,
                     struct schema *schema, struct catalog_progress *progress,
                     struct fault *err)
{
    const struct dialect *dialect = db->dialect;
    struct section section = {
        .db = db, .options = options, .schema = schema, .progress = progress};

    if (schema->count == 0)
        return true;
    return (!options->columns ||
            section_read(&section, dialect->columns, section_column, err)) &&
           (!options->constraints ||
            (section_read(&section, dialect->constraints, section_constraint,
                          err) &&
             (!dialect->checks || section_read(&section, dialect->checks,
                                               section_constraint, err)))) &&
           (!options->indexes ||
            section_read(&section, dialect->indexes, section_index, err)) &&
           (!options->foreign_keys ||
            section_read(&section, dialect->foreign_keys, section_foreign_key,
                         err));
}

static void write_section(struct text *out, bool wanted, const char *name,
                          const struct text *elements)
{
    if (!wanted)
        return;
    text_open(out, name, '[');
    if (elements->len > 0)
        text_add(out, elements->data, elements->len);
    text_close(out, ']');
}

void catalog_write_table(struct text *out, const struct table *table,
                         const struct catalog_options *options)
{
    text_string(out, "name", table->name);
    text_string(out, "kind", table->kind);
    if (table->rows)
        text_int(out, "estimatedRows", strtoll(table->rows, NULL, 10));
    text_may_string(out, "engine", table->engine);
    text_may_string(out, "comment", table->comment);
    write_section(out, options->columns, "columns", &table->columns);
    write_section(out, options->constraints, "constraints",
                  &table->constraints);
    write_section(out, options->indexes, "indexes", &table->indexes);
    write_section(out, options->foreign_keys, "foreignKeys",
                  &table->foreign_keys);
}
