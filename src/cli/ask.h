#ifndef CLI_ASK_H
#define CLI_ASK_H

#include "cli.h"
#include "transport.h"

/*
 * Requests of a command to the API, over the transport that the settings and
 * options choose: HTTP where both a URL and a token are known, else the
 * database. The first request opens it.
 */

/*
 * Ask and take the answer, which has a good status and is JSON (or empty). Of a
 * refusal the error has the API's message and code; the kind tells what is to
 * be done: ERROR_NOT_FOUND, ERROR_UNAVAILABLE where nothing answers, and
 * another one where the server says no.
 */
bool ask_send(struct cli *cli, void *mem, const struct ask *ask,
              struct answer *ret, struct error *err) MUST_CHECK;

/* The same for most requests; body is JSON or NULL. */
bool ask(struct cli *cli, void *mem, const char *method, const char *path,
         const char *body, struct answer *ret, struct error *err) MUST_CHECK;

/* The transport, opened. */
bool ask_transport(struct cli *cli, struct transport **ret,
                   struct error *err) MUST_CHECK;

/* Print the answer's JSON as it came, a line. */
void ask_print(const struct answer *answer);

#endif
