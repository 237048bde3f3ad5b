#ifndef WORKER_FCGI_RECORD_H
#define WORKER_FCGI_RECORD_H

#include "buf.h"
#include "error.h"

#include <stdint.h>

/*
 * The records of the FastCGI protocol as a client writes and reads them: bytes
 * in memory, no sockets. There is one request on a connection, with the id 1.
 */
enum fcgi_type {
    FCGI_BEGIN_REQUEST = 1,
    FCGI_ABORT_REQUEST,
    FCGI_END_REQUEST,
    FCGI_PARAMS,
    FCGI_STDIN,
    FCGI_STDOUT,
    FCGI_STDERR,
};

enum fcgi_status {
    FCGI_REQUEST_COMPLETE,
    FCGI_CANT_MPX_CONN,
    FCGI_OVERLOADED,
    FCGI_UNKNOWN_ROLE,
};

/* What name and value of a parameter may have together, in bytes. */
#define FCGI_PARAM_MAX 60000

/* A request: begin, parameters, the end of the parameters, the body with its
 * end. The server closes the connection when it has answered. */
void fcgi_add_begin(struct buf *out);
void fcgi_add_param(struct buf *out, const char *name, const char *value);
void fcgi_add_params_end(struct buf *out);
void fcgi_add_body(struct buf *out, const char *data, size_t len);

/* The request is not wanted any more. */
void fcgi_add_abort(struct buf *out);

struct fcgi_record {
    unsigned type, id;
    const unsigned char *content; /* within what was read */
    size_t len;
};

/*
 * The record at the beginning of `data`, and how many bytes it takes; these are
 * 0 while it is not whole. False where it is no record.
 */
bool fcgi_read(const unsigned char *data, size_t len, struct fcgi_record *ret,
               size_t *ret_used, struct error *err) MUST_CHECK;

/* What an END_REQUEST says. */
struct fcgi_end {
    uint32_t app_status;
    unsigned protocol_status;
};

bool fcgi_read_end(const struct fcgi_record *record, struct fcgi_end *ret,
                   struct error *err) MUST_CHECK;

#endif
