/* SPDX-License-Identifier: Apache-2.0
 *
 * Starts and ends tests/machine/pcs.py over a folder of published collateral.
 */
#ifndef SW_TESTS_MACHINE_PCS_H
#define SW_TESTS_MACHINE_PCS_H
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

typedef struct pcs {
    pid_t pid;
    int input;
    unsigned port, other, proxy;
    char work[64], ca[96], asked[96];
} pcs;

static inline bool pcs_run(pcs *p, const char *folder, int input[2], int output[2]) {
    p->pid = fork();
    if (p->pid == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (dup2(input[0], 0) < 0 || dup2(output[1], 1) < 0) _exit(1);
        (void)close(input[1]);
        (void)execlp("python3", "python3", "tests/machine/pcs.py", folder, p->work, (char *)NULL);
        _exit(1);
    }
    (void)close(input[0]);
    (void)close(output[1]);
    p->input = input[1];
    FILE *said = fdopen(output[0], "r");
    bool good =
        p->pid > 0 && said != NULL && fscanf(said, "%u %u %u", &p->port, &p->other, &p->proxy) == 3;
    if (said != NULL) (void)fclose(said);
    return good;
}

static inline bool pcs_start(pcs *p, const char *folder) {
    int input[2], output[2];
    *p = (pcs){0};
    (void)snprintf(p->work, sizeof p->work, "/tmp/sealwright-test-XXXXXX");
    if (mkdtemp(p->work) == NULL || pipe(input) != 0 || pipe(output) != 0) return false;
    (void)snprintf(p->ca, sizeof p->ca, "%s/ca.pem", p->work);
    (void)snprintf(p->asked, sizeof p->asked, "%s/asked", p->work);
    return pcs_run(p, folder, input, output);
}

/* How many requests were logged since the last call. */
static inline size_t pcs_asked(const pcs *p) {
    FILE *file = fopen(p->asked, "r");
    size_t lines = 0;
    if (file == NULL) return 0;
    for (int c; (c = fgetc(file)) != EOF;) lines += c == '\n';
    (void)fclose(file);
    (void)unlink(p->asked);
    return lines;
}

static inline void pcs_stop(pcs *p) {
    char command[128];
    (void)close(p->input);
    (void)kill(p->pid, SIGTERM);
    (void)waitpid(p->pid, NULL, 0);
    (void)snprintf(command, sizeof command, "rm -r %s", p->work);
    if (system(command) != 0) (void)fprintf(stderr, "%s is left lying\n", p->work);
}
#endif
