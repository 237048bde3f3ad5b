#include "doctor.h"

#include "connection.h"

#include <errno.h>
#include <talloc.h>
#include <unistd.h>

/* How many of the passwords that are saved (the first thousand of them) the key
 * does not open; each is opened and wiped. */
static int closed_ones(struct doctor *doctor, const struct seal_key *key,
                       const struct connection *list, int count)
{
    struct error ignored;
    char *password;
    int closed = 0;

    for (int i = 0; i < count; i++) {
        if (!connection_unseal(doctor->mem, key, &list[i], &password, &ignored))
            closed++;
        talloc_free(password);
    }
    return closed;
}

static void try_key(struct doctor *doctor, const struct connection *list,
                    int count)
{
    const char *file = doctor->conf.key_file;
    struct seal_key key;
    struct error err;
    int closed;

    if (!seal_key_read(file, &key, &err)) {
        bool hidden = access(file, R_OK) < 0 && errno == EACCES;

        doctor_note(doctor, hidden ? VERDICT_WARN : VERDICT_FAIL, "key",
                    hidden ? "run this as root or as the user millrace"
                           : "put the key back that the passwords were saved "
                             "with, or make one and save them again",
                    "%s", err.text);
        return;
    }
    closed = closed_ones(doctor, &key, list, count);
    seal_key_wipe(&key);
    if (closed > 0)
        doctor_note(doctor, VERDICT_FAIL, "key",
                    "put the key back that they were saved with, or save them "
                    "again",
                    "%s does not open the passwords of %d saved connections",
                    file, closed);
    else
        doctor_note(doctor, VERDICT_OK, "key", NULL,
                    "%s opens the passwords that are saved", file);
}

void doctor_key(struct doctor *doctor, struct db *db)
{
    struct connection *list;
    struct error err;
    int count;

    if (!connection_list(db, doctor->mem, NULL, NULL, NULL,
                         CONNECTION_LIST_MOST, &list, &count, &err))
        doctor_note(doctor, VERDICT_WARN, "key", NULL, "cannot be tried: %s",
                    err.text);
    else
        for (int i = 0; i < count; i++)
            if (list[i].sealed) {
                try_key(doctor, list, count);
                return;
            }
}
