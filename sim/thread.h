/* sim/thread.h: threads of a virtual world: functions on stacks of their own, of which one at a time runs.
 *
 * All of them live on one thread of the system. A virtual thread runs until it waits (cr_sim_wait), pauses
 * (cr_sim_pause), comes to a point where another may be let on (cr_sim_point), or ends; then the pilot says who goes on.
 * It may do so on its own stack or on that of a fiber it carries as a worker: both are left and entered alike, and
 * cr_here goes with it.
 *
 * The clock is virtual. It stands still while any thread can run; when all wait it moves to the next event or deadline.
 * (In a restless world, which the checker makes, a deadline may pass at any time.) Nothing here looks at the real
 * clock, at an address or at chance: the same choices give the same run.
 *
 * A run that fails is abandoned where it stands: its threads' stacks are given back, what they had in hand is lost. So
 * who wants to go on after a failure runs in a process of its own (sim/seed.h does). */
#ifndef CR_SIM_THREAD_H
#define CR_SIM_THREAD_H

#include "base/list.h"
#include "sched/task.h"

enum { CR_SIM_NAME = 24 };
#define CR_SIM_TIME UINT32_MAX

struct cr_sim_thread {
    uint32_t id;   /* from 0 on, in the order of their starts */
    uint32_t host; /* which machine it runs on: its starter's, or as set by cr_sim_host_set */
    char name[CR_SIM_NAME];
    void *user; /* the pilot's own */

    /* Private. */
    struct cr_list link;            /* among those that wait, in the order in which they began to */
    struct cr_context context, *at; /* its own place; where it goes on, which may be a fiber's place */
    void *stack;
    struct cr_here here;
    void (*run)(void *arg);
    void *arg;
    void (*leave)(void *value);
    void *value;
    const void *key; /* what it waits for */
    const char *why; /* in words, for reports */
    coir_time until;
    uint64_t order; /* of going to wait: ties are broken by it */
    int answer;
    bool waits, paused, ended;
};

/* Who goes on: an index below count (at least 1). running: who has come to a point and could simply go on (it is among
 * the ready ones); NULL: nobody. */
typedef uint32_t cr_sim_pick(void *arg, struct cr_sim_thread *const *ready, uint32_t count,
                             struct cr_sim_thread *running);
/* A number below n. */
typedef uint32_t cr_sim_choose(void *arg, uint32_t n, const char *label);

struct cr_sim_options {
    cr_sim_choose *choose; /* all chance: cr_choose goes here, too. NULL: by seed */
    cr_sim_pick *pick;     /* NULL: choose(count, "thread") */
    void *arg;             /* of both */
    uint64_t seed;
    coir_time limit;       /* virtual time a run may take; 0: an hour */
    uint64_t choice_limit; /* choices a run may make; 0: 100 million */
    /* Deadlines may pass while others could run: time is one more thread to be picked, the last of the ready ones, with the
     * id CR_SIM_TIME, whenever something would happen later. */
    bool restless;
};

enum cr_sim_end {
    CR_SIM_DONE,    /* all threads have ended */
    CR_SIM_STUCK,   /* some wait and nothing can wake them */
    CR_SIM_LATE,    /* limit */
    CR_SIM_ENDLESS, /* choice_limit */
    CR_SIM_FAILED,  /* cr_sim_fail */
};

struct cr_sim_outcome {
    enum cr_sim_end end;
    uint64_t hash;    /* over every choice, who it was made for, and when: equal for equal runs */
    uint64_t choices; /* how many */
    coir_time time;   /* how long it took, virtually */
    char text[2048];  /* what was wrong; a list of who waits for what */
};

/* Runs first(arg) as thread 0 in a new world until all threads have ended or something is wrong. So long the rows of
 * cr_world for clock, chance, threads and futexes are virtual (sim/world.c). Not inside itself. */
struct cr_sim_outcome cr_sim_run(const struct cr_sim_options *options, void (*first)(void *arg), void *arg);

/* Whether the caller is in a run. */
bool cr_sim_is_running(void);
struct cr_sim_thread *cr_sim_self(void);

/* Ends the run as failed; does not return. A sentence of what was expected and what was seen. */
__attribute__((noreturn, format(printf, 1, 2))) void cr_sim_fail(const char *format, ...);

struct cr_sim_thread *cr_sim_start(void (*run)(void *arg), void *arg, const char *name);
void cr_sim_join(struct cr_sim_thread *thread);
/* leave(value) is to be called at the calling thread's end. */
void cr_sim_leaving(void (*leave)(void *value), void *value);

void cr_sim_point(void); /* another may be let on here */
void cr_sim_pause(void); /* others should be, if there are any */

/* Waits for cr_sim_wake with this key, until the deadline: 0 or -ETIMEDOUT. why: in words, a literal. */
int cr_sim_wait(const void *key, coir_time until, const char *why);
/* Wakes so many that wait for the key, first come first. */
void cr_sim_wake(const void *key, uint32_t count);

coir_time cr_sim_now(void);
/* At this moment (or now, if it has passed) the event happens: happen(arg), on no thread; it may wake and plan others.
 * Events of one moment happen in the order they were planned in. */
void cr_sim_at(coir_time when, void (*happen)(void *arg), void *arg);

/* A number below n from the run's chooser; as cr_choose. Mixed into the hash. */
uint32_t cr_sim_chance(uint32_t n, const char *label);
/* Mixes something that happened into the hash, and writes it into the trace if there is one. */
void cr_sim_note(const char *label, uint64_t value);
/* Where every choice is written to as a line; -1: nowhere. For the next runs. */
void cr_sim_trace(int fd);

/* The machine the calling thread, and those it starts from now on, run on. */
void cr_sim_host_set(uint32_t host);

/* The calling thread's stack. */
void cr_sim_bounds(void **bottom, size_t *size);

#endif
