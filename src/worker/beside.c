#include "beside.h"

#include <limits.h>
#include <string.h>
#include <talloc.h>
#include <unistd.h>

char *beside(void *mem, const char *name)
{
    char self[PATH_MAX];
    ssize_t len = readlink("/proc/self/exe", self, sizeof(self) - 1);
    char *slash, *path;

    self[len > 0 ? len : 0] = '\0';
    slash = strrchr(self, '/');
    if (!slash)
        return talloc_asprintf(mem, LIBEXECDIR "/millrace/%s", name);
    path = talloc_asprintf(mem, "%.*s/%s", (int)(slash - self), self, name);
    if (access(path, X_OK) == 0)
        return path;
    talloc_free(path);
    return talloc_asprintf(mem, LIBEXECDIR "/millrace/%s", name);
}
