#include "workdir.h"

#include "log.h"
#include "remove.h"

#include <dirent.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <talloc.h>
#include <unistd.h>

#define MODE 0750

static bool make_dir(const char *path, struct error *err)
{
    return mkdir(path, MODE) == 0 ||
           error_set(err, ERROR_NO_SPACE, "workdir_failed",
                     "cannot make %s: %m", path);
}

static bool make_parts(void *mem, const char *path, struct error *err)
{
    return make_dir(talloc_asprintf(mem, "%s/input", path), err) &&
           make_dir(talloc_asprintf(mem, "%s/output", path), err) &&
           make_dir(talloc_asprintf(mem, "%s/tmp", path), err);
}

bool workdir_make(void *mem, const struct worker *worker, const char *name,
                  char **ret, struct error *err)
{
    void *scratch = talloc_new(NULL);
    char *path = talloc_asprintf(mem, "%s/work/%s@%s", worker->conf->data_dir,
                                 name, worker->conf->worker_name);
    bool ok = make_dir(path, err) && make_parts(scratch, path, err);

    talloc_free(scratch);
    if (ok)
        *ret = path;
    else
        talloc_free(path);
    return ok;
}

static void remove_and_free(void *arg)
{
    char *path = arg;

    remove_tree(path);
    talloc_free(path);
}

void workdir_drop(struct worker *worker, const char *path)
{
    char *gone =
        talloc_asprintf(NULL, "%s/work/gone-%u@%s", worker->conf->data_dir,
                        worker->discarded++, worker->conf->worker_name);

    if (rename(path, gone) != 0) {
        log_warn("cannot move %s away: %m", path);
        talloc_free(gone);
        return;
    }
    chore_do(worker->chores, remove_and_free, NULL, gone);
}

static bool is_ours(const char *entry, const char *worker_name)
{
    const char *at = strrchr(entry, '@');

    return at && !strcmp(at + 1, worker_name);
}

void workdir_sweep(const struct conf *conf)
{
    void *mem = talloc_new(NULL);
    char *path = talloc_asprintf(mem, "%s/work", conf->data_dir);
    DIR *dir = opendir(path);
    struct dirent *entry;

    while (dir && (entry = readdir(dir))) {
        char *left = talloc_asprintf(mem, "%s/%s", path, entry->d_name);

        if (is_ours(entry->d_name, conf->worker_name) && !remove_tree(left))
            log_warn("cannot remove %s: %m", left);
    }
    if (dir)
        closedir(dir);
    talloc_free(mem);
}
