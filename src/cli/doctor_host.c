#include "doctor.h"

#include "conf_file.h"
#include "conf_hide.h"
#include "table.h"
#include "unix_address.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <talloc.h>
#include <unistd.h>

enum verdict doctor_disk(int64_t free_bytes, int64_t all_bytes)
{
    int64_t mb = 1 << 20;

    if (free_bytes < 100 * mb || free_bytes < all_bytes / 100)
        return VERDICT_FAIL;
    return free_bytes < 1024 * mb || free_bytes < all_bytes / 20 ? VERDICT_WARN
                                                                 : VERDICT_OK;
}

static void check_disk(struct doctor *doctor, const char *dir)
{
    struct statvfs fs;
    int64_t free_bytes;
    enum verdict verdict;

    if (statvfs(dir, &fs) < 0)
        return;
    free_bytes = (int64_t)(fs.f_bavail * fs.f_frsize);
    verdict = doctor_disk(free_bytes, (int64_t)(fs.f_blocks * fs.f_frsize));
    doctor_note(doctor, verdict, "disk",
                verdict == VERDICT_OK
                    ? NULL
                    : "make room: uploads and results need it, and so does "
                      "PostgreSQL if it is the same disk",
                "%s free where %s is", size_text(doctor->mem, free_bytes), dir);
}

/* A folder: it is there, it is one, and not everybody may write into it. False
 * where the rest of what could be said of it makes no sense. */
static bool check_dir(struct doctor *doctor, const char *setting,
                      const char *dir, enum verdict missing, const char *remedy)
{
    struct stat st;

    if (stat(dir, &st) < 0) {
        bool away = errno == ENOENT;

        doctor_note(doctor, away ? missing : VERDICT_WARN, "folder",
                    away ? remedy : "run this as root or as the user millrace",
                    away ? "%s %s is not there" : "%s %s cannot be looked at",
                    setting, dir);
        return false;
    }
    if (!S_ISDIR(st.st_mode)) {
        doctor_note(doctor, VERDICT_FAIL, "folder", "move it away",
                    "%s %s is no folder", setting, dir);
        return false;
    }
    if (st.st_mode & S_IWOTH)
        doctor_note(doctor, VERDICT_FAIL, "folder",
                    talloc_asprintf(doctor->mem, "chmod o-w %s", dir),
                    "%s %s can be written by everybody on this host", setting,
                    dir);
    return true;
}

/* Whether the file has a password or a token in it. */
static bool has_secret(void *mem, const char *path)
{
    struct conf_line *lines = NULL;
    size_t count = 0;
    struct error ignored;

    if (!conf_file_read(mem, path, &lines, &count, &ignored))
        return false;
    for (size_t i = 0; i < count; i++) {
        const char *value = lines[i].value;

        if ((!strcmp(lines[i].name, "MILLRACE_TOKEN") && *value) ||
            (!strcmp(lines[i].name, "DATABASE_URL") &&
             strcmp(conf_hide_password(mem, value), value) != 0))
            return true;
    }
    return false;
}

/* Secrets are for the programs' user, and changes for root. */
static void check_conf_file(struct doctor *doctor)
{
    const char *named = getenv("MILLRACE_CONFIG");
    const char *path = doctor->file      ? doctor->file
                       : named && *named ? named
                                         : SYSCONFDIR "/millrace/millrace.conf";
    struct stat st;

    if (stat(path, &st) < 0)
        return;
    if (st.st_mode & S_IWOTH)
        doctor_note(doctor, VERDICT_FAIL, "file",
                    talloc_asprintf(doctor->mem, "chmod o-w %s", path),
                    "%s can be written by everybody on this host", path);
    if ((st.st_mode & S_IROTH) && has_secret(doctor->mem, path))
        doctor_note(doctor, VERDICT_WARN, "file",
                    talloc_asprintf(doctor->mem, "chmod o= %s", path),
                    "%s has a password or a token in it, and everybody on "
                    "this host can read it",
                    path);
}

static int connect_to(const char *path)
{
    struct sockaddr_un address;
    struct error err;
    int fd, result;

    if (!unix_address(path, &address, &err))
        return ENAMETOOLONG;
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    result = connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0
                 ? errno
                 : 0;
    close(fd);
    return result;
}

/* Whether a daemon of this host takes connections. */
static void check_socket(struct doctor *doctor, const char *program,
                         const char *path)
{
    int failed;

    if (*path != '/')
        return;
    failed = connect_to(path);
    if (failed == 0)
        doctor_note(doctor, VERDICT_OK, "daemon", NULL, "%s listens on %s",
                    program, path);
    else if (failed == EACCES)
        doctor_note(doctor, VERDICT_WARN, "daemon",
                    "run this as root or as the user millrace",
                    "%s cannot be tried", path);
    else
        doctor_note(doctor, VERDICT_FAIL, "daemon",
                    talloc_asprintf(doctor->mem,
                                    "start it (systemctl start %s)", program),
                    "%s does not listen on %s (%s)", program, path,
                    strerror(failed));
}

void doctor_host(struct doctor *doctor)
{
    const struct conf *conf = &doctor->conf;

    check_conf_file(doctor);
    if (check_dir(doctor, "MILLRACE_RUN_DIR", conf->run_dir, VERDICT_WARN,
                  "on a host of its daemons systemd-tmpfiles --create makes "
                  "it")) {
        check_socket(doctor, "millrace-api", conf->api_socket);
        check_socket(doctor, "millrace-stream", conf->stream_socket);
    }
    if (check_dir(doctor, "MILLRACE_DATA_DIR", conf->data_dir, VERDICT_WARN,
                  "on a host of its daemons systemd-tmpfiles --create makes "
                  "it"))
        check_disk(doctor, conf->data_dir);
}
