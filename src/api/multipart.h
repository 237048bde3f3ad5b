#ifndef API_MULTIPART_H
#define API_MULTIPART_H

#include "error.h"

#include <stddef.h>

/*
 * A push parser of multipart/form-data (RFC 7578): it is fed with the body in
 * pieces of any size and calls back as parts begin, go on and end. It keeps no
 * more than one part's header. What is malformed, and what is over a limit, is
 * ERROR_INVALID invalid_multipart with what was wrong; after a failure, of its
 * own or of a callback, it takes no more.
 */
struct multipart;

#define MULTIPART_MOST_PARTS 32
#define MULTIPART_MOST_HEAD  8192  /* bytes of one part's header */
#define MULTIPART_MOST_FIELD 65536 /* bytes of a part that is not a file */

/* What a part's header says; its strings live until the part ends. */
struct multipart_part {
    const char *name;         /* of the form's field, UTF-8 */
    const char *filename;     /* as sent: any bytes; NULL: it is not a file */
    const char *content_type; /* as sent; NULL: not given */
};

/* Between on_begin and on_end of a part, on_data is called for each piece of
 * it. Any of them may refuse. */
struct multipart_calls {
    bool (*on_begin)(void *arg, const struct multipart_part *part,
                     struct error *err);
    bool (*on_data)(void *arg, const char *data, size_t len, struct error *err);
    bool (*on_end)(void *arg, struct error *err);
};

/* For a body with this Content-Type, which names the boundary. `calls` must
 * outlive the parser. */
bool multipart_open(void *mem, const char *content_type,
                    const struct multipart_calls *calls, void *arg,
                    struct multipart **ret, struct error *err) MUST_CHECK;

bool multipart_feed(struct multipart *multipart, const char *data, size_t len,
                    struct error *err) MUST_CHECK;

/* The body has ended: whether that was its right place. */
bool multipart_end(struct multipart *multipart, struct error *err) MUST_CHECK;

#endif
