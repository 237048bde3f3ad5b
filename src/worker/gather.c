#include "gather.h"

#include "file_name.h"
#include "json.h"
#include "media_type.h"
#include "remove.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <talloc.h>
#include <unistd.h>

#define DIR_MODE  0750
#define FILE_MODE 0640
#define CHUNK     65536

#define SHA256_HEX (2 * crypto_hash_sha256_BYTES + 1)

/* An open artifact. */
struct found {
    int fd;
    int64_t size;
    char sha256[SHA256_HEX];
};

static bool fail(struct gather *gather, const char *what, const char *name)
{
    return error_set(&gather->err, ERROR_NO_SPACE, "artifact_failed",
                     "cannot %s %s: %m", what, name);
}

static void note(struct gather *gather, const char *name, const char *why)
{
    gather->notes = talloc_realloc(gather->mem, gather->notes, char *,
                                   (unsigned)gather->note_count + 1);
    gather->notes[gather->note_count++] = talloc_asprintf(
        gather->mem, "millrace: %s is no artifact: %s", name, why);
}

static bool hash(int fd, char ret[SHA256_HEX], int64_t *ret_size)
{
    unsigned char digest[crypto_hash_sha256_BYTES];
    crypto_hash_sha256_state state;
    unsigned char chunk[CHUNK];
    int64_t size = 0;
    ssize_t n;

    crypto_hash_sha256_init(&state);
    while ((n = read(fd, chunk, sizeof(chunk))) > 0) {
        crypto_hash_sha256_update(&state, chunk, (unsigned long long)n);
        size += n;
    }
    crypto_hash_sha256_final(&state, digest);
    sodium_bin2hex(ret, SHA256_HEX, digest, sizeof(digest));
    *ret_size = size;
    return n == 0;
}

/* Without waiting: a named pipe may lie there. */
static int open_file(const char *path)
{
    const int flags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC;
    int fd = open(path, flags);

    /* Its own permissions may keep even its owner out. */
    if (fd < 0 && errno == EACCES &&
        fchmodat(AT_FDCWD, path, FILE_MODE, AT_SYMLINK_NOFOLLOW) == 0)
        fd = open(path, flags);
    return fd;
}

static bool make_parents(const char *path)
{
    char *part = talloc_strdup(NULL, path);
    bool ok = true;

    for (char *slash = strchr(part + 1, '/'); slash && ok;
         slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        ok = mkdir(part, DIR_MODE) == 0 || errno == EEXIST;
        *slash = '/';
    }
    talloc_free(part);
    return ok;
}

/* The folder in the store, for the first artifact; it is made new, so that
 * nothing of another time is in it. */
static bool make_store(struct gather *gather)
{
    if (gather->made)
        return true;
    gather->made = remove_tree(gather->to) && make_parents(gather->to) &&
                   mkdir(gather->to, DIR_MODE) == 0;
    return gather->made || fail(gather, "make", gather->to);
}

/* Give it a name of its own in the store; on gather->mem. */
static char *move(struct gather *gather, const char *path, const char *name)
{
    char *clean = file_name_clean(gather->mem, name), *fresh = clean;

    for (int nth = 2;; nth++) {
        char *to = talloc_asprintf(gather->mem, "%s/%s", gather->to, fresh);

        if (renameat2(AT_FDCWD, path, AT_FDCWD, to, RENAME_NOREPLACE) == 0)
            return fresh;
        if (errno != EEXIST)
            break;
        fresh = file_name_variant(gather->mem, clean, nth);
    }
    fail(gather, "store", clean);
    return NULL;
}

static void tell(struct json_out *out, const char *name,
                 const struct found *found)
{
    json_begin_object(out, NULL);
    json_add_string(out, "name", name);
    json_add_int(out, "size", found->size);
    json_add_string(out, "contentType", media_type(name));
    json_add_string(out, "sha256", found->sha256);
    json_end(out);
}

/* An open regular file: hash it, make it durable, move it, list it. */
static bool store(struct gather *gather, struct found *found, const char *path,
                  const char *name, struct json_out *out)
{
    char *stored;

    if (!hash(found->fd, found->sha256, &found->size))
        return fail(gather, "read", name);
    if (fchmod(found->fd, FILE_MODE) != 0 || fsync(found->fd) != 0)
        return fail(gather, "make durable", name);
    if (!make_store(gather) || !(stored = move(gather, path, name)))
        return false;
    tell(out, stored, found);
    return true;
}

static bool take(struct gather *gather, const char *name, struct json_out *out)
{
    char *path = talloc_asprintf(gather->mem, "%s/%s", gather->from, name);
    struct found found = {.fd = open_file(path)};
    struct stat st;
    bool ok = true;

    if (found.fd < 0 && errno == ELOOP)
        note(gather, name, "a symbolic link");
    else if (found.fd < 0)
        note(gather, name, strerror(errno));
    else if (fstat(found.fd, &st) != 0 || !S_ISREG(st.st_mode))
        note(gather, name,
             S_ISDIR(st.st_mode) ? "a folder" : "not a regular file");
    else
        ok = store(gather, &found, path, name, out);
    if (found.fd >= 0)
        close(found.fd);
    return ok;
}

/* So that the names are durable too. */
static void sync_dir(const char *path)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd < 0)
        return;
    fsync(fd);
    close(fd);
}

static void seal_store(struct gather *gather)
{
    char *parent = talloc_strdup(gather->mem, gather->to);

    sync_dir(gather->to);
    *strrchr(parent, '/') = '\0';
    sync_dir(parent);
}

static int is_real(const struct dirent *entry)
{
    return strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
}

static bool take_all(struct gather *gather, struct json_out *out)
{
    struct dirent **entries;
    int count = scandir(gather->from, &entries, is_real, alphasort);
    bool ok = true;

    if (count < 0)
        return fail(gather, "read", gather->from);
    for (int i = 0; i < count; i++) {
        ok = ok && take(gather, entries[i]->d_name, out);
        free(entries[i]);
    }
    free(entries);
    return ok;
}

void gather_run(struct gather *gather)
{
    struct json_out *out = json_out_new(gather->mem);
    bool ok;

    json_begin_array(out, NULL);
    ok = take_all(gather, out);
    json_end(out);
    if (!gather->made)
        return;
    if (ok) {
        seal_store(gather);
        gather->artifacts = json_out_text(out, NULL);
    } else {
        remove_tree(gather->to);
    }
}
