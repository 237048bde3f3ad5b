#include "fault.h"

#include <stdarg.h>
#include <stdio.h>

bool fault_set(struct fault *ret, enum fault_status status, const char *code,
               const char *fmt, ...)
{
    va_list args;

    *ret = (struct fault){.status = status, .code = code};
    va_start(args, fmt);
    vsnprintf(ret->text, sizeof(ret->text), fmt, args);
    va_end(args);
    return false;
}
