#include "xlsx_check.h"

#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

enum {
    LOCAL_HEADER = 30, /* bytes in front of a part's name */
    EDGE = 100,
};

/* A ZIP file in memory, read from part to part. */
struct zip {
    const uint8_t *at, *end;
};

/* The beginning and the end of a part's text, as strings. */
struct edges {
    char head[EDGE + 1], tail[EDGE + 1];
    size_t head_len, tail_len;
};

static unsigned little(const uint8_t *p, int bytes)
{
    unsigned value = 0;

    while (bytes-- > 0)
        value = value << 8 | p[bytes];
    return value;
}

static void edges_add(struct edges *e, const char *text, size_t len)
{
    size_t more = EDGE - e->head_len < len ? EDGE - e->head_len : len;
    size_t last = len < EDGE ? len : EDGE;
    size_t kept = e->tail_len < EDGE - last ? e->tail_len : EDGE - last;

    memcpy(e->head + e->head_len, text, more);
    e->head_len += more;
    memmove(e->tail, e->tail + e->tail_len - kept, kept);
    memcpy(e->tail + kept, text + len - last, last);
    e->tail_len = kept + last;
}

/* Unpack a part piece by piece; only its edges are kept. */
static bool read_edges(const uint8_t *data, size_t size, struct edges *ret)
{
    char piece[16 * 1024];
    z_stream z = {.next_in = (z_const Bytef *)(uintptr_t)data,
                  .avail_in = (uInt)size};
    int state = Z_OK;

    if (inflateInit2(&z, -MAX_WBITS) != Z_OK)
        return false;
    while (state == Z_OK) {
        z.next_out = (Bytef *)piece;
        z.avail_out = sizeof(piece);
        state = inflate(&z, Z_NO_FLUSH);
        edges_add(ret, piece, sizeof(piece) - z.avail_out);
    }
    inflateEnd(&z);
    return state == Z_STREAM_END;
}

/* <?xml ...?> <root ...> ... </root> */
static bool ends_with_root(const struct edges *e)
{
    const char *root = strstr(e->head, "?>");
    const char *closing = strrchr(e->tail, '<');
    size_t len;

    root = root ? strchr(root, '<') : NULL;
    if (!root || !closing)
        return false;
    root++;
    len = strcspn(root, " />");
    if (closing[1] != '/') /* a root without content closes itself */
        return strstr(closing, "/>") && !strncmp(closing + 1, root, len);
    return !strncmp(closing + 2, root, len) && closing[2 + len] == '>';
}

/* Check the part at zip->at and step over it. */
static bool check_part(struct zip *zip)
{
    struct edges edges = {0};
    size_t left = (size_t)(zip->end - zip->at), skip, size;

    if (left < LOCAL_HEADER)
        return false;
    size = little(zip->at + 18, 4);
    skip = LOCAL_HEADER + little(zip->at + 26, 2) + little(zip->at + 28, 2);
    if (left < skip || left - skip < size ||
        !read_edges(zip->at + skip, size, &edges) || !ends_with_root(&edges))
        return false;
    zip->at += skip + size;
    return true;
}

static bool check_parts(struct zip zip)
{
    static const char local[] = "PK\003\004", directory[] = "PK\001\002";

    while (zip.end - zip.at > 4 && !memcmp(zip.at, local, 4))
        if (!check_part(&zip))
            return false;
    return zip.end - zip.at > 4 && !memcmp(zip.at, directory, 4);
}

bool xlsx_is_whole(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat info = {0};
    const uint8_t *bytes = MAP_FAILED;
    bool whole = false;

    if (fd >= 0 && fstat(fd, &info) == 0 && info.st_size > 0)
        bytes = mmap(NULL, (size_t)info.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (bytes != MAP_FAILED) {
        whole = check_parts((struct zip){bytes, bytes + info.st_size});
        munmap((void *)(uintptr_t)bytes, (size_t)info.st_size);
    }
    if (fd >= 0)
        close(fd);
    return whole;
}
