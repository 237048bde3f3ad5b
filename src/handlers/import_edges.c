#include "import.h"

#include <string.h>
#include <talloc.h>

struct edges {
    void *mem;
    const struct schema *schema;
    struct text *out, *warnings;
    int count;
    /* The key that is open, one column a row; NULL: none. */
    char *id;
    bool outside; /* it leads out of the schema, and was warned of */
    struct text target_columns, tail;
};

static void close_edge(struct edges *edges)
{
    if (edges->id && !edges->outside) {
        text_close(edges->out, ']');
        text_open(edges->out, "targetColumns", '[');
        text_add(edges->out, edges->target_columns.data,
                 edges->target_columns.len);
        text_close(edges->out, ']');
        if (edges->tail.len > 0)
            text_raw(edges->out, NULL, &edges->tail);
        text_close(edges->out, '}');
        edges->count++;
    }
    TALLOC_FREE(edges->id);
}

static void begin_edge(struct edges *edges, const char *const *fields, char *id)
{
    struct text *out = edges->out;

    edges->id = id;
    edges->target_columns.len = edges->tail.len = 0;
    edges->outside = strcmp(fields[3], edges->schema->name) != 0 ||
                     !catalog_find(edges->schema, fields[4]);
    if (edges->outside) {
        import_warning(edges->warnings, "foreign_key_outside", fields[0],
                       "the foreign key %s refers to %s.%s, which is not part "
                       "of the import",
                       fields[1], fields[3], fields[4]);
        return;
    }
    text_open(out, NULL, '{');
    text_string(out, "id", id);
    text_string(out, "name", fields[1]);
    text_string(out, "source", fields[0]);
    text_string(out, "target", fields[4]);
    text_open(out, "sourceColumns", '[');
    text_may_string(&edges->tail, "onUpdate", fields[6]);
    text_may_string(&edges->tail, "onDelete", fields[7]);
}

/* A row of the dialect's foreign_keys. */
static bool on_column(void *arg, const char *const *fields, struct fault *err)
{
    struct edges *edges = arg;
    char *id = talloc_asprintf(edges->mem, "%s.%s", fields[0], fields[1]);

    (void)err;
    if (!edges->id || strcmp(edges->id, id) != 0) {
        close_edge(edges);
        begin_edge(edges, fields, id);
    } else {
        talloc_free(id);
    }
    if (edges->outside)
        return true;
    text_string(edges->out, NULL, fields[2]);
    text_string(&edges->target_columns, NULL, fields[5]);
    return true;
}

bool import_edges(void *mem, const struct catalog_db *db,
                  const struct schema *schema, struct text *out,
                  struct text *warnings, int *ret_count, struct fault *err)
{
    struct edges edges = {
        .mem = mem, .schema = schema, .out = out, .warnings = warnings};

    text_init(&edges.target_columns, mem);
    text_init(&edges.tail, mem);
    if (!catalog_query(db, db->dialect->foreign_keys, schema->name, on_column,
                       &edges, err))
        return false;
    close_edge(&edges);
    *ret_count = edges.count;
    return true;
}
