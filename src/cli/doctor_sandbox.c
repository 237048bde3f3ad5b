#include "doctor.h"

#include "type.h"

#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <talloc.h>
#include <unistd.h>

#define PROGRAM "millrace-sandbox"

/* It lies with the handlers. */
static const char *program_path(const struct doctor *doctor)
{
    const char *path =
        talloc_asprintf(doctor->mem, "%s/" PROGRAM, doctor->conf.handler_dir);

    return access(path, X_OK) == 0 ? path : LIBEXECDIR "/millrace/" PROGRAM;
}

/* Root asks for the owner of the data; where there are none, doctor_host has
 * said so. */
static bool worker_is_known(const struct doctor *doctor)
{
    struct stat st;

    return geteuid() != 0 ||
           (stat(doctor->conf.data_dir, &st) == 0 && S_ISDIR(st.st_mode));
}

/* Root may what the worker may not. */
static void become_worker(const struct doctor *doctor)
{
    struct stat st;

    if (geteuid() != 0 || stat(doctor->conf.data_dir, &st) != 0)
        return;
    if (setgroups(0, NULL) || setgid(st.st_gid) || setuid(st.st_uid))
        _exit(EXIT_FAILURE);
}

static _Noreturn void try_it(const struct doctor *doctor, int words_fd)
{
    const char *path = program_path(doctor);

    become_worker(doctor);
    dup2(words_fd, STDERR_FILENO);
    execl(path, PROGRAM, "--check", "--bwrap", doctor->conf.bubblewrap,
          (char *)NULL);
    dprintf(STDERR_FILENO, "%s cannot be executed: %m\ninstall it\n", path);
    _exit(EXIT_FAILURE);
}

/* True where it can be made; else why not, and behind a line feed what to do.
 */
static bool can_be_made(const struct doctor *doctor, char *ret, size_t size)
{
    int fds[2], status = -1;
    size_t len = 0;
    ssize_t n;
    pid_t pid;

    if (pipe(fds) || (pid = fork()) < 0)
        return false;
    if (pid == 0)
        try_it(doctor, fds[1]);
    close(fds[1]);
    while (len + 1 < size && (n = read(fds[0], ret + len, size - len - 1)) > 0)
        len += (size_t)n;
    ret[len] = '\0';
    close(fds[0]);
    return waitpid(pid, &status, 0) == pid && status == 0;
}

static void try_sandbox(struct doctor *doctor, const char *type)
{
    char words[1024] = "";
    char *remedy;

    if (!worker_is_known(doctor))
        return;
    if (can_be_made(doctor, words, sizeof(words))) {
        doctor_note(doctor, VERDICT_OK, "sandbox", NULL, "one can be made");
        return;
    }
    remedy = words + strcspn(words, "\n");
    if (*remedy)
        *remedy++ = '\0';
    remedy[strcspn(remedy, "\n")] = '\0';
    doctor_note(doctor, VERDICT_FAIL, "sandbox", remedy,
                "jobs of type %s fail, as no sandbox can be made here (%s)",
                type, words);
}

void doctor_sandbox(struct doctor *doctor, const struct job_types *types)
{
    for (int i = 0; i < types->count; i++) {
        if (types->list[i].sandbox.on) {
            try_sandbox(doctor, types->list[i].type);
            return;
        }
    }
    doctor_note(doctor, VERDICT_OK, "sandbox", NULL, "no type asks for one");
}
