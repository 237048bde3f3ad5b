/*
 * mysql-import: a MySQL or MariaDB database as a diagram: tables and views are
 * its nodes, foreign keys its edges. What a diagram cannot show is told of.
 */
#include "catalog_answer.h"
#include "import.h"
#include "kit.h"

#include <stdlib.h>
#include <string.h>
#include <talloc.h>

static const struct catalog_options everything = {
    .columns = true, .types = true, .constraints = true, .indexes = true};

struct diagram {
    void *mem;
    struct schema schema;
    struct text edges, warnings, features;
    int edge_count;
};

static bool read_diagram(struct diagram *diagram, const struct catalog_db *db,
                         const char *database, struct fault *err)
{
    struct schema *schema = &diagram->schema;
    struct catalog_progress progress = {0};

    text_init(&diagram->edges, diagram->mem);
    text_init(&diagram->warnings, diagram->mem);
    text_init(&diagram->features, diagram->mem);
    if (!catalog_tables(diagram->mem, db, database, &everything, schema, err))
        return false;
    progress.total =
        (double)schema->count * (catalog_sections(db, &everything) + 1);
    if (!catalog_details(db, &everything, schema, &progress, err) ||
        !import_edges(diagram->mem, db, schema, &diagram->edges,
                      &diagram->warnings, &diagram->edge_count, err) ||
        !import_features(db, schema, &diagram->features, err))
        return false;
    import_warn(schema, &diagram->warnings);
    return true;
}

static void write_list(struct text *out, const char *name,
                       const struct text *elements)
{
    text_open(out, name, '[');
    if (elements->len > 0)
        text_add(out, elements->data, elements->len);
    text_close(out, ']');
}

static void write_nodes(struct text *out, const struct schema *schema)
{
    text_open(out, "nodes", '[');
    for (int i = 0; i < schema->count; i++) {
        const struct table *table = &schema->tables[i];

        text_open(out, NULL, '{');
        text_string(out, "id", table->name);
        text_string(out, "type", table->kind);
        catalog_write_table(out, table, &everything);
        text_close(out, '}');
    }
    text_close(out, ']');
}

static int answer(const struct diagram *diagram)
{
    struct text head, body;

    text_init(&head, diagram->mem);
    text_init(&body, diagram->mem);
    text_open(&head, "counts", '{');
    text_int(&head, "nodes", diagram->schema.count);
    text_int(&head, "edges", diagram->edge_count);
    text_close(&head, '}');
    text_open(&body, "schema", '{');
    write_nodes(&body, &diagram->schema);
    write_list(&body, "edges", &diagram->edges);
    text_close(&body, '}');
    write_list(&body, "warnings", &diagram->warnings);
    write_list(&body, "unsupportedFeatures", &diagram->features);
    return catalog_answer(diagram->mem, &head, &body);
}

static bool read_database(struct diagram *diagram, const struct place *place,
                          struct fault *err)
{
    struct catalog_db db;
    bool ok;

    kit_progress(0, "connecting to the database");
    if (!catalog_open_mysql(place, &db, err))
        return false;
    ok = read_diagram(diagram, &db, place->database, err);
    catalog_close(&db);
    return ok;
}

static bool read_by_tunnel(struct diagram *diagram, struct import *import,
                           struct fault *err)
{
    struct place *place = &import->place;
    struct tunnel *tunnel;
    bool ok;

    if (!tunnel_open(&import->ssh, place->host, place->port, &tunnel, err))
        return false;
    place->socket = tunnel_socket(tunnel);
    ok = read_database(diagram, place, err);
    tunnel_close(tunnel);
    return ok;
}

/* Somebody waits, and a host that cannot be reached is most likely another
 * than was meant: it is told of at once. */
static int fail(struct fault *err)
{
    if (!strcmp(err->code, "database_unreachable") ||
        !strcmp(err->code, "ssh_unreachable"))
        err->status = FAULT_DATA;
    return kit_fail_with(err);
}

static int import_all(void *mem, json_t *payload)
{
    struct diagram diagram = {.mem = mem};
    struct import import;
    struct fault err;
    bool ok;

    if (!import_read(mem, payload, &import, &err))
        return kit_fail_with(&err);
    ok = import.by_ssh ? read_by_tunnel(&diagram, &import, &err)
                       : read_database(&diagram, &import.place, &err);
    return ok ? answer(&diagram) : fail(&err);
}

int main(void)
{
    void *mem = talloc_new(NULL);
    json_t *payload = NULL;
    struct fault err;
    int status;

    kit_start();
    status = kit_payload(&payload, &err) ? import_all(mem, payload)
                                         : kit_fail_with(&err);
    json_decref(payload);
    talloc_free(mem);
    return status;
}
