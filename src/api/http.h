#ifndef API_HTTP_H
#define API_HTTP_H

#include "db.h"
#include "error.h"
#include "json.h"
#include "token.h"

#include <stddef.h>
#include <stdint.h>

struct api;

#define HTTP_MAX_PARAMS 2
#define HTTP_MAX_QUERY  8192
#define HTTP_MAX_ARGS   16

/* One name=value of the query string, percent-decoded. */
struct http_arg {
    const char *name, *value;
};

/* Where a body comes from: fills `into`, returns how many bytes; 0 at the end,
 * less than 0 when the client went away. */
typedef int body_fn(void *source, char *into, int size);

/*
 * One request, and the context of everything that is made for it. Text that a
 * header or a parameter lacks is NULL. Handlers read; only the http files
 * write.
 */
struct request {
    struct api *api;
    const char *method; /* HEAD is "GET" here: see `head` */
    bool head;
    char *path; /* as sent, without the query; /api/v1 is /api */
    const char *params[HTTP_MAX_PARAMS]; /* what stands for the :names */
    struct http_arg *args;
    int arg_count;
    const char *query; /* as sent */
    const char *authorization, *cookie, *content_type, *prefer,
        *idempotency_key, *accept, *last_event_id, *fetch_site, *https;
    struct caller caller; /* set where the route needs one */
    bool trusted;         /* the caller is known without a secret: cgi.h */
    struct db *db;        /* see http_db */
    const char *text;     /* the body, once http_text has read it */
    size_t text_len;
    struct {
        body_fn *read;
        void *source;
        int64_t length; /* as announced; -1: not */
        int64_t limit;  /* of this route, bytes */
        int64_t taken;  /* bytes read so far */
        bool ended;     /* the end or a failure was seen */
    } body;
};

struct http_header {
    const char *name, *value;
};

#define HTTP_MAX_HEADERS 8

/* The answer to one request. All zero is 200 without a body. */
struct response {
    int status;               /* 0: 200 */
    const char *content_type; /* NULL: application/json */
    const char *body;
    size_t body_len;
    const char *file;    /* a file to send instead: its path */
    const char *details; /* JSON for the member `details` of a failure */
    struct http_header headers[HTTP_MAX_HEADERS];
    int header_count;
};

/* Fills *res and returns true, or says in *err why not. */
typedef bool handler_fn(struct request *req, struct response *res,
                        struct error *err);

/* A request from CGI's variables ("NAME=value" …, NULL), on `mem`. Never fails:
 * what is wrong with it is found by http_serve. */
struct request *http_request_new(void *mem, struct api *api, char *const *env,
                                 body_fn *read, void *source);

/* Find the route, check caller, arguments and size, call the handler, and turn
 * a failure into its answer. */
void http_serve(struct request *req, struct response *res);

/* The answer to a failure. */
void http_fail(struct request *req, struct response *res,
               const struct error *err);

/* --- for handlers --- */

/* An argument's value, or NULL. Those that a route does not name were refused,
 * so were repeated ones. */
const char *http_arg(const struct request *req, const char *name);

/* A whole number within its limits; `standard` where the argument is missing.
 */
bool http_arg_int(const struct request *req, const char *name, int64_t min,
                  int64_t max, int64_t standard, int64_t *ret,
                  struct error *err) MUST_CHECK;

/* params[0] as a UUID: ERROR_INVALID invalid_id. */
bool http_id(const struct request *req, const char **ret,
             struct error *err) MUST_CHECK;

/*
 * The next bytes of the body, without holding more: *ret_len 0 is the end.
 * ERROR_TOO_LARGE body_too_large past the route's limit, ERROR_INVALID
 * incomplete_body when the client went away or sent less than it announced.
 */
bool http_read(struct request *req, char *into, size_t size, size_t *ret_len,
               struct error *err) MUST_CHECK;

/* The whole body into req->text, which ends with a zero byte. */
bool http_text(struct request *req, struct error *err) MUST_CHECK;

/* The same, checked to be declared as JSON and parsed; an object. */
bool http_json(struct request *req, json_t **ret, struct error *err) MUST_CHECK;

/* The same, or NULL where there is no body. */
bool http_json_if_any(struct request *req, json_t **ret,
                      struct error *err) MUST_CHECK;

/* Whether the body's content type is this one ("multipart/form-data"),
 * parameters aside. */
bool http_is_type(const struct request *req, const char *type);

/*
 * A database connection out of the pool, the same one for the whole request.
 * It goes back when the handler returns, or by http_db_done: before anything
 * that may take long (a body to stream, a wait).
 */
bool http_db(struct request *req, struct db **ret,
             struct error *err) MUST_CHECK;
void http_db_done(struct request *req);

/* The same after an unusually large statement, whose memory the connection
 * would keep: it is closed. */
void http_db_drop(struct request *req);

/* Whose things the caller may see: NULL is everybody's (an admin). */
const char *http_owner(const struct request *req);

/* Add a header. The name is a literal; control characters in the value, which
 * could end the line, become spaces. */
void http_header(struct request *req, struct response *res, const char *name,
                 const char *value);

/* Answer with what was written; `out` must hang on the request. */
void http_send(struct response *res, int status, struct json_out *out);

/* Answer that it is done, there being no more to say. Returns true. */
bool http_done(struct request *req, struct response *res);

/*
 * Answer with a file under the data directory: by nginx (X-Accel-Redirect to
 * /-/millrace/PATH), which adds ranges and validators, or as plain CGI by
 * ourselves. `path` is relative to the data directory (see store.h), `name`
 * what the client shall save it as.
 */
void http_send_file(struct request *req, struct response *res, const char *path,
                    const char *name, const char *content_type);

#endif
