#include "columns.h"

/* clang-format off */
const struct column job_columns[] = {
    {"ID",       "jobId",     CELL_TEXT, false},
    {"TYPE",     "type",      CELL_TEXT, true},
    {"QUEUE",    "queue",     CELL_TEXT, true},
    {"OWNER",    "owner",     CELL_TEXT, true},
    {"PRIO",     "priority",  CELL_INT, false},
    {"STATE",    "state",     CELL_WORD, false},
    {"DONE",     "progress",  CELL_PERCENT, false},
    {"TRY",      "attempt",   CELL_INT, false},
    {"CREATED",  "createdAt", CELL_TIME, false},
    {"MESSAGE",  "message",   CELL_TEXT, true},
};

const struct column job_record[] = {
    {"id",           "jobId",       CELL_TEXT, false},
    {"type",         "type",        CELL_TEXT, false},
    {"queue",        "queue",       CELL_TEXT, false},
    {"owner",        "owner",       CELL_TEXT, false},
    {"priority",     "priority",    CELL_TEXT, false},
    {"status",       "status",      CELL_WORD, false},
    {"state",        "state",       CELL_WORD, false},
    {"progress",     "progress",    CELL_PERCENT, false},
    {"message",      "message",     CELL_TEXT, false},
    {"attempt",      "attempt",     CELL_TEXT, false},
    {"max attempts", "maxAttempts", CELL_TEXT, false},
    {"tags",         "tags",        CELL_TEXT, false},
    {"batch",        "batchId",     CELL_TEXT, false},
    {"depends on",   "dependsOn",   CELL_TEXT, false},
    {"unique",       "unique",      CELL_TEXT, false},
    {"unique key",   "uniqueKey",   CELL_TEXT, false},
    {"concurrency key", "concurrencyKey", CELL_TEXT, false},
    {"concurrency limit", "concurrencyLimit", CELL_TEXT, false},
    {"rate limit",   "rateLimit",   CELL_TEXT, false},
    {"serial key",   "serialKey",   CELL_TEXT, false},
    {"fair key",     "fairKey",     CELL_TEXT, false},
    {"heartbeat timeout", "heartbeatTimeout", CELL_TEXT, false},
    {"worker",       "worker",      CELL_TEXT, false},
    {"created",      "createdAt",   CELL_TIME, false},
    {"run at",       "runAt",       CELL_TIME, false},
    {"started",      "startedAt",   CELL_TIME, false},
    {"completed",    "completedAt", CELL_TIME, false},
    {"expires",      "expiresAt",   CELL_TIME, false},
    {"kept until",   "keptUntil",   CELL_TIME, false},
    {"payload",      "payload",     CELL_TEXT, false},
    {"result",       "result",      CELL_TEXT, false},
    {"error",        "error",       CELL_TEXT, false},
    {"artifacts",    "artifacts",   CELL_TEXT, false},
};
/* clang-format on */

const size_t job_column_count = COUNT(job_columns);
const size_t job_record_count = COUNT(job_record);
