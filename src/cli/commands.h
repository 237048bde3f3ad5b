#ifndef CLI_COMMANDS_H
#define CLI_COMMANDS_H

#include "cli.h"

/* The tables of the cmd_ files, in the order of the help. Each ends with {0}.
 */
extern const struct command enqueue_commands[], job_commands[],
    watch_commands[], logs_commands[], change_commands[], queue_commands[],
    type_commands[], owner_commands[], schedule_commands[], batch_commands[],
    connection_commands[], worker_commands[], stats_commands[], top_commands[],
    doctor_commands[], migrate_commands[], token_commands[], conf_commands[],
    completion_commands[], version_commands[], help_commands[];

#endif
