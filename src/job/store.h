#ifndef JOB_STORE_H
#define JOB_STORE_H

/*
 * Where files lie under the data directory. Two hex digits of the id (its last,
 * which are random) spread them over 256 folders.
 *   files/7f/<file id>                        an upload
 *   artifacts/7f/<job id>/<attempt>/<name>    what a job made
 *   work/<job id>-<attempt>/{input,output}    while it runs
 * All on `mem`, relative to the data directory.
 */
char *store_file(void *mem, const char *file_id);
char *store_job(void *mem, const char *job_id); /* all its attempts */
char *store_artifacts(void *mem, const char *job_id, int attempt);
char *store_work(void *mem, const char *job_id, int attempt);

#endif
