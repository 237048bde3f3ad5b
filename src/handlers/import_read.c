#include "import.h"
#include "kit.h"

#include <errno.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <talloc.h>

static bool bad(const char *what, struct fault *err)
{
    return fault_set(err, FAULT_USAGE, "invalid_payload", "payload: %s", what);
}

static bool good_port(int port)
{
    return port >= 1 && port <= 65535;
}

/* A path or a list of hosts is no host. */
static bool good_host(const char *host)
{
    return *host && strlen(host) <= 253 &&
           strspn(host,
                  "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                  "0123456789-._:%[]") == strlen(host) &&
           *host != '-';
}

/* The operator may say where imports are made from: patterns as of the shell.
 * It is the host that this machine speaks with that counts. */
static bool allowed(void *mem, const char *host, struct fault *err)
{
    const char *list = getenv("IMPORT_HOSTS");
    char *rest = list && *list ? talloc_strdup(mem, list) : NULL;
    const char *pattern;

    if (!rest)
        return true;
    while ((pattern = strsep(&rest, " ")))
        if (*pattern && fnmatch(pattern, host, FNM_CASEFOLD) == 0)
            return true;
    return fault_set(err, FAULT_DATA, "host_not_allowed",
                     "imports from %s are not allowed here; they are from: %s",
                     host, list);
}

/* Lines of a known_hosts file as a file, which is what the library reads. */
static bool write_known_hosts(void *mem, struct ssh_place *ssh,
                              struct fault *err)
{
    char *path = talloc_asprintf(mem, "%s/known_hosts", kit_scratch_dir());
    FILE *file = fopen(path, "we");
    bool ok = file && fprintf(file, "%s\n", ssh->known_hosts) > 0;

    if (file && fclose(file) != 0)
        ok = false;
    ssh->known_hosts_file = path;
    return ok || fault_set(err, FAULT_RETRY, "tunnel_failed",
                           "cannot write %s: %s", path, strerror(errno));
}

static bool check_ssh(void *mem, struct ssh_place *ssh, struct fault *err)
{
    const char *known = getenv("SSH_KNOWN_HOSTS_FILE");

    if (!good_host(ssh->host) || !good_port(ssh->port))
        return bad(
            "ssh.host and ssh.port must be a host's name or address and "
            "a port",
            err);
    if (!ssh->password == !ssh->private_key)
        return bad("ssh must have either a password or a privateKey", err);
    if (ssh->host_key && ssh->known_hosts)
        return bad("ssh must have either a hostKey or knownHosts", err);
    if (ssh->known_hosts)
        return write_known_hosts(mem, ssh, err);
    if (!ssh->host_key && known && *known)
        ssh->known_hosts_file = known;
    return true;
}

static bool read_ssh(void *mem, json_t *json, struct import *ret,
                     struct fault *err)
{
    struct ssh_place *ssh = &ret->ssh;
    json_error_t why;

    if (!json || json_is_null(json))
        return true;
    ret->by_ssh = true;
    ssh->port = 22;
    if (json_unpack_ex(
            json, &why, JSON_STRICT, "{s:s, s?i, s:s, s?s, s?s, s?s, s?s, s?s}",
            "host", &ssh->host, "port", &ssh->port, "user", &ssh->user,
            "password", &ssh->password, "privateKey", &ssh->private_key,
            "passphrase", &ssh->passphrase, "hostKey", &ssh->host_key,
            "knownHosts", &ssh->known_hosts) != 0)
        return bad(why.text, err);
    return check_ssh(mem, ssh, err);
}

static bool good_mode(const char *mode)
{
    static const char *const modes[] = {"disable", "prefer", "require",
                                        "verify-full"};

    for (size_t i = 0; i < sizeof(modes) / sizeof(*modes); i++)
        if (mode && !strcmp(mode, modes[i]))
            return true;
    return !mode;
}

bool import_read(void *mem, json_t *payload, struct import *ret,
                 struct fault *err)
{
    struct place *place = &ret->place;
    json_error_t why;
    json_t *ssh = NULL;

    *ret = (struct import){.place.port = 3306};
    if (json_unpack_ex(
            payload, &why, JSON_STRICT, "{s:s, s?i, s:s, s:s, s?s, s?s, s?o}",
            "host", &place->host, "port", &place->port, "database",
            &place->database, "user", &place->user, "password",
            &place->password, "sslMode", &place->ssl_mode, "ssh", &ssh) != 0)
        return bad(why.text, err);
    if (!good_host(place->host) || !good_port(place->port))
        return bad("host and port must be a host's name or address and a port",
                   err);
    if (!*place->database)
        return bad("database must be a name", err);
    if (!good_mode(place->ssl_mode))
        return bad("sslMode must be disable, prefer, require or verify-full",
                   err);
    return read_ssh(mem, ssh, ret, err) &&
           allowed(mem, ret->by_ssh ? ret->ssh.host : place->host, err);
}
