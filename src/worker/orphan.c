#include "orphan.h"

#include "log.h"

#include <dirent.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The parent of a process, 0 if it has gone or has ended. */
static pid_t parent_of(pid_t pid)
{
    char path[32], line[512];
    const char *name_end;
    pid_t parent = 0;
    char state = 'Z';
    FILE *stat;

    snprintf(path, sizeof(path), "/proc/%d/stat", pid);
    stat = fopen(path, "re");
    if (!stat)
        return 0;
    /* A name may hold spaces and brackets; the last bracket ends it. */
    if (fgets(line, sizeof(line), stat) && (name_end = strrchr(line, ')')))
        sscanf(name_end, ") %c %d", &state, &parent);
    fclose(stat);
    return state == 'Z' ? 0 : parent;
}

void orphans_kill(bool (*is_ours)(pid_t pid))
{
    DIR *proc = opendir("/proc");
    struct dirent *entry;

    if (!proc)
        return;
    while ((entry = readdir(proc))) {
        long pid = strtol(entry->d_name, NULL, 10);

        if (pid <= 0 || pid > INT_MAX || parent_of((pid_t)pid) != getpid() ||
            is_ours((pid_t)pid))
            continue;
        log_warn("killing process %ld, which has lost its guard", pid);
        kill((pid_t)pid, SIGKILL);
    }
    closedir(proc);
}
