#include "guard_options.h"

#include "guard.h"

#include <getopt.h>
#include <stdio.h>
#include <unistd.h>

static const struct option long_options[] = {
    {"rlimit",        required_argument, NULL, 'r'},
    {"cwd",           required_argument, NULL, 'c'},
    {"kill-grace-ms", required_argument, NULL, 'g'},
    {NULL,            0,                 NULL, 0  },
};

static bool set_grace(struct guard_options *options, const char *text)
{
    uint64_t value;

    if (!guard_number(text, &value) || value > INT32_MAX)
        return false;
    options->kill_grace_ms = (int64_t)value;
    return true;
}

static bool set_option(struct guard_options *options, int option)
{
    switch (option) {
    case 'r':
        return guard_limits_add(&options->limits, optarg);
    case 'g':
        return set_grace(options, optarg);
    case 'c':
        options->cwd = optarg;
        return true;
    default:
        return false;
    }
}

static bool usage(const char *problem)
{
    dprintf(STDERR_FILENO,
            "millrace-guard: %s\n"
            "usage: millrace-guard [--rlimit NAME=SOFT[:HARD]]... [--cwd DIR] "
            "[--kill-grace-ms N] -- PROGRAM [ARG...]\n",
            problem);
    return false;
}

bool guard_options_read(struct guard_options *ret, int argc, char *argv[])
{
    int option;

    *ret = (struct guard_options){.kill_grace_ms = GUARD_KILL_GRACE_MS};
    opterr = 0;
    while ((option = getopt_long(argc, argv, "+", long_options, NULL)) != -1)
        if (!set_option(ret, option))
            return usage("bad option");
    if (optind >= argc)
        return usage("no program");
    ret->command = argv + optind;
    return true;
}
