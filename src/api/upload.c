#include "upload.h"
#include "clock.h"
#include "store.h"
#include "upload_name.h"
#include "uuid.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sodium.h>
#include <string.h>
#include <sys/stat.h>
#include <talloc.h>
#include <unistd.h>

#define FILE_MODE   0440 /* a handler is given this very file */
#define FOLDER_MODE 0750
#define MOST_TYPE   200 /* bytes of a content type that are kept */

struct upload {
    const struct conf *conf;
    struct file file;
    char id[UUID_TEXT];
    char sha256[2 * crypto_hash_sha256_BYTES + 1];
    crypto_hash_sha256_state hash;
    int fd;             /* -1 once it is in its place */
    const char *folder; /* both names lie in it */
    const char *temp, *place;
    bool kept;
};

/* What the disk's refusal means for the client. */
static bool fail(const char *what, const char *path, struct error *err)
{
    if (errno == ENOSPC || errno == EDQUOT || errno == EFBIG)
        return error_set(err, ERROR_NO_SPACE, "disk_full",
                         "the server's disk has no room for the file");
    return error_set(err, ERROR_INTERNAL, "store_failed", "cannot %s %s: %m",
                     what, path);
}

bool upload_too_large(const struct conf *conf, struct error *err)
{
    return error_set(err, ERROR_TOO_LARGE, "file_too_large",
                     "a file may have %" PRId64 " bytes at most",
                     conf->max_upload);
}

static int upload_done(struct upload *upload)
{
    bool placed = upload->fd < 0;

    if (!placed)
        close(upload->fd);
    if (!upload->kept)
        unlink(placed ? upload->place : upload->temp);
    return 0;
}

/* Names are as safe as the folder that holds them. */
static bool flush_folder(const char *path, struct error *err)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool ok = fd >= 0 && fsync(fd) == 0;

    if (!ok)
        fail("flush", path, err);
    if (fd >= 0)
        close(fd);
    return ok;
}

/* The folder that a path lies in. */
static char *folder_of(void *mem, const char *path)
{
    return talloc_strndup(mem, path, (size_t)(strrchr(path, '/') - path));
}

static bool make_folder(void *mem, const char *path, struct error *err)
{
    if (mkdir(path, FOLDER_MODE) == 0)
        return flush_folder(folder_of(mem, path), err);
    return errno == EEXIST || fail("make", path, err);
}

static bool open_temp(struct upload *upload, struct error *err)
{
    static const int flags = O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC;
    int fd = open(upload->temp, flags, FILE_MODE);

    if (fd < 0 && errno == ENOENT) {
        if (!make_folder(upload, folder_of(upload, upload->folder), err) ||
            !make_folder(upload, upload->folder, err))
            return false;
        fd = open(upload->temp, flags, FILE_MODE);
    }
    if (fd < 0)
        return fail("make", upload->temp, err);
    upload->fd = fd;
    talloc_set_destructor(upload, upload_done);
    /* Whatever the umask is: workers read it as members of the group. */
    return fchmod(fd, FILE_MODE) == 0 || fail("make", upload->temp, err);
}

bool upload_begin(void *mem, const struct conf *conf, const char *name,
                  const char *content_type, struct upload **ret,
                  struct error *err)
{
    struct upload *upload = talloc_zero(mem, struct upload);
    bool has_type = content_type && *content_type;

    if (!upload_name(upload, name, &upload->file.name, err))
        return false;
    uuid_new(clock_now_ms(), upload->id);
    crypto_hash_sha256_init(&upload->hash);
    upload->conf = conf;
    upload->file.id = upload->id;
    upload->file.sha256 = upload->sha256;
    upload->file.content_type = upload_text(
        upload, has_type ? content_type : "application/octet-stream",
        MOST_TYPE);
    upload->place = talloc_asprintf(upload, "%s/%s", conf->data_dir,
                                    store_file(upload, upload->id));
    upload->folder = folder_of(upload, upload->place);
    upload->temp =
        talloc_asprintf(upload, "%s/.%s", upload->folder, upload->id);
    if (!open_temp(upload, err))
        return false;
    *ret = upload;
    return true;
}

bool upload_write(struct upload *upload, const char *data, size_t len,
                  struct error *err)
{
    if ((int64_t)len > upload->conf->max_upload - upload->file.size)
        return upload_too_large(upload->conf, err);
    upload->file.size += (int64_t)len;
    crypto_hash_sha256_update(&upload->hash, (const unsigned char *)data, len);
    while (len > 0) {
        ssize_t count = write(upload->fd, data, len);

        if (count < 0 && errno != EINTR)
            return fail("write", upload->temp, err);
        if (count > 0) {
            data += count;
            len -= (size_t)count;
        }
    }
    return true;
}

bool upload_end(struct upload *upload, struct error *err)
{
    unsigned char digest[crypto_hash_sha256_BYTES];

    crypto_hash_sha256_final(&upload->hash, digest);
    sodium_bin2hex(upload->sha256, sizeof(upload->sha256), digest,
                   sizeof(digest));
    if (fsync(upload->fd) < 0)
        return fail("flush", upload->temp, err);
    if (rename(upload->temp, upload->place) < 0)
        return fail("rename", upload->temp, err);
    close(upload->fd);
    upload->fd = -1;
    return flush_folder(upload->folder, err);
}

const struct file *upload_file(const struct upload *upload)
{
    return &upload->file;
}

void upload_keep(struct upload *upload)
{
    upload->kept = true;
}

void upload_drop(struct upload *upload)
{
    upload->kept = false;
}

bool upload_remove(const struct conf *conf, const char *id, struct error *err)
{
    void *mem = talloc_new(NULL);
    char *path =
        talloc_asprintf(mem, "%s/%s", conf->data_dir, store_file(mem, id));
    bool ok = unlink(path) == 0 || errno == ENOENT || fail("remove", path, err);

    talloc_free(mem);
    return ok;
}
