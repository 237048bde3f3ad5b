#include "tunnel_login.h"
#include "kit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { TIMEOUT_S = 10 };

static bool failed(ssh_session session, enum fault_status status,
                   const char *code, const char *what, struct fault *err)
{
    return fault_set(err, status, code, "%s: %s", what, ssh_get_error(session));
}

/* ---------------------------------------------------------------- host key */

/* "SHA256:…" of the key that the server showed; to be freed. */
static char *fingerprint_of(ssh_key key)
{
    unsigned char *hash = NULL;
    size_t len = 0;
    char *text;

    if (ssh_get_publickey_hash(key, SSH_PUBLICKEY_HASH_SHA256, &hash, &len) < 0)
        abort();
    text = ssh_get_fingerprint_hash(SSH_PUBLICKEY_HASH_SHA256, hash, len);
    ssh_clean_pubkey_hash(&hash);
    if (!text)
        abort();
    return text;
}

/* A line of a public key: "ssh-ed25519 AAAA… comment". */
static ssh_key key_of_line(const char *line)
{
    char type[64], data[8192];
    ssh_key key = NULL;

    if (sscanf(line, "%63s %8191s", type, data) != 2 ||
        ssh_pki_import_pubkey_base64(data, ssh_key_type_from_name(type),
                                     &key) != SSH_OK)
        return NULL;
    return key;
}

static bool is_named(ssh_key shown, const char *fingerprint,
                     const struct ssh_place *place)
{
    ssh_key key;
    bool same;

    if (!strncmp(place->host_key, "SHA256:", 7))
        return !strcmp(place->host_key, fingerprint);
    key = key_of_line(place->host_key);
    same = key && ssh_key_cmp(shown, key, SSH_KEY_CMP_PUBLIC) == 0;
    ssh_key_free(key);
    return same;
}

static bool unknown(const char *fingerprint, ssh_key shown, struct fault *err)
{
    return fault_set(err, FAULT_DATA, "ssh_host_unknown",
                     "the SSH server shows the key %s (%s), and nothing says "
                     "whether that is its own; if it is, give it as hostKey",
                     fingerprint, ssh_key_type_to_char(ssh_key_type(shown)));
}

static bool mismatch(const char *fingerprint, ssh_key shown, struct fault *err)
{
    return fault_set(err, FAULT_DATA, "ssh_host_key_mismatch",
                     "the SSH server shows the key %s (%s), which is not the "
                     "one that it must have: it may be another server",
                     fingerprint, ssh_key_type_to_char(ssh_key_type(shown)));
}

static bool is_known(ssh_session session, const char *fingerprint,
                     ssh_key shown, struct fault *err)
{
    switch (ssh_session_is_known_server(session)) {
    case SSH_KNOWN_HOSTS_OK:
        return true;
    case SSH_KNOWN_HOSTS_CHANGED:
    case SSH_KNOWN_HOSTS_OTHER:
        return mismatch(fingerprint, shown, err);
    default:
        return unknown(fingerprint, shown, err);
    }
}

static bool check_host(ssh_session session, const struct ssh_place *place,
                       struct fault *err)
{
    ssh_key shown = NULL;
    char *fingerprint;
    bool ok;

    if (ssh_get_server_publickey(session, &shown) != SSH_OK)
        return failed(session, FAULT_RETRY, "ssh_unreachable",
                      "the SSH server shows no key", err);
    fingerprint = fingerprint_of(shown);
    if (place->host_key)
        ok = is_named(shown, fingerprint, place) ||
             mismatch(fingerprint, shown, err);
    else if (place->known_hosts_file)
        ok = is_known(session, fingerprint, shown, err);
    else
        ok = unknown(fingerprint, shown, err);
    ssh_string_free_char(fingerprint);
    ssh_key_free(shown);
    return ok;
}

/* ---------------------------------------------------------------- login */

/* Some servers take a password only as the answer to their one question. */
static int answer_questions(ssh_session session, const char *password)
{
    int state = ssh_userauth_kbdint(session, NULL, NULL);

    while (state == SSH_AUTH_INFO) {
        int count = ssh_userauth_kbdint_getnprompts(session);

        for (int i = 0; i < count; i++)
            ssh_userauth_kbdint_setanswer(session, (unsigned)i, password);
        state = ssh_userauth_kbdint(session, NULL, NULL);
    }
    return state;
}

static int show_password(ssh_session session, const char *password)
{
    int methods, state = ssh_userauth_none(session, NULL);

    if (state == SSH_AUTH_SUCCESS || state == SSH_AUTH_ERROR)
        return state;
    methods = ssh_userauth_list(session, NULL);
    if ((unsigned)methods & SSH_AUTH_METHOD_PASSWORD)
        return ssh_userauth_password(session, NULL, password);
    return answer_questions(session, password);
}

static bool log_in(ssh_session session, const struct ssh_place *place,
                   ssh_key key, struct fault *err)
{
    int state = key ? ssh_userauth_publickey(session, NULL, key)
                    : show_password(session, place->password);

    if (state == SSH_AUTH_SUCCESS)
        return true;
    if (state == SSH_AUTH_ERROR)
        return failed(session, FAULT_RETRY, "ssh_lost",
                      "the SSH server broke off", err);
    return fault_set(err, FAULT_DATA, "ssh_denied",
                     "the SSH server does not let the user %s in with this %s",
                     place->user, key ? "key" : "password");
}

/* The key that the user shows; NULL: a password is shown. Looked at before any
 * connection is made. */
static bool read_key(const struct ssh_place *place, ssh_key *ret,
                     struct fault *err)
{
    *ret = NULL;
    return !place->private_key ||
           ssh_pki_import_privkey_base64(place->private_key, place->passphrase,
                                         NULL, NULL, ret) == SSH_OK ||
           fault_set(err, FAULT_DATA, "ssh_invalid_key",
                     "privateKey is no private key that can be read%s",
                     place->passphrase ? " with this passphrase"
                                       : ", or it needs a passphrase");
}

/* ---------------------------------------------------------------- session */

/* None of this user's own settings or keys is to have a say. */
static void set_options(ssh_session session, const struct ssh_place *place)
{
    const char *known =
        place->known_hosts_file ? place->known_hosts_file : "/dev/null";
    long timeout_s = TIMEOUT_S;
    int no = 0, yes = 1, port = place->port ? place->port : 22;

    ssh_options_set(session, SSH_OPTIONS_PROCESS_CONFIG, &no);
    ssh_options_set(session, SSH_OPTIONS_HOST, place->host);
    ssh_options_set(session, SSH_OPTIONS_PORT, &port);
    ssh_options_set(session, SSH_OPTIONS_USER, place->user);
    ssh_options_set(session, SSH_OPTIONS_TIMEOUT, &timeout_s);
    ssh_options_set(session, SSH_OPTIONS_NODELAY, &yes);
    ssh_options_set(session, SSH_OPTIONS_KNOWNHOSTS, known);
    ssh_options_set(session, SSH_OPTIONS_GLOBAL_KNOWNHOSTS, "/dev/null");
}

/* A hostKey that is a key names the kind of key that the server must show. */
static void ask_for_kind(ssh_session session, const struct ssh_place *place)
{
    const char *line = place->host_key;
    char kind[64] = "";

    if (!line || !strncmp(line, "SHA256:", 7) ||
        sscanf(line, "%63s", kind) != 1)
        return;
    if (!strcmp(kind, "ssh-rsa"))
        snprintf(kind, sizeof(kind), "rsa-sha2-512,rsa-sha2-256");
    ssh_options_set(session, SSH_OPTIONS_HOSTKEYS, kind);
}

static bool begin(ssh_session session, const struct ssh_place *place,
                  ssh_key key, struct fault *err)
{
    set_options(session, place);
    ask_for_kind(session, place);
    kit_progress(0, "connecting to the SSH server");
    if (ssh_connect(session) != SSH_OK)
        return failed(session, FAULT_RETRY, "ssh_unreachable",
                      "the SSH server cannot be reached", err);
    return check_host(session, place, err) && log_in(session, place, key, err);
}

bool tunnel_login(const struct ssh_place *place, ssh_session *ret,
                  struct fault *err)
{
    ssh_session session;
    ssh_key key;
    bool ok;

    if (!read_key(place, &key, err))
        return false;
    session = ssh_new();
    if (!session)
        abort();
    ok = begin(session, place, key, err);
    ssh_key_free(key);
    if (ok) {
        *ret = session;
        return true;
    }
    ssh_disconnect(session);
    ssh_free(session);
    return false;
}
