#include "buf.h"

#include <assert.h>
#include <talloc.h>

void buf_init(struct buf *buf, void *mem, size_t size)
{
    buf->data = talloc_size(mem, size);
    buf->len = 0;
    buf->size = size;
    assert(buf->data && size > 0);
}

void buf_grow(struct buf *buf, size_t more)
{
    while (buf->size - buf->len <= more)
        buf->size *= 2;
    buf->data = talloc_realloc_size(NULL, buf->data, buf->size);
    assert(buf->data);
}
