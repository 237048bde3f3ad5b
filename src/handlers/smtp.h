/* Sending a message by SMTP, and what the server said of each recipient. */
#ifndef HANDLERS_SMTP_H
#define HANDLERS_SMTP_H

#include "mail.h"

/* Where to, from the environment: the operator's, never the payload's. */
struct smtp {
    const char *url;             /* smtp://host:port or smtps://… */
    const char *user, *password; /* NULL: no authentication */
    const char *ca_file;         /* NULL: the system's */
    long tls;                    /* CURLUSESSL_NONE, _TRY or _ALL */
    long timeout_s;              /* without a byte moving */
};

enum delivery {
    DELIVERY_OPEN,     /* not tried yet */
    DELIVERY_SENT,     /* the server has taken it */
    DELIVERY_DEFERRED, /* 4xx: later perhaps */
    DELIVERY_REJECTED, /* 5xx: never */
};

struct recipient {
    const char *address;
    enum delivery delivery;
    int code;        /* the server's; 0: it said none */
    char reply[300]; /* what it said, or what went wrong */
};

/* From SMTP_URL, SMTP_USER, SMTP_PASSWORD or _PASSWORD_FILE, SMTP_TLS,
 * SMTP_CA_FILE, SMTP_TIMEOUT. */
bool smtp_read(void *mem, struct smtp *ret, struct fault *err);

/*
 * One message to all that are open or deferred, over one connection. Each of
 * them is judged. False where the server could not be used at all, for reasons
 * that have nothing to do with a recipient; then nothing was sent.
 */
bool smtp_send(void *mem, const struct smtp *smtp, const struct mail *mail,
               const char *id, struct recipient *list, int count,
               struct fault *err);

#endif
