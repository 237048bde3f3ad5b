#include "input.h"

#include "dependencies.h"
#include "file_name.h"
#include "queries.h"
#include "store.h"
#include "worker.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <talloc.h>
#include <unistd.h>

struct file {
    const char *from, *name;
    const char *folder; /* within the input folder; NULL: at its top */
};

/* What is laid out; the chore's while it runs, else the loop's. */
struct layout {
    struct attempt *attempt;
    input_fn *done;
    const char *dir;          /* the input folder; NULL: there is none */
    const char *dependencies; /* NULL: no file of them is wanted */
    struct file *files;
    int count;
    struct error err; /* kind is ERROR_NONE where all went well */
};

static bool copy_bytes(int from, int to)
{
    ssize_t n;

    do
        n = copy_file_range(from, NULL, to, NULL, 1 << 30, 0);
    while (n > 0);
    return n == 0;
}

/* Shares the blocks where the file system can. */
static bool copy_file(const char *from, const char *to)
{
    int in = open(from, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    int out = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0640);
    bool ok = in >= 0 && out >= 0 && copy_bytes(in, out);

    if (in >= 0)
        close(in);
    if (out >= 0)
        close(out);
    return ok;
}

static bool lay(const char *from, const char *to)
{
    if (link(from, to) == 0)
        return true;
    if (errno != EXDEV && errno != EPERM && errno != EMLINK)
        return false;
    return copy_file(from, to);
}

/* The folder that a file goes to, made where it is one within. */
static char *make_folder(void *mem, const struct layout *layout,
                         const struct file *file)
{
    char *path;

    if (!file->folder)
        return talloc_strdup(mem, layout->dir);
    path = talloc_asprintf(mem, "%s/%s", layout->dir, file->folder);
    mkdir(path, 0750);
    return path;
}

/* Under its own name, or a variant where two files have the same. What another
 * job made may have expired; who needs it will see that it is not there. */
static bool lay_file(struct layout *layout, const struct file *file)
{
    void *mem = talloc_new(NULL);
    char *clean = file_name_clean(mem, file->name), *fresh = clean;
    const char *dir = make_folder(mem, layout, file);
    bool ok;

    for (int nth = 2;; nth++) {
        ok = lay(file->from, talloc_asprintf(mem, "%s/%s", dir, fresh)) ||
             (file->folder && errno == ENOENT);
        if (ok || errno != EEXIST)
            break;
        fresh = file_name_variant(mem, clean, nth);
    }
    if (!ok)
        error_set(&layout->err, ERROR_UNAVAILABLE, "input_failed",
                  "cannot lay out the file %s: %m", clean);
    talloc_free(mem);
    return ok;
}

static bool write_all(int fd, const char *text, size_t len)
{
    while (len > 0) {
        ssize_t n = write(fd, text, len);

        if (n < 0 && errno != EINTR)
            return false;
        text += n > 0 ? n : 0;
        len -= n > 0 ? (size_t)n : 0;
    }
    return true;
}

/* It comes first, so that a file of its name gets another. */
static bool lay_dependencies(struct layout *layout)
{
    char *path = talloc_asprintf(NULL, "%s/" DEPENDENCIES_FILE, layout->dir);
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0640);
    bool ok = fd >= 0 &&
              write_all(fd, layout->dependencies, strlen(layout->dependencies));

    if (!ok)
        error_set(&layout->err, ERROR_UNAVAILABLE, "input_failed",
                  "cannot write " DEPENDENCIES_FILE ": %m");
    if (fd >= 0)
        close(fd);
    talloc_free(path);
    return ok;
}

static void lay_all(void *arg)
{
    struct layout *layout = arg;

    if (layout->dependencies && !lay_dependencies(layout))
        return;
    for (int i = 0; i < layout->count; i++)
        if (!lay_file(layout, &layout->files[i]))
            return;
}

static void end(struct layout *layout, const struct failure *failure)
{
    layout->done(layout->attempt, failure);
    talloc_free(layout);
}

static void on_laid(void *arg)
{
    struct layout *layout = arg;
    struct failure failure = {.code = "input_failed",
                              .message = layout->err.text};

    end(layout, layout->err.kind ? &failure : NULL);
}

/* A file that is gone will not come back. */
static void fail_missing(struct layout *layout, const char *id)
{
    struct failure failure = {
        .code = "file_not_found",
        .message = talloc_asprintf(layout, "the uploaded file %s is gone", id),
        .final = true,
    };

    end(layout, &failure);
}

void input_not_asked(struct attempt *attempt, const struct error *why)
{
    if (why->kind == ERROR_UNAVAILABLE && !attempt->stop)
        attempt->stop = STOP_GIVE_BACK;
}

static void fail_query(struct layout *layout, const struct error *err)
{
    struct failure failure = {.code = "input_failed", .message = err->text};

    input_not_asked(layout->attempt, err);
    end(layout, &failure);
}

/* `from` is relative to the data directory. */
static void add_file(struct layout *layout, const char *from, const char *name,
                     const char *folder)
{
    int at = layout->count++;

    layout->files = talloc_realloc(layout, layout->files, struct file,
                                   (unsigned)layout->count);
    layout->files[at] = (struct file){
        .from = talloc_asprintf(layout, "%s/%s",
                                layout->attempt->worker->conf->data_dir, from),
        .name = talloc_strdup(layout, name),
        .folder = talloc_strdup(layout, folder),
    };
}

/* What one of the jobs before has made, in a folder of its id. */
static void add_artifacts(struct layout *layout, const struct db_result *rows,
                          int row)
{
    const char *id = db_text(rows, row, "id");
    json_t *names = json_loads(db_text(rows, row, "artifacts"), 0, NULL), *name;
    char *store = store_artifacts(
        layout, id, (int)strtol(db_text(rows, row, "attempt"), NULL, 10));
    size_t i;

    json_array_foreach(names, i, name) {
        const char *text = json_string_value(name);

        add_file(layout, talloc_asprintf(layout, "%s/%s", store, text), text,
                 id);
    }
    json_decref(names);
}

static void lay_out(struct layout *layout)
{
    if (layout->count > 0 || layout->dependencies)
        chore_do(layout->attempt->worker->chores, lay_all, on_laid, layout);
    else
        end(layout, NULL);
}

static void on_names(struct db_result *rows, const struct error *err, void *arg)
{
    struct layout *layout = arg;

    if (!rows) {
        fail_query(layout, err);
        return;
    }
    for (int i = 0; i < db_count(rows); i++) {
        const char *id = db_text(rows, i, "id");
        const char *name = db_text(rows, i, "name");

        if (!name) {
            fail_missing(layout, id);
            return;
        }
        add_file(layout, store_file(layout, id), name, NULL);
    }
    lay_out(layout);
}

static void fetch_files(struct layout *layout)
{
    const char *files = layout->attempt->files;

    if (files)
        dba_query(layout->attempt->worker->asking, SQL_RUN_FILES,
                  DB_ARGS(files), on_names, layout);
    else
        lay_out(layout);
}

static void on_dependencies(struct db_result *rows, const struct error *err,
                            void *arg)
{
    struct layout *layout = arg;
    struct attempt *attempt = layout->attempt;

    if (!rows) {
        fail_query(layout, err);
        return;
    }
    if (dependencies_as_file(attempt))
        layout->dependencies = dependencies_text(layout, rows);
    else
        attempt->dependencies = dependencies_text(attempt, rows);
    for (int i = 0; layout->dependencies && i < db_count(rows); i++)
        add_artifacts(layout, rows, i);
    fetch_files(layout);
}

void input_fetch(struct attempt *attempt, input_fn *done)
{
    struct layout *layout = talloc_zero(NULL, struct layout);

    layout->attempt = attempt;
    layout->done = done;
    if (attempt->workdir)
        layout->dir = talloc_asprintf(layout, "%s/input", attempt->workdir);
    if (attempt->has_dependencies)
        dependencies_ask(attempt, on_dependencies, layout);
    else
        fetch_files(layout);
}
