#include "seal.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <string.h>
#include <sys/stat.h>
#include <talloc.h>
#include <unistd.h>

#define VERSION    1 /* the first byte of what is sealed */
#define NONCE      crypto_aead_xchacha20poly1305_ietf_NPUBBYTES
#define TAG        crypto_aead_xchacha20poly1305_ietf_ABYTES
#define HEAD       (1 + NONCE)
#define DIGITS     (2 * (size_t)SEAL_KEY)
#define KEY_ACCESS (S_IWGRP | S_IRWXO) /* what nobody else may have */

_Static_assert(SEAL_KEY == crypto_aead_xchacha20poly1305_ietf_KEYBYTES,
               "the size of a key");

/* ------------------------------------------------------------ key */

static bool refuse_key(const char *path, const char *why, struct error *err)
{
    return error_set(err, ERROR_UNAVAILABLE, "invalid_key",
                     "the key in %s cannot be used: %s", path, why);
}

static bool check_key_file(int fd, const char *path, struct error *err)
{
    struct stat st;

    if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
        return refuse_key(path, "it is not a regular file", err);
    if (st.st_mode & KEY_ACCESS)
        return refuse_key(path,
                          "others can read or change it; chmod 0640 it, or "
                          "0600",
                          err);
    return true;
}

static bool read_key(int fd, const char *path, struct seal_key *ret,
                     struct error *err)
{
    char digits[DIGITS + 2] = "";
    ssize_t n = read(fd, digits, sizeof(digits));
    size_t len = 0;
    bool ok = n == (ssize_t)DIGITS ||
              (n == (ssize_t)DIGITS + 1 && digits[DIGITS] == '\n');

    ok = ok &&
         sodium_hex2bin(ret->bytes, SEAL_KEY, digits, DIGITS, NULL, &len,
                        NULL) == 0 &&
         len == SEAL_KEY;
    sodium_memzero(digits, sizeof(digits));
    return ok || refuse_key(path, "it is not 64 hex digits", err);
}

bool seal_key_read(const char *path, struct seal_key *ret, struct error *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    bool ok;

    if (fd < 0)
        return error_set(err, ERROR_UNAVAILABLE, "no_key",
                         "there is no key for saved passwords: cannot open "
                         "%s: %s; `millrace connection key` makes one",
                         path, strerror(errno));
    ok = check_key_file(fd, path, err) && read_key(fd, path, ret, err);
    close(fd);
    return ok;
}

static bool write_key(int fd)
{
    unsigned char bytes[SEAL_KEY];
    char line[DIGITS + 1];
    bool ok;

    randombytes_buf(bytes, sizeof(bytes));
    sodium_bin2hex(line, sizeof(line), bytes, sizeof(bytes));
    line[DIGITS] = '\n';
    ok = write(fd, line, sizeof(line)) == (ssize_t)sizeof(line) &&
         fsync(fd) == 0;
    sodium_memzero(bytes, sizeof(bytes));
    sodium_memzero(line, sizeof(line));
    return ok;
}

bool seal_key_make(const char *path, struct error *err)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    bool ok;

    if (fd < 0 && errno == EEXIST)
        return error_set(err, ERROR_CONFLICT, "key_exists",
                         "%s is there already; without it what is sealed with "
                         "it is lost, so it is never replaced",
                         path);
    ok = fd >= 0 && write_key(fd);
    if (!ok)
        error_set(err, ERROR_UNAVAILABLE, "key_failed", "cannot write %s: %s",
                  path, strerror(errno));
    if (fd >= 0)
        close(fd);
    if (fd >= 0 && !ok)
        unlink(path);
    return ok;
}

void seal_key_wipe(struct seal_key *key)
{
    sodium_memzero(key, sizeof(*key));
}

/* ------------------------------------------------------------ sealing */

/* The texts one after the other, each with its end, so that none can pass for
 * a part of another. */
static char *additional(void *mem, const char *const *bound, size_t *ret_len)
{
    char *all = talloc_strdup(mem, "");
    size_t len = 0;

    for (; *bound; bound++) {
        size_t size = strlen(*bound) + 1;

        all = talloc_realloc(mem, all, char, (unsigned)(len + size));
        memcpy(all + len, *bound, size);
        len += size;
    }
    *ret_len = len;
    return all;
}

char *seal_text(void *mem, const struct seal_key *key, const char *text,
                const char *const *bound)
{
    size_t size = strlen(text), bound_len;
    void *scratch = talloc_new(NULL);
    char *extra = additional(scratch, bound, &bound_len);
    unsigned char *sealed =
        talloc_array(scratch, unsigned char, (unsigned)(HEAD + size + TAG));
    unsigned long long len;
    char *hex;

    sealed[0] = VERSION;
    randombytes_buf(sealed + 1, NONCE);
    crypto_aead_xchacha20poly1305_ietf_encrypt(
        sealed + HEAD, &len, (const unsigned char *)text, size,
        (const unsigned char *)extra, bound_len, NULL, sealed + 1, key->bytes);
    len += HEAD;
    hex = talloc_array(mem, char, (unsigned)len * 2 + 1);
    sodium_bin2hex(hex, len * 2 + 1, sealed, len);
    talloc_free(scratch);
    return hex;
}

static bool open_bytes(const struct seal_key *key, const unsigned char *sealed,
                       size_t len, const char *const *bound, char *text)
{
    size_t bound_len;
    char *extra = additional(NULL, bound, &bound_len);
    unsigned long long size = 0;
    bool ok = crypto_aead_xchacha20poly1305_ietf_decrypt(
                  (unsigned char *)text, &size, NULL, sealed + HEAD, len - HEAD,
                  (const unsigned char *)extra, bound_len, sealed + 1,
                  key->bytes) == 0;

    text[ok ? size : 0] = 0;
    talloc_free(extra);
    return ok;
}

static int wipe(char *text)
{
    sodium_memzero(text, talloc_get_size(text));
    return 0;
}

bool unseal_text(void *mem, const struct seal_key *key, const char *sealed,
                 const char *const *bound, char **ret)
{
    size_t most = strlen(sealed) / 2 + 1, len;
    unsigned char *bytes = talloc_array(NULL, unsigned char, (unsigned)most);
    bool ok = sodium_hex2bin(bytes, most, sealed, strlen(sealed), NULL, &len,
                             NULL) == 0 &&
              len >= HEAD + TAG && bytes[0] == VERSION;

    if (ok) {
        *ret = talloc_array(mem, char, (unsigned)(len - HEAD - TAG) + 1);
        talloc_set_destructor(*ret, wipe);
        ok = open_bytes(key, bytes, len, bound, *ret);
        if (!ok)
            TALLOC_FREE(*ret);
    }
    talloc_free(bytes);
    return ok;
}
