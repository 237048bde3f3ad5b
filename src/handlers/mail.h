/* A message as a job's payload describes it. */
#ifndef HANDLERS_MAIL_H
#define HANDLERS_MAIL_H

#include "fault.h"

#include <curl/curl.h>
#include <jansson.h>

#define MAIL_MAX_RECIPIENTS 1000

struct mailbox {
    const char *name; /* NULL: none */
    const char *address;
};

struct mailboxes {
    struct mailbox *list;
    int count;
};

struct attachment {
    const char *path, *name;
    const char *type; /* NULL: by the name */
};

struct mail {
    struct mailbox from;
    struct mailboxes reply_to, to, cc, bcc;
    const char *subject;
    const char *text, *html; /* with CRLF; NULL: there is none */
    struct attachment *attachments;
    int attachment_count;
    const json_t *headers; /* NULL: no further ones */
};

/*
 * Read and check a payload; `ret` lives on `mem` and borrows from the payload.
 * Whatever could end a header line is refused. `from` (NULL: none) stands in
 * where the payload names no sender.
 */
bool mail_read(void *mem, const json_t *payload, const char *from,
               struct mail *ret, struct fault *err);

/* "ann@example.org" or "Ann <ann@example.org>". */
bool mailbox_read(void *mem, const char *text, const char *where,
                  struct mailbox *ret, struct fault *err);

/* No control character: nothing that could begin another line. */
bool mail_is_line(const char *text);

/*
 * The header lines, Message-ID made of `id`, so that the same message sent
 * twice can be told to be one. To be freed by curl_slist_free_all.
 */
struct curl_slist *mail_headers(void *mem, const struct mail *mail,
                                const char *id);

/* The Message-ID itself. */
char *mail_id(void *mem, const struct mail *mail, const char *id);

/* "attachment; filename=…" for any name. */
char *mail_disposition(void *mem, const char *name);

/* A text as RFC 2047 has it, from column `at` on; ASCII stays as it is. */
char *mail_words(void *mem, const char *text, size_t at);

#endif
