/*
 * schema-training: reads what a database knows of itself, of the schemas and
 * tables that the payload chooses, or of all.
 */
#include "catalog.h"
#include "catalog_answer.h"
#include "catalog_source.h"
#include "catalog_want.h"
#include "kit.h"

#include <string.h>
#include <talloc.h>

struct training {
    void *mem;
    struct want want;
    struct catalog_options options;
    struct source source;
    struct catalog_db db;
    struct schema *schemas;
    int count;
    char *version;
};

static bool on_version(void *arg, const char *const *fields, struct fault *err)
{
    struct training *training = arg;

    (void)err;
    training->version = talloc_strdup(training->mem, fields[0]);
    return true;
}

/* One of the database's schemas; that of a connection to MySQL is its own. */
static bool on_schema(void *arg, const char *const *fields, struct fault *err)
{
    struct training *training = arg;
    bool its_own = strcmp(training->source.kind, "postgresql") != 0 &&
                   training->source.database &&
                   strcmp(training->source.database, fields[0]) != 0;

    (void)err;
    if (!want_schema(&training->want, fields[0], !its_own))
        return true;
    training->schemas =
        talloc_realloc(training->mem, training->schemas, struct schema,
                       (unsigned)training->count + 1);
    training->schemas[training->count++].name =
        talloc_strdup(training->mem, fields[0]);
    return true;
}

static bool read_tables(struct training *training, struct fault *err)
{
    for (int i = 0; i < training->count; i++) {
        const char *name = training->schemas[i].name;

        if (!catalog_tables(training->mem, &training->db, name,
                            &training->options, &training->schemas[i], err))
            return false;
    }
    return true;
}

static int table_count(const struct training *training)
{
    int count = 0;

    for (int i = 0; i < training->count; i++)
        count += training->schemas[i].count;
    return count;
}

static bool read_details(struct training *training, struct fault *err)
{
    struct catalog_progress progress = {
        .total = (double)table_count(training) *
                 catalog_sections(&training->db, &training->options)};

    for (int i = 0; i < training->count; i++)
        if (!catalog_details(&training->db, &training->options,
                             &training->schemas[i], &progress, err))
            return false;
    return true;
}

static bool read_all(struct training *training, struct fault *err)
{
    const struct dialect *dialect = training->db.dialect;

    return catalog_query(&training->db, dialect->version, NULL, on_version,
                         training, err) &&
           catalog_query(&training->db, dialect->schemas, NULL, on_schema,
                         training, err) &&
           read_tables(training, err) &&
           want_check(&training->want, table_count(training), err) &&
           read_details(training, err);
}

static void write_head(const struct training *training, struct text *out)
{
    long long columns = 0;

    for (int i = 0; i < training->count; i++)
        for (int j = 0; j < training->schemas[i].count; j++)
            columns += training->schemas[i].tables[j].column_count;
    text_string(out, "kind", training->source.kind);
    text_may_string(out, "database", training->source.database);
    text_string(out, "serverVersion", training->version);
    text_open(out, "counts", '{');
    text_int(out, "schemas", training->count);
    text_int(out, "tables", table_count(training));
    text_int(out, "columns", columns);
    text_close(out, '}');
    want_write_warnings(&training->want, out);
}

static void write_schemas(const struct training *training, struct text *out)
{
    text_open(out, "schemas", '[');
    for (int i = 0; i < training->count; i++) {
        const struct schema *schema = &training->schemas[i];

        text_open(out, NULL, '{');
        text_string(out, "name", schema->name);
        text_open(out, "tables", '[');
        for (int j = 0; j < schema->count; j++) {
            text_open(out, NULL, '{');
            catalog_write_table(out, &schema->tables[j], &training->options);
            text_close(out, '}');
        }
        text_close(out, ']');
        text_close(out, '}');
    }
    text_close(out, ']');
}

static int answer(struct training *training)
{
    struct text head, body;

    text_init(&head, training->mem);
    text_init(&body, training->mem);
    write_head(training, &head);
    write_schemas(training, &body);
    return catalog_answer(training->mem, &head, &body);
}

static int train_from_source(struct training *training)
{
    struct fault err;
    bool ok;

    if (!source_open(training->mem, &training->source, &training->db, &err))
        return kit_fail_with(&err);
    ok = read_all(training, &err);
    catalog_close(&training->db);
    return ok ? answer(training) : kit_fail_with(&err);
}

static int train(void *mem, json_t *payload)
{
    struct training training = {.mem = mem};
    struct fault err;
    int status = want_read(payload, &training.want, &training.options, &err)
                     ? train_from_source(&training)
                     : kit_fail_with(&err);

    want_done(&training.want);
    return status;
}

int main(void)
{
    void *mem = talloc_new(NULL);
    json_t *payload = NULL;
    struct fault err;
    int status;

    kit_start();
    status =
        kit_payload(&payload, &err) ? train(mem, payload) : kit_fail_with(&err);
    json_decref(payload);
    talloc_free(mem);
    return status;
}
