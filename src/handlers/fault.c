#include "fault.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* What libraries say often ends with a line feed. */
static void trim(char *text)
{
    size_t len = strlen(text);

    while (len > 0 && text[len - 1] == '\n')
        text[--len] = '\0';
}

bool fault_set(struct fault *ret, enum fault_status status, const char *code,
               const char *fmt, ...)
{
    va_list args;

    *ret = (struct fault){.status = status, .code = code};
    va_start(args, fmt);
    vsnprintf(ret->text, sizeof(ret->text), fmt, args);
    va_end(args);
    trim(ret->text);
    return false;
}
