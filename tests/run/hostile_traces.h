/* SPDX-License-Identifier: Apache-2.0
 *
 * Acts of hostile_worker.c that leave something where another process, or the host, could find it.
 */
#ifndef SW_TESTS_HOSTILE_TRACES_H
#define SW_TESTS_HOSTILE_TRACES_H
#include <linux/seccomp.h>

/* What the decoder of the shard before left in the model's file, and what this one could leave. */
static void decode_offset(void) {
    if (lseek(SW_FD_MODEL, 0, SEEK_CUR) != 0) report(true);
    if (lseek(SW_FD_MODEL, 4242, SEEK_SET) != 4242) report(true);
    rows(0, 0);
}
static void decode_time(void) {
    struct stat before, after;
    if (fstat(SW_FD_MODEL, &before) != 0 || read(SW_FD_MODEL, big, 1) != 1 ||
        fstat(SW_FD_MODEL, &after) != 0)
        report(true);
    if (memcmp(&before.st_atim, &after.st_atim, sizeof after.st_atim) != 0) report(true);
    rows(0, 0);
}

/* What the kernel would write of them to its log, in a name or a call of the worker's choice. */
TRIES(act_name, prctl(PR_SET_NAME, "row-part-0") == 0)
TRIES(act_filter, syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, NULL) == 0 || errno == EFAULT)
/* An absolute path leads past the descriptor, and no filter sees a path. */
static void act_exec_path(void) {
    char *const none[] = {NULL};
    syscall(SYS_execveat, SW_FD_ROWS + 1, "/bin/true", none, none, AT_EMPTY_PATH);
    report(false); /* the program would end without a word of ours */
}

#define TRACES                                                                                     \
    DECODES(decode_offset, "done"), DECODES(decode_time, "done"), TRAINS(act_name, "contained"),   \
        TRAINS(act_filter, "contained"), TRAINS(act_exec_path, "contained")
#endif
