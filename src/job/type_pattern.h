#ifndef JOB_TYPE_PATTERN_H
#define JOB_TYPE_PATTERN_H

/*
 * What is wrong with the form of a regular expression as PostgreSQL has them,
 * NULL: nothing that is seen here. Its brackets and its end are looked at; what
 * else is wrong shows when a payload is checked.
 */
const char *type_pattern_fault(const char *pattern);

#endif
