/*
 * Any bytes from a FastCGI server: records keep within them, they are the same
 * however the bytes come in, and so is the answer that they make.
 */
#include "cgi_answer.h"
#include "fcgi_record.h"

#include <stdlib.h>
#include <string.h>
#include <talloc.h>

/* What was sent on stdout, until an end or an error, given `piece` bytes more
 * at a time. */
static void read_all(const uint8_t *data, size_t size, size_t piece,
                     struct buf *out)
{
    struct fcgi_record record;
    struct fcgi_end end;
    struct error err;
    size_t at = 0, have = 0, used;

    while (have < size) {
        have = size - have < piece ? size : have + piece;
        do {
            if (!fcgi_read(data + at, have - at, &record, &used, &err))
                return;
            if (used == 0)
                break;
            if (record.content < data ||
                record.content + record.len > data + at + used)
                abort();
            if (record.type == FCGI_END_REQUEST) {
                (void)!fcgi_read_end(&record, &end, &err);
                return;
            }
            if (record.type == FCGI_STDOUT)
                buf_add(out, (const char *)record.content, record.len);
            at += used;
        } while (at < have);
    }
}

static void read_answer(void *mem, const struct buf *out)
{
    char *copy = malloc(out->len ? out->len : 1);
    struct web_answer answer;
    struct error err;

    memcpy(copy, out->data, out->len);
    if (cgi_answer_read(mem, copy, out->len, &answer, &err)) {
        if (answer.status < 100 || answer.status > 999 ||
            answer.body + answer.len != copy + out->len)
            abort();
        if (answer.retry_after &&
            (web_retry_after_ms(answer.retry_after, 0) < 0 ||
             web_retry_after_ms(answer.retry_after, 0) > 86400000))
            abort();
    }
    free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    void *mem = talloc_new(NULL);
    struct buf whole, pieces;

    if (size > 0) {
        buf_init(&whole, mem, 64);
        buf_init(&pieces, mem, 64);
        read_all(data + 1, size - 1, size, &whole);
        read_all(data + 1, size - 1, (size_t)data[0] + 1, &pieces);
        if (whole.len != pieces.len ||
            memcmp(whole.data, pieces.data, whole.len) != 0)
            abort();
        read_answer(mem, &whole);
    }
    talloc_free(mem);
    return 0;
}
