#include "multipart.h"
#include "multipart_head.h"

#include <string.h>
#include <talloc.h>

enum state {
    PREAMBLE, /* before the first boundary: passed over */
    BOUNDARY, /* right behind one */
    DASH,     /* behind its first dash: the last boundary has two */
    PADDING,  /* white space may follow it */
    NEW_LINE, /* the line feed that ends its line */
    HEAD,
    CONTENT,
    EPILOGUE, /* behind the last boundary: passed over */
};

struct multipart {
    const struct multipart_calls *calls;
    void *arg;
    enum state state;
    int parts;

    /* CR LF -- and the boundary. Of these, `matched` bytes have been seen at
     * the end of what was fed; the first `lent` of them belong to the line
     * before and are no content whatever follows. */
    char *delimiter;
    size_t delimiter_len, matched, lent;

    void *part_mem;
    bool is_file;
    size_t field_len;
    char head[MULTIPART_MOST_HEAD];
    size_t head_len;
};

/* A boundary stands at the start of a line, and may well be what comes first:
 * the end of the line before it counts as seen. */
static void begin_content(struct multipart *m, enum state state)
{
    m->state = state;
    m->matched = m->lent = 2;
}

bool multipart_open(void *mem, const char *content_type,
                    const struct multipart_calls *calls, void *arg,
                    struct multipart **ret, struct error *err)
{
    struct multipart *m = talloc_zero(mem, struct multipart);
    char *boundary;

    if (!multipart_boundary(m, content_type, &boundary, err))
        return false;
    m->calls = calls;
    m->arg = arg;
    m->delimiter = talloc_asprintf(m, "\r\n--%s", boundary);
    m->delimiter_len = strlen(m->delimiter);
    begin_content(m, PREAMBLE);
    *ret = m;
    return true;
}

/* Hand on what turned out to be content. */
static bool emit(struct multipart *m, const char *data, size_t len,
                 struct error *err)
{
    if (m->state != CONTENT || len == 0)
        return true;
    m->field_len += len;
    if (!m->is_file && m->field_len > MULTIPART_MOST_FIELD)
        return MULTIPART_BAD(err, "part %d is no file and longer than %d bytes",
                             m->parts, MULTIPART_MOST_FIELD);
    return m->calls->on_data(m->arg, data, len, err);
}

static bool end_content(struct multipart *m, struct error *err)
{
    bool in_part = m->state == CONTENT;

    m->state = BOUNDARY;
    m->matched = m->lent = 0;
    return !in_part || m->calls->on_end(m->arg, err);
}

/* Go on with what may be a delimiter that began in an earlier piece. */
static bool resume(struct multipart *m, const char *data, size_t len,
                   size_t *ret_used, struct error *err)
{
    size_t at = 0, held, lent = m->lent;

    while (at < len && m->matched < m->delimiter_len &&
           data[at] == m->delimiter[m->matched]) {
        m->matched++;
        at++;
    }
    *ret_used = at;
    if (m->matched == m->delimiter_len)
        return end_content(m, err);
    if (at == len)
        return true;
    held = m->matched;
    m->matched = m->lent = 0;
    return emit(m, m->delimiter + lent, held - lent, err);
}

/* How many bytes at the end may be the beginning of a delimiter. CR is its
 * first byte and no other. */
static size_t open_end(const struct multipart *m, const char *data, size_t len)
{
    size_t most = m->delimiter_len - 1;
    size_t skip = len > most ? len - most : 0;
    const char *cr = memrchr(data + skip, '\r', len - skip);
    size_t tail = cr ? (size_t)(data + len - cr) : 0;

    return cr && !memcmp(cr, m->delimiter, tail) ? tail : 0;
}

static bool search(struct multipart *m, const char *data, size_t len,
                   size_t *ret_used, struct error *err)
{
    const char *found = memmem(data, len, m->delimiter, m->delimiter_len);
    size_t content =
        found ? (size_t)(found - data) : len - open_end(m, data, len);

    *ret_used = found ? content + m->delimiter_len : len;
    if (!emit(m, data, content, err))
        return false;
    if (found)
        return end_content(m, err);
    m->matched = len - content;
    return true;
}

static bool begin_head(struct multipart *m, struct error *err)
{
    if (m->parts == MULTIPART_MOST_PARTS)
        return MULTIPART_BAD(err, "there are more than %d parts",
                             MULTIPART_MOST_PARTS);
    m->parts++;
    m->head_len = 0;
    m->state = HEAD;
    return true;
}

/* The rest of a boundary's line. */
static bool take_line(struct multipart *m, char c, struct error *err)
{
    bool open = m->state == BOUNDARY || m->state == PADDING;

    if (m->state == NEW_LINE && c == '\n')
        return begin_head(m, err);
    if (m->state == DASH && c == '-')
        m->state = EPILOGUE;
    else if (m->state == BOUNDARY && c == '-')
        m->state = DASH;
    else if (open && (c == ' ' || c == '\t'))
        m->state = PADDING;
    else if (open && c == '\r')
        m->state = NEW_LINE;
    else
        return MULTIPART_BAD(err,
                             "the boundary after part %d has neither \"--\" "
                             "nor the end of the line behind it",
                             m->parts);
    return true;
}

static bool head_ends(const struct multipart *m)
{
    const char *end = m->head + m->head_len;

    return (m->head_len == 2 && !memcmp(m->head, "\r\n", 2)) ||
           (m->head_len >= 4 && !memcmp(end - 4, "\r\n\r\n", 4));
}

static bool begin_part(struct multipart *m, struct error *err)
{
    struct multipart_part part;

    talloc_free(m->part_mem);
    m->part_mem = talloc_new(m);
    if (!multipart_head(m->part_mem, m->head, m->head_len, &part, err))
        return error_prefix(err, "part %d", m->parts);
    m->is_file = part.filename;
    m->field_len = 0;
    begin_content(m, CONTENT);
    return m->calls->on_begin(m->arg, &part, err);
}

static bool take_head(struct multipart *m, const char *data, size_t len,
                      size_t *ret_used, struct error *err)
{
    for (size_t at = 0; at < len; at++) {
        if (m->head_len == sizeof(m->head))
            return MULTIPART_BAD(err, "part %d: its header is longer than %d",
                                 m->parts, MULTIPART_MOST_HEAD);
        m->head[m->head_len++] = data[at];
        if (head_ends(m)) {
            *ret_used = at + 1;
            return begin_part(m, err);
        }
    }
    *ret_used = len;
    return true;
}

/* Take at least one byte, or settle what was held back. */
static bool step(struct multipart *m, const char *data, size_t len,
                 size_t *ret_used, struct error *err)
{
    switch (m->state) {
    case PREAMBLE:
    case CONTENT:
        return m->matched > 0 ? resume(m, data, len, ret_used, err)
                              : search(m, data, len, ret_used, err);
    case HEAD:
        return take_head(m, data, len, ret_used, err);
    case EPILOGUE:
        *ret_used = len;
        return true;
    case BOUNDARY:
    case DASH:
    case PADDING:
    case NEW_LINE:
        break;
    }
    *ret_used = 1;
    return take_line(m, *data, err);
}

bool multipart_feed(struct multipart *m, const char *data, size_t len,
                    struct error *err)
{
    while (len > 0) {
        size_t used = 0;

        if (!step(m, data, len, &used, err))
            return false;
        data += used;
        len -= used;
    }
    return true;
}

bool multipart_end(struct multipart *m, struct error *err)
{
    if (m->state == EPILOGUE)
        return true;
    if (m->state == PREAMBLE)
        return MULTIPART_BAD(err, "the boundary %s is nowhere in the body",
                             m->delimiter + 2);
    return MULTIPART_BAD(err, "the body ends in part %d: no %s-- was found",
                         m->parts, m->delimiter + 2);
}
