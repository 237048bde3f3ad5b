/*
 * Any body of a post, in pieces whose size the first byte says: what is taken
 * is a job with a payload that is JSON, and all else is the client's fault.
 */
#include "elements.h"
#include "http.h"
#include "job_read.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <talloc.h>

struct source {
    const uint8_t *at;
    size_t left, piece;
};

static void must(bool condition)
{
    if (!condition)
        abort();
}

static int read_piece(void *arg, char *into, int size)
{
    struct source *source = arg;
    size_t count = source->piece;

    if (count > (size_t)size)
        count = (size_t)size;
    if (count > source->left)
        count = source->left;
    if (count > 0)
        memcpy(into, source->at, count);
    source->at += count;
    source->left -= count;
    return (int)count;
}

static void read_job(void *mem, json_t *json, const char *text, size_t len)
{
    const char *member = NULL;
    struct error err = {0};
    struct new_job job;
    json_t *payload;

    if (!job_read(mem, json, text, len, &job, &member, &err)) {
        must(err.kind == ERROR_INVALID && err.code && *err.text);
        return;
    }
    must(job.type && uuid_valid(job.id) && job.payload);
    must(json_parse(mem, job.payload, strlen(job.payload), &payload, &err));
}

/* The elements as they were written are those of the tree. */
static void read_batch(void *mem, json_t *list, const char *text, size_t len)
{
    const char *value;
    size_t at = 0, count = 0, value_len;

    while (elements_next(text, len, &at, &value, &value_len)) {
        json_t *again, *job = json_array_get(list, count++);
        struct error err;

        must(job && json_parse(mem, value, value_len, &again, &err));
        must(json_equal(job, again));
        if (json_is_object(job))
            read_job(mem, job, value, value_len);
    }
    must(count == json_array_size(list));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct source source = {.at = data + 1, .left = size - 1};
    struct request *req = talloc_zero(NULL, struct request);
    struct json_member first;
    struct error err = {0};
    size_t at = 0;
    json_t *json;

    if (size > 0) {
        source.piece = (size_t)data[0] + 1;
        req->body.read = read_piece;
        req->body.source = &source;
        req->body.length = -1;
        req->body.limit = 4096;
        if (!http_json(req, &json, &err))
            must(err.kind == ERROR_INVALID || err.kind == ERROR_TOO_LARGE);
        else if (json_is_array(json_object_get(json, "jobs")) &&
                 json_next_member(req->text, req->text_len, &at, &first) &&
                 json_object_size(json) == 1)
            read_batch(req, json_object_get(json, "jobs"), first.value,
                       first.value_len);
        else
            read_job(req, json, req->text, req->text_len);
    }
    talloc_free(req);
    return 0;
}
