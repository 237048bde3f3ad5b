#include "fcgi_record.h"

#include <assert.h>

#define VERSION     1
#define REQUEST_ID  1
#define RESPONDER   1
#define HEADER      8
#define MAX_CONTENT 65535
#define PIECE       65528 /* of the body: a multiple of eight needs no padding */

/* ------------------------------------------------------------ writing */

static void add_header(struct buf *out, enum fcgi_type type, size_t len)
{
    assert(len <= MAX_CONTENT);
    buf_add_char(out, VERSION);
    buf_add_char(out, (char)type);
    buf_add_char(out, 0);
    buf_add_char(out, REQUEST_ID);
    buf_add_char(out, (char)(len >> 8));
    buf_add_char(out, (char)(len & 0xFF));
    buf_add_char(out, 0);
    buf_add_char(out, 0);
}

void fcgi_add_begin(struct buf *out)
{
    static const char content[8] = {0, RESPONDER, 0, 0, 0, 0, 0, 0};

    add_header(out, FCGI_BEGIN_REQUEST, sizeof(content));
    buf_add(out, content, sizeof(content));
}

static size_t length_size(size_t len)
{
    return len < 128 ? 1 : 4;
}

static void add_length(struct buf *out, size_t len)
{
    if (len >= 128) {
        buf_add_char(out, (char)(0x80 | (len >> 24)));
        buf_add_char(out, (char)(len >> 16 & 0xFF));
        buf_add_char(out, (char)(len >> 8 & 0xFF));
    }
    buf_add_char(out, (char)(len & 0xFF));
}

/* In a record of its own: PHP reads each by itself, so that none may go over
 * the end of one. */
void fcgi_add_param(struct buf *out, const char *name, const char *value)
{
    size_t name_len = strlen(name), value_len = strlen(value);

    assert(name_len + value_len <= FCGI_PARAM_MAX);
    add_header(out, FCGI_PARAMS,
               length_size(name_len) + length_size(value_len) + name_len +
                   value_len);
    add_length(out, name_len);
    add_length(out, value_len);
    buf_add(out, name, name_len);
    buf_add(out, value, value_len);
}

void fcgi_add_params_end(struct buf *out)
{
    add_header(out, FCGI_PARAMS, 0);
}

void fcgi_add_body(struct buf *out, const char *data, size_t len)
{
    while (len > 0) {
        size_t piece = len < PIECE ? len : PIECE;

        add_header(out, FCGI_STDIN, piece);
        buf_add(out, data, piece);
        data += piece;
        len -= piece;
    }
    add_header(out, FCGI_STDIN, 0);
}

void fcgi_add_abort(struct buf *out)
{
    add_header(out, FCGI_ABORT_REQUEST, 0);
}

/* ------------------------------------------------------------ reading */

bool fcgi_read(const unsigned char *data, size_t len, struct fcgi_record *ret,
               size_t *ret_used, struct error *err)
{
    size_t content, whole;

    *ret_used = 0;
    if (len > 0 && data[0] != VERSION)
        return error_set(err, ERROR_INVALID, "fastcgi_protocol",
                         "what came is no FastCGI record of version 1");
    if (len < HEADER)
        return true;
    content = (size_t)data[4] << 8 | data[5];
    whole = HEADER + content + data[6];
    if (len < whole)
        return true;
    *ret = (struct fcgi_record){
        .type = data[1],
        .id = (unsigned)data[2] << 8 | data[3],
        .content = data + HEADER,
        .len = content,
    };
    *ret_used = whole;
    return true;
}

bool fcgi_read_end(const struct fcgi_record *record, struct fcgi_end *ret,
                   struct error *err)
{
    const unsigned char *c = record->content;

    if (record->len < 5)
        return error_set(err, ERROR_INVALID, "fastcgi_protocol",
                         "the record that ends the request is too short");
    ret->app_status = (uint32_t)c[0] << 24 | (uint32_t)c[1] << 16 |
                      (uint32_t)c[2] << 8 | c[3];
    ret->protocol_status = c[4];
    return true;
}
