#include "post.h"
#include "api.h"
#include "bell.h"
#include "committer.h"
#include "job_write.h"
#include "prefer.h"

#include <sodium.h>
#include <string.h>
#include <talloc.h>

#define MAX_KEY 255

/* The key that a request carries; NULL: none. */
static bool key_of(const struct request *req, const char **ret,
                   struct error *err)
{
    const char *key = req->idempotency_key;
    size_t len = key ? strlen(key) : 1;

    for (const char *c = key; c && *c; c++)
        if (*c < 0x20 || *c > 0x7e)
            len = 0;
    if (len < 1 || len > MAX_KEY)
        return error_set(err, ERROR_INVALID, "invalid_idempotency_key",
                         "an Idempotency-Key has 1 to %d printable ASCII "
                         "characters",
                         MAX_KEY);
    *ret = key;
    return true;
}

static void hash_text(crypto_hash_sha256_state *state, const char *text)
{
    /* The zero byte goes in too: it keeps neighbours apart. */
    crypto_hash_sha256_update(state, (const unsigned char *)text,
                              strlen(text) + 1);
}

/* What a key stands for: the request that it was first used with. */
static char *fingerprint_of(struct request *req, const struct post *post)
{
    unsigned char hash[crypto_hash_sha256_BYTES];
    size_t size = 2 * sizeof(hash) + 1;
    crypto_hash_sha256_state state;

    crypto_hash_sha256_init(&state);
    hash_text(&state, req->method);
    hash_text(&state, post->path);
    crypto_hash_sha256_update(&state, (const unsigned char *)post->body,
                              post->body_len);
    crypto_hash_sha256_final(&state, hash);
    return sodium_bin2hex(talloc_size(req, size), size, hash, sizeof(hash));
}

/* By the request's own connection: a batch, which would hold up the posts of
 * others, and as plain CGI everything. */
static bool store_here(struct request *req, struct posting *posting,
                       struct error *err)
{
    const char *run_dir = req->api->conf->run_dir;
    struct db *db;

    if (!http_db(req, &db, err) ||
        !(posting->batch ? enqueue_store_batch(db, posting, err)
                         : enqueue_store(db, &posting, 1, err)))
        return false;
    bell_ring(run_dir, "jobs");
    bell_ring(run_dir, "events");
    return true;
}

/* Whether it was stored cannot always be known: say what helps. */
static bool unsure(const struct posting *posting, struct error *err)
{
    if (err->kind != ERROR_UNAVAILABLE)
        return false;
    return error_set(err, ERROR_UNAVAILABLE, err->code,
                     "the database is away, and what you posted may or may "
                     "not have been stored: %s",
                     posting->key ? "repeat it with the same Idempotency-Key"
                                  : "with an Idempotency-Key, repeating it "
                                    "would be safe");
}

/* What was kept with a key, and that it stands for this very request. */
static bool recall(struct request *req, const struct posting *posting,
                   const char **ret_answer, struct error *err)
{
    const char *fingerprint;
    struct db *db;

    if (!http_db(req, &db, err) ||
        !enqueue_recall(db, req, posting->owner, posting->key, &fingerprint,
                        ret_answer, err))
        return false;
    http_db_done(req);
    return !strcmp(fingerprint, posting->fingerprint) ||
           error_set(err, ERROR_MISMATCH, "idempotency_key_reused",
                     "this Idempotency-Key was used before with another "
                     "request");
}

/* The answer that the key was first given. */
static bool replay(struct request *req, struct response *res,
                   const struct posting *posting, const char **ret_answer,
                   struct error *err)
{
    if (!recall(req, posting, ret_answer, err))
        return false;
    http_header(req, res, "Idempotency-Replayed", "true");
    return true;
}

/* The answer to what has been stored and became something else than could be
 * foreseen; with a key it has been kept. */
static bool renew(struct request *req, const struct posting *posting,
                  const char **ret_answer, struct error *err)
{
    struct db *db;

    if (posting->key)
        return recall(req, posting, ret_answer, err);
    return http_db(req, &db, err) &&
           enqueue_answer(db, req, posting, ret_answer, err);
}

/* What is posted, as the store takes it. */
static bool posting_of(struct request *req, const struct post *post,
                       struct posting *ret, struct error *err)
{
    *ret = (struct posting){.owner = req->caller.owner,
                            .jobs = post->jobs,
                            .count = post->count,
                            .batch = post->batch,
                            .terms = post->terms,
                            .answer = post->answer};
    if (!key_of(req, &ret->key, err))
        return false;
    if (ret->key)
        ret->fingerprint = fingerprint_of(req, post);
    return true;
}

bool post_recall(struct request *req, struct response *res,
                 const struct post *post, const char **ret_answer,
                 struct error *err)
{
    struct posting posting;

    *ret_answer = NULL;
    if (!posting_of(req, post, &posting, err))
        return false;
    return !posting.key || replay(req, res, &posting, ret_answer, err) ||
           err->kind == ERROR_NOT_FOUND;
}

/* Who stores them, so that one commit serves many requests; NULL: we do. */
static struct committer *committer_of(const struct request *req,
                                      const struct post *post)
{
    return post->count == 1 && !post->batch ? req->api->committer : NULL;
}

/* Behind a commit that does not return nobody shall wait without end. */
static bool check_committer(struct committer *committer, struct error *err)
{
    return !committer || !committer_is_stuck(committer) ||
           error_set(err, ERROR_UNAVAILABLE, "database_unavailable",
                     "the database does not answer; nothing was stored");
}

bool post_allowed(const struct request *req, const struct new_job *jobs,
                  int count, struct error *err)
{
    for (int i = 0; i < count && req->caller.role != ROLE_ADMIN; i++) {
        if (!jobs[i].admin_only)
            continue;
        error_set(err, ERROR_FORBIDDEN, "admin_only",
                  "fairKey is for tokens of the role admin: it would let a "
                  "user take more than their share");
        err->item = i + 1;
        return false;
    }
    return true;
}

static bool store(struct request *req, struct committer *committer,
                  struct posting *posting, struct error *err)
{
    if (!committer)
        return store_here(req, posting, err);
    http_db_done(req);
    return committer_store(committer, posting, err);
}

bool post_store(struct request *req, struct response *res,
                const struct post *post, const char **ret_answer,
                struct error *err)
{
    struct committer *committer = committer_of(req, post);
    struct posting posting;

    if (!post_allowed(req, post->jobs, post->count, err) ||
        !posting_of(req, post, &posting, err) ||
        !check_committer(committer, err))
        return false;
    *ret_answer = post->answer;
    if (store(req, committer, &posting, err)) {
        if (posting.known)
            return replay(req, res, &posting, ret_answer, err);
        if (!posting.stale || renew(req, &posting, ret_answer, err))
            return true;
    }
    return unsure(&posting, err);
}

/* The member that a code is about, where only one can be. */
static const char *culprit(const char *code)
{
    static const struct {
        const char *code, *member;
    } culprits[] = {
        {"unknown_type",       "type"     },
        {"unknown_dependency", "dependsOn"},
        {"unknown_ref",        "dependsOn"},
        {"dependency_cycle",   "dependsOn"},
        {"duplicate_ref",      "ref"      },
        {"batch_closed",       "batchId"  },
        {"admin_only",         "fairKey"  },
    };

    for (size_t i = 0; i < sizeof(culprits) / sizeof(*culprits); i++)
        if (!strcmp(code, culprits[i].code))
            return culprits[i].member;
    return NULL;
}

bool post_blame(struct request *req, struct response *res, bool several,
                const char *member, const struct error *err)
{
    static const char nothing[] = "{}";
    struct json_out *out = json_out_new(req);

    json_begin_object(out, NULL);
    if (several && err->item > 0)
        json_add_int(out, "index", err->item - 1);
    json_may_string(out, "member", member ? member : culprit(err->code));
    json_may_string(out, "jobId", *err->rival ? err->rival : NULL);
    json_may_raw(out, "errors", *err->errors ? err->errors : NULL);
    json_end(out);
    res->details = json_out_text(out, NULL);
    if (!strcmp(res->details, nothing))
        res->details = NULL;
    return false;
}

const char *post_answer(void *mem, const struct new_job *job)
{
    struct json_out *out = json_out_new(mem);
    size_t len;

    json_begin_object(out, NULL);
    json_add_bool(out, "success", true);
    json_add_string(out, "jobId", job->id);
    json_add_string(out, "type", job->type);
    json_add_string(out, "status", "pending");
    json_add_string(out, "state", job->later ? "scheduled" : "available");
    json_end(out);
    return json_out_text(out, &len);
}

/* The id within an answer: that of a replayed one is not this request's. */
static const char *id_of(void *mem, const char *answer)
{
    const char *text = json_member_text(mem, answer, strlen(answer), "jobId");

    return text ? talloc_strndup(mem, text + 1, strlen(text) - 2) : "";
}

bool post_reply(struct request *req, struct response *res, const char *answer,
                struct error *err)
{
    const char *id = id_of(req, answer);

    http_header(req, res, "Location", talloc_asprintf(req, "/api/jobs/%s", id));
    if (prefer_wait(req, res, id)) {
        struct db *db;
        struct job job;

        return http_db(req, &db, err) &&
               job_by_id(db, req, id, http_owner(req), &job, err) &&
               job_send(req, res, db, &job, err);
    }
    res->status =
        json_member_text(req, answer, strlen(answer), "existing") ? 200 : 202;
    res->body = answer;
    res->body_len = strlen(answer);
    return true;
}
