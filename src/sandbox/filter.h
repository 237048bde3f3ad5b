#ifndef SANDBOX_FILTER_H
#define SANDBOX_FILTER_H

/*
 * A file with the filter of system calls, as bwrap's --seccomp takes it; it is
 * kept over exec. -1 with errno where it cannot be made.
 *
 * What is not listed does not exist (ENOSYS), so that programs and the C
 * library take their way round it; what a program of another architecture
 * calls kills it.
 */
int sandbox_filter(void);

#endif
