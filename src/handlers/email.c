/*
 * email: sends a message by SMTP.
 *
 * All recipients get it in one transaction. Those that the server puts off
 * (4xx) are tried again after a pause, while others have it already; those
 * that it refuses (5xx) are not. The result says of each what came of it. The
 * job fails where nobody could be reached: for good where all were refused,
 * else it is tried again. A message that is sent again after a crash has the
 * same Message-ID, by which mail servers drop the second one.
 */
#include "kit.h"
#include "smtp.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <talloc.h>
#include <time.h>

/* Pauses before those who were put off are tried again. */
static const int pauses_s[] = {5, 20, 60, 180};

static const char *const delivery_names[] = {
    [DELIVERY_OPEN] = "deferred",
    [DELIVERY_SENT] = "sent",
    [DELIVERY_DEFERRED] = "deferred",
    [DELIVERY_REJECTED] = "rejected",
};

struct letter {
    struct smtp smtp;
    struct mail mail;
    struct recipient *list;
    int count;
};

static void add_recipients(struct letter *letter, const struct mailboxes *boxes)
{
    for (int i = 0; i < boxes->count; i++) {
        const char *address = boxes->list[i].address;
        bool known = false;

        for (int j = 0; j < letter->count && !known; j++)
            known = strcasecmp(letter->list[j].address, address) == 0;
        if (!known)
            letter->list[letter->count++].address = address;
    }
}

static void collect_recipients(void *mem, struct letter *letter)
{
    const struct mail *mail = &letter->mail;

    letter->list = talloc_zero_array(
        mem, struct recipient,
        (unsigned)(mail->to.count + mail->cc.count + mail->bcc.count));
    add_recipients(letter, &mail->to);
    add_recipients(letter, &mail->cc);
    add_recipients(letter, &mail->bcc);
}

static int count_of(const struct letter *letter, enum delivery delivery)
{
    int n = 0;

    for (int i = 0; i < letter->count; i++)
        n += letter->list[i].delivery == delivery;
    return n;
}

static json_t *recipients_json(const struct letter *letter)
{
    json_t *ret = json_array();

    for (int i = 0; i < letter->count; i++) {
        const struct recipient *one = &letter->list[i];
        json_t *item = json_pack("{s:s, s:s}", "address", one->address,
                                 "status", delivery_names[one->delivery]);

        if (one->code)
            json_object_set_new(item, "code", json_integer(one->code));
        if (*one->reply)
            json_object_set_new(item, "message", json_string(one->reply));
        json_array_append_new(ret, item);
    }
    return ret;
}

static json_t *result_json(void *mem, const struct letter *letter)
{
    return json_pack("{s:s, s:i, s:i, s:i, s:o}", "messageId",
                     mail_id(mem, &letter->mail, kit_job_id()), "sent",
                     count_of(letter, DELIVERY_SENT), "rejected",
                     count_of(letter, DELIVERY_REJECTED), "deferred",
                     count_of(letter, DELIVERY_DEFERRED), "recipients",
                     recipients_json(letter));
}

static bool send_once(void *mem, struct letter *letter, struct fault *err)
{
    bool ok = smtp_send(mem, &letter->smtp, &letter->mail, kit_job_id(),
                        letter->list, letter->count, err);
    int sent = count_of(letter, DELIVERY_SENT);

    kit_progress(100.0 * sent / letter->count, "sent to %d of %d", sent,
                 letter->count);
    return ok;
}

/* Those who were put off while others have the message already: only this
 * attempt knows who has it. */
static void send_to_the_rest(void *mem, struct letter *letter)
{
    struct fault ignored;

    for (size_t i = 0; i < sizeof(pauses_s) / sizeof(*pauses_s); i++) {
        struct timespec pause = {.tv_sec = pauses_s[i]};

        if (count_of(letter, DELIVERY_SENT) == 0 ||
            count_of(letter, DELIVERY_DEFERRED) == 0)
            return;
        nanosleep(&pause, NULL);
        if (!send_once(mem, letter, &ignored))
            for (int j = 0; j < letter->count; j++)
                if (letter->list[j].delivery == DELIVERY_OPEN)
                    letter->list[j].delivery = DELIVERY_DEFERRED;
    }
}

static int fail_for_all(const struct letter *letter)
{
    bool later = count_of(letter, DELIVERY_DEFERRED) > 0;
    const struct recipient *first = &letter->list[0];

    return kit_fail(later ? FAULT_RETRY : FAULT_DATA,
                    later ? "recipients_deferred" : "recipients_rejected",
                    json_pack("{s:o}", "recipients", recipients_json(letter)),
                    "no recipient could be reached; %s: %s", first->address,
                    first->reply);
}

static int send_letter(void *mem, json_t *payload)
{
    struct letter letter = {0};
    struct fault err;

    if (!smtp_read(mem, &letter.smtp, &err) ||
        !mail_read(mem, payload, getenv("SMTP_FROM"), &letter.mail, &err))
        return kit_fail_with(&err);
    collect_recipients(mem, &letter);
    if (!send_once(mem, &letter, &err))
        return kit_fail_with(&err);
    send_to_the_rest(mem, &letter);
    if (count_of(&letter, DELIVERY_SENT) == 0)
        return fail_for_all(&letter);
    return kit_result(result_json(mem, &letter));
}

int main(void)
{
    void *mem = talloc_new(NULL);
    json_t *payload = NULL;
    struct fault err;
    int status;

    kit_start();
    if (sodium_init() < 0 || curl_global_init(CURL_GLOBAL_DEFAULT))
        return FAULT_RETRY;
    status = kit_payload(&payload, &err) ? send_letter(mem, payload)
                                         : kit_fail_with(&err);
    json_decref(payload);
    talloc_free(mem);
    curl_global_cleanup();
    return status;
}
