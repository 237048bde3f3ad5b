#ifndef JOB_ARTIFACT_H
#define JOB_ARTIFACT_H

#include "db.h"

/*
 * The newest completed job of a type and an owner that has an artifact of this
 * name: its id on `mem`. Only the owner's 10,000 newest jobs are looked at.
 * ERROR_NOT_FOUND artifact_not_found.
 */
bool artifact_newest(struct db *db, void *mem, const char *owner,
                     const char *type, const char *name, const char **ret_job,
                     struct error *err) MUST_CHECK;

#endif
