#include "smtp.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <talloc.h>

/* One conversation with a server. */
struct session {
    CURL *curl;
    struct recipient *list; /* in the order of their RCPT commands */
    int *order, count;
    int at;    /* the recipient whose answer is awaited; -1: none */
    int next;  /* the one whose command comes next */
    bool data; /* the message was asked for: what is said now is about it */
    int code;  /* of the last answer */
    char reply[300], error[CURL_ERROR_SIZE];
};

static void keep_reply(char *ret, size_t size, const char *line, size_t len)
{
    while (len > 0 && isspace((unsigned char)line[len - 1]))
        len--;
    snprintf(ret, size, "%.*s", (int)(len < size ? len : size - 1), line);
    for (; *ret; ret++)
        if ((unsigned char)*ret < ' ' || (unsigned char)*ret >= 0x7F)
            *ret = '?';
}

static enum delivery judged(int code)
{
    if (code >= 200 && code < 300)
        return DELIVERY_OPEN; /* until the message itself is taken */
    return code >= 500 ? DELIVERY_REJECTED : DELIVERY_DEFERRED;
}

static void on_command(struct session *session, const char *line, size_t len)
{
    session->at = -1;
    if (len > 8 && strncmp(line, "RCPT TO:", 8) == 0 &&
        session->next < session->count)
        session->at = session->order[session->next++];
    else if (len >= 4 && strncmp(line, "DATA", 4) == 0)
        session->data = true;
}

static void on_answer(struct session *session, const char *line, size_t len)
{
    struct recipient *recipient;

    if (len < 4 || !isdigit((unsigned char)*line) || line[3] == '-')
        return;
    session->code = (int)strtol(line, NULL, 10);
    keep_reply(session->reply, sizeof(session->reply), line, len);
    if (session->at < 0)
        return;
    recipient = &session->list[session->at];
    recipient->code = session->code;
    recipient->delivery = judged(session->code);
    memcpy(recipient->reply, session->reply, sizeof(recipient->reply));
}

/* libcurl tells only the last answer by itself; we want that of each. */
static int on_talk(CURL *curl, curl_infotype type, char *line, size_t len,
                   void *arg)
{
    (void)curl;
    if (type == CURLINFO_HEADER_OUT)
        on_command(arg, line, len);
    else if (type == CURLINFO_HEADER_IN)
        on_answer(arg, line, len);
    return 0;
}

/* The message has been taken or refused: so it is for all whom it was for. */
static void settle(struct session *session, bool sent)
{
    for (int i = 0; i < session->count; i++) {
        struct recipient *recipient = &session->list[session->order[i]];

        if (recipient->delivery != DELIVERY_OPEN || recipient->code == 0)
            continue;
        recipient->delivery = DELIVERY_SENT;
        if (sent)
            continue;
        recipient->delivery = session->data && session->code >= 500
                                  ? DELIVERY_REJECTED
                                  : DELIVERY_DEFERRED;
        recipient->code = session->code;
        snprintf(recipient->reply, sizeof(recipient->reply), "%s",
                 session->code >= 400 ? session->reply : session->error);
    }
}

static bool was_judged(const struct session *session)
{
    for (int i = 0; i < session->count; i++)
        if (session->list[session->order[i]].code)
            return true;
    return false;
}

static bool unusable(const struct session *session, CURLcode why,
                     struct fault *err)
{
    const char *said = session->code >= 400 ? session->reply : session->error;

    if (!*said)
        said = curl_easy_strerror(why);
    if (why == CURLE_LOGIN_DENIED)
        return fault_set(err, session->code >= 500 ? FAULT_DATA : FAULT_RETRY,
                         "smtp_login_denied",
                         "the mail server does not take SMTP_USER and "
                         "SMTP_PASSWORD: %s",
                         said);
    if (why == CURLE_USE_SSL_FAILED || why == CURLE_PEER_FAILED_VERIFICATION ||
        why == CURLE_SSL_CONNECT_ERROR)
        return fault_set(err, FAULT_RETRY, "smtp_tls_failed",
                         "no safe connection to the mail server (SMTP_TLS, "
                         "SMTP_CA_FILE): %s",
                         said);
    if (session->code >= 500)
        return fault_set(err, FAULT_DATA, "smtp_refused",
                         "the mail server refuses the message: %s", said);
    return fault_set(err, FAULT_RETRY, "smtp_unavailable",
                     "the mail server cannot be used now: %s", said);
}

static void add_body(curl_mime *mime, const char *text, const char *type)
{
    curl_mimepart *part = curl_mime_addpart(mime);

    curl_mime_data(part, text, CURL_ZERO_TERMINATED);
    curl_mime_type(part, type);
    curl_mime_encoder(part, "quoted-printable");
}

static void add_bodies(curl_mime *mime, const struct mail *mail)
{
    if (mail->text)
        add_body(mime, mail->text, "text/plain; charset=utf-8");
    if (mail->html)
        add_body(mime, mail->html, "text/html; charset=utf-8");
}

static void add_attachment(void *mem, curl_mime *mime,
                           const struct attachment *attachment)
{
    curl_mimepart *part = curl_mime_addpart(mime);
    struct curl_slist *headers = curl_slist_append(
        NULL, talloc_asprintf(mem, "Content-Disposition: %s",
                              mail_disposition(mem, attachment->name)));

    curl_mime_filedata(part, attachment->path);
    curl_mime_filename(part, attachment->name);
    if (attachment->type)
        curl_mime_type(part, attachment->type);
    curl_mime_encoder(part, "base64");
    curl_mime_headers(part, headers, 1);
}

/* The plain text and the HTML are two forms of one thing; attachments stand
 * beside it. */
static curl_mime *make_body(void *mem, CURL *curl, const struct mail *mail)
{
    curl_mime *mixed = curl_mime_init(curl), *forms;
    curl_mimepart *part;

    if (mail->text && mail->html) {
        forms = curl_mime_init(curl);
        add_bodies(forms, mail);
        part = curl_mime_addpart(mixed);
        curl_mime_subparts(part, forms);
        curl_mime_type(part, "multipart/alternative");
    } else {
        add_bodies(mixed, mail);
    }
    for (int i = 0; i < mail->attachment_count; i++)
        add_attachment(mem, mixed, &mail->attachments[i]);
    return mixed;
}

static void set_server(CURL *curl, const struct smtp *smtp)
{
    curl_easy_setopt(curl, CURLOPT_URL, smtp->url);
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "smtp,smtps");
    curl_easy_setopt(curl, CURLOPT_USE_SSL, smtp->tls);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, smtp->timeout_s);
    curl_easy_setopt(curl, CURLOPT_SERVER_RESPONSE_TIMEOUT, smtp->timeout_s);
    curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, 1L);
    curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, smtp->timeout_s);
    curl_easy_setopt(curl, CURLOPT_USERNAME, smtp->user);
    curl_easy_setopt(curl, CURLOPT_PASSWORD, smtp->password);
    if (smtp->ca_file)
        curl_easy_setopt(curl, CURLOPT_CAINFO, smtp->ca_file);
}

static void set_talk(struct session *session)
{
    curl_easy_setopt(session->curl, CURLOPT_ERRORBUFFER, session->error);
    curl_easy_setopt(session->curl, CURLOPT_VERBOSE, 1L);
    curl_easy_setopt(session->curl, CURLOPT_DEBUGFUNCTION, on_talk);
    curl_easy_setopt(session->curl, CURLOPT_DEBUGDATA, session);
}

static struct curl_slist *set_recipients(void *mem, struct session *session,
                                         int count)
{
    struct curl_slist *ret = NULL;

    session->order = talloc_array(mem, int, (unsigned)count);
    for (int i = 0; i < count; i++) {
        struct recipient *recipient = &session->list[i];

        if (recipient->delivery == DELIVERY_SENT ||
            recipient->delivery == DELIVERY_REJECTED)
            continue;
        recipient->delivery = DELIVERY_OPEN;
        recipient->code = 0;
        session->order[session->count++] = i;
        ret = curl_slist_append(
            ret, talloc_asprintf(mem, "<%s>", recipient->address));
    }
    curl_easy_setopt(session->curl, CURLOPT_MAIL_RCPT, ret);
    curl_easy_setopt(session->curl, CURLOPT_MAIL_RCPT_ALLLOWFAILS, 1L);
    return ret;
}

static CURLcode talk(void *mem, struct session *session,
                     const struct smtp *smtp, const struct mail *mail,
                     const char *id, int count)
{
    CURL *curl = session->curl;
    struct curl_slist *headers = mail_headers(mem, mail, id), *recipients;
    curl_mime *mime = make_body(mem, curl, mail);
    CURLcode ret;

    set_server(curl, smtp);
    set_talk(session);
    recipients = set_recipients(mem, session, count);
    curl_easy_setopt(curl, CURLOPT_MAIL_FROM,
                     talloc_asprintf(mem, "<%s>", mail->from.address));
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(curl, CURLOPT_MIMEPOST, mime);
    ret = curl_easy_perform(curl);
    curl_mime_free(mime);
    curl_slist_free_all(recipients);
    curl_slist_free_all(headers);
    return ret;
}

bool smtp_send(void *mem, const struct smtp *smtp, const struct mail *mail,
               const char *id, struct recipient *list, int count,
               struct fault *err)
{
    struct session session = {.curl = curl_easy_init(), .list = list, .at = -1};
    CURLcode done;

    if (!session.curl)
        return fault_set(err, FAULT_RETRY, "out_of_memory", "out of memory");
    done = talk(mem, &session, smtp, mail, id, count);
    curl_easy_cleanup(session.curl);
    if (done != CURLE_OK && !was_judged(&session))
        return unusable(&session, done, err);
    settle(&session, done == CURLE_OK);
    return true;
}

static const char *env(const char *name)
{
    const char *value = getenv(name);

    return value && *value ? value : NULL;
}

static bool read_tls(struct smtp *ret, struct fault *err)
{
    const char *tls = env("SMTP_TLS");

    if (!tls || strcmp(tls, "required") == 0)
        ret->tls = CURLUSESSL_ALL;
    else if (strcmp(tls, "try") == 0)
        ret->tls = CURLUSESSL_TRY;
    else if (strcmp(tls, "none") == 0)
        ret->tls = CURLUSESSL_NONE;
    else
        return fault_set(err, FAULT_USAGE, "invalid_setting",
                         "SMTP_TLS must be required, try or none, not \"%s\"",
                         tls);
    return true;
}

static bool read_password(void *mem, struct smtp *ret, struct fault *err)
{
    const char *path = env("SMTP_PASSWORD_FILE");
    char line[500];
    FILE *file;

    ret->password = env("SMTP_PASSWORD");
    if (ret->password || !path)
        return true;
    file = fopen(path, "re");
    if (!file || !fgets(line, sizeof(line), file)) {
        if (file)
            fclose(file);
        return fault_set(err, FAULT_USAGE, "invalid_setting",
                         "SMTP_PASSWORD_FILE: cannot read %s", path);
    }
    fclose(file);
    line[strcspn(line, "\r\n")] = 0;
    ret->password = talloc_strdup(mem, line);
    return true;
}

bool smtp_read(void *mem, struct smtp *ret, struct fault *err)
{
    const char *timeout = env("SMTP_TIMEOUT");

    *ret = (struct smtp){
        .url = env("SMTP_URL"),
        .user = env("SMTP_USER"),
        .ca_file = env("SMTP_CA_FILE"),
        .timeout_s = timeout ? strtol(timeout, NULL, 10) : 60,
    };
    if (!ret->url || (strncmp(ret->url, "smtp://", 7) != 0 &&
                      strncmp(ret->url, "smtps://", 8) != 0))
        return fault_set(err, FAULT_USAGE, "invalid_setting",
                         "SMTP_URL must be smtp://host:port or "
                         "smtps://host:port; the type file's run.env sets it");
    if (ret->timeout_s < 1 || ret->timeout_s > 3600)
        return fault_set(err, FAULT_USAGE, "invalid_setting",
                         "SMTP_TIMEOUT must be 1 to 3600 seconds");
    return read_tls(ret, err) && read_password(mem, ret, err);
}
