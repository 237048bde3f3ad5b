#include "artifact.h"

#include "gather.h"
#include "recorder.h"
#include "remove.h"
#include "store.h"
#include "worker.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <talloc.h>
#include <unistd.h>

/* Where the artifacts of an attempt lie. */
static char *store_path(void *mem, const struct attempt *attempt)
{
    char *under = store_artifacts(NULL, attempt->id, attempt->number);
    char *path =
        talloc_asprintf(mem, "%s/%s", attempt->worker->conf->data_dir, under);

    talloc_free(under);
    return path;
}

/* ------------------------------------------------------------ gathering */

struct gathering {
    struct attempt *attempt;
    gather_fn *done;
    struct gather gather; /* all that the chore sees */
};

static void gather_chore(void *arg)
{
    struct gathering *gathering = arg;

    gather_run(&gathering->gather);
}

static void on_gathered(void *arg)
{
    struct gathering *gathering = arg;
    struct gather *gather = &gathering->gather;
    struct attempt *attempt = gathering->attempt;

    for (int i = 0; i < gather->note_count; i++)
        recorder_log(attempt->worker->recorder, attempt, gather->notes[i],
                     strlen(gather->notes[i]));
    if (gather->artifacts)
        attempt->end.artifacts = talloc_strdup(attempt, gather->artifacts);
    gathering->done(attempt, gather->err.kind ? &gather->err : NULL);
    talloc_free(gathering);
}

void artifacts_gather(struct attempt *attempt, gather_fn *done)
{
    struct gathering *gathering = talloc_zero(NULL, struct gathering);

    gathering->attempt = attempt;
    gathering->done = done;
    gathering->gather = (struct gather){
        .mem = gathering,
        .from = talloc_asprintf(gathering, "%s/output", attempt->workdir),
        .to = store_path(gathering, attempt),
    };
    chore_do(attempt->worker->chores, gather_chore, on_gathered, gathering);
}

/* ------------------------------------------------------------ removing */

/* The job's folder goes too, if this was the last in it. */
static void remove_chore(void *arg)
{
    char *path = arg;

    remove_tree(path);
    *strrchr(path, '/') = '\0';
    rmdir(path);
    talloc_free(path);
}

void artifacts_remove(struct attempt *attempt)
{
    chore_do(attempt->worker->chores, remove_chore, NULL,
             store_path(NULL, attempt));
}

static void remove_older_chore(void *arg)
{
    char *path = arg;
    char *slash = strrchr(path, '/');
    long newest = strtol(slash + 1, NULL, 10);
    struct dirent *entry;
    DIR *dir;

    *slash = '\0';
    dir = opendir(path);
    while (dir && (entry = readdir(dir))) {
        long attempt = strtol(entry->d_name, NULL, 10);

        if (attempt > 0 && attempt < newest)
            remove_tree(talloc_asprintf(path, "%s/%s", path, entry->d_name));
    }
    if (dir)
        closedir(dir);
    talloc_free(path);
}

void artifacts_remove_older(struct attempt *attempt)
{
    chore_do(attempt->worker->chores, remove_older_chore, NULL,
             store_path(NULL, attempt));
}
