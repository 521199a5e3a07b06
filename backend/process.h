/* backend/process.h: processes as the kernel has them: cloning this one, waiting for one without seeing others, ending it.
 *
 * A child made by cr_process_clone sends no signal when it ends: no wait() of the program's own sees it, and no disposition
 * of SIGCHLD takes its status away. Who has it looks for its end by cr_process_reap, and by nothing else. */
#ifndef CR_PROCESS_H
#define CR_PROCESS_H

#include <stdbool.h>
#include <sys/types.h>

/* As fork, from a process with one thread. sibling: the child of the caller's parent. What the C library does at a fork is
 * not done. -ENOSYS, -EINVAL: not here; and what fork answers. */
pid_t cr_process_clone(bool sibling);
/* As fork(2). */
pid_t cr_process_fork(void);
/* The same for two that go on: what has been printed is written out before, else each would write it. */
pid_t cr_process_fork_both(void);

int cr_process_duplicate(int fd); /* close-on-exec; -EBADF, -EMFILE */

pid_t cr_process_self(void);
bool cr_process_is_single(void);       /* it has started no thread so far, whatever an emulator or a sanitizer has */
bool cr_process_is_first_thread(void); /* the calling thread is the one main began in */

/* A descriptor that can be read once the child has ended; reading it fails then. -ENOSYS, -EMFILE ... */
int cr_process_watch(pid_t pid);

/* 0: it has ended, is no more, and *result is its exit code or -(COIR_KILLED + signal); -EAGAIN: it runs; -ECHILD: somebody
 * else has waited for it. watch: of cr_process_watch, or negative. WAIT: until it has ended; LEAVE: its number stays its own. */
enum cr_reap { CR_REAP_NOW, CR_REAP_WAIT, CR_REAP_LEAVE };
int cr_process_reap(pid_t pid, int watch, enum cr_reap how, int *result);
int cr_process_kill(pid_t pid, int watch, int signal); /* -ESRCH, -EINVAL */
/* The group of this process, if that is there still or has not been waited for: else the number may be anybody's. */
int cr_process_kill_group(pid_t group, int watch, int signal);

/* In a child that has just been made: no signal is handled any more, nor ignored. */
void cr_process_drop_handlers(void);
/* In a child of one that has done that and handles SIGCHLD, in which all signals are blocked: it begins as a program does, with
 * no signal handled or blocked; but for SIGTERM, which calls terminate. It ends by SIGKILL when parent (or its thread that made us) ends, which
 * may have happened: 0: it stays without one. */
void cr_process_begin(const char *name, pid_t parent, void (*terminate)(int signal));
/* The calling process gets signal when parent (or its thread that made us) ends; false: it has ended already. */
bool cr_process_follow(pid_t parent, int signal);
/* A child that has been stopped (SIGSTOP) or goes on again since the last call: 1, 0; -EAGAIN: neither. */
int cr_process_stopped(pid_t pid, int watch);
/* Writes out what has been printed, and ends; nothing that was meant for the program's own end is done. */
__attribute__((noreturn)) void cr_process_end(int result);

#endif
