#ifndef API_REPLY_H
#define API_REPLY_H

#include "http.h"

#include <stddef.h>

/* Takes the next bytes of an answer; false: nobody wants more. */
typedef bool reply_fn(void *sink, const char *data, size_t len);

/* Send an answer in the form of CGI: header lines, an empty line, the body. */
void reply_send(struct request *req, const struct response *res,
                reply_fn *write, void *sink);

#endif
