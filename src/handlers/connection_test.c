/*
 * connection-test: opens a connection and asks the server for its version. The
 * payload describes the connection as the file MILLRACE_CONNECTION does. It is
 * no job type: millrace-api runs it before it saves a connection, so that what
 * a server says is read by a process that has nothing else.
 */
#include "catalog_db.h"
#include "catalog_source.h"
#include "kit.h"

#include <stdio.h>
#include <sys/resource.h>
#include <talloc.h>
#include <unistd.h>

#define MEMORY (128UL << 20) /* for what a server sends */

/* A row may be as long as a server likes, up to a gigabyte. A core would have
 * the password in it. */
static void confine(void)
{
    unsigned long pages = 0, page = (unsigned long)sysconf(_SC_PAGESIZE);
    struct rlimit memory, none = {0, 0};
    FILE *file = fopen("/proc/self/statm", "re");

    if (file && fscanf(file, "%*u %*u %*u %*u %*u %lu", &pages) == 1) {
        memory.rlim_cur = memory.rlim_max = pages * page + MEMORY;
        setrlimit(RLIMIT_DATA, &memory);
    }
    if (file)
        fclose(file);
    setrlimit(RLIMIT_CORE, &none);
}

static bool on_version(void *arg, const char *const *fields, struct fault *err)
{
    (void)err;
    json_object_set_new(arg, "serverVersion", json_string(fields[0]));
    return true;
}

static int test(void *mem, json_t *described)
{
    json_t *result = json_object();
    struct source source;
    struct catalog_db db;
    struct fault err;
    bool ok = source_open_described(mem, described, &source, &db, &err);

    if (ok) {
        ok = catalog_query(&db, db.dialect->version, NULL, on_version, result,
                           &err);
        catalog_close(&db);
    }
    if (ok)
        return kit_result(result);
    json_decref(result);
    return kit_fail_with(&err);
}

int main(void)
{
    void *mem = talloc_new(NULL);
    json_t *described = NULL;
    struct fault err;
    int status;

    kit_start();
    confine();
    status = kit_payload(&described, &err) ? test(mem, described)
                                           : kit_fail_with(&err);
    json_decref(described);
    talloc_free(mem);
    return status;
}
