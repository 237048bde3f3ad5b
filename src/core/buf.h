#ifndef CORE_BUF_H
#define CORE_BUF_H

#include <stddef.h>
#include <string.h>

/* A text that grows. Its memory hangs on the context it was begun with. */
struct buf {
    char *data;
    size_t len, size; /* len < size: there is always room for the end */
};

void buf_init(struct buf *buf, void *mem, size_t size);

/* Make room for `more` bytes and the end. */
void buf_grow(struct buf *buf, size_t more);

static inline void buf_add(struct buf *buf, const char *data, size_t len)
{
    if (buf->size - buf->len <= len)
        buf_grow(buf, len);
    memcpy(buf->data + buf->len, data, len);
    buf->len += len;
}

static inline void buf_add_char(struct buf *buf, char c)
{
    if (buf->size - buf->len <= 1)
        buf_grow(buf, 1);
    buf->data[buf->len++] = c;
}

static inline void buf_add_text(struct buf *buf, const char *text)
{
    buf_add(buf, text, strlen(text));
}

/* What is in it, ended by a zero byte. Valid until the next call. */
static inline const char *buf_text(struct buf *buf)
{
    buf->data[buf->len] = '\0';
    return buf->data;
}

#endif
