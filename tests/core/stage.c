/* stage.c: see stage.h. The director waits without a deadline, unlike core.h's: a deadline would be somebody who wakes. */
#include "stage.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

struct role {
    const struct stage_program *program;
    struct stage *stage;
    int number;
};

struct play {
    const struct stage_program *program;
    enum core_cast cast;
    struct stage stage;
};

void
stage_meet(struct stage *stage)
{
    MUST(coir_barrier_wait(&stage->meeting, COIR_NEVER) >= 0);
}

bool
stage_went(struct stage *stage, int result)
{
    if (result == -EDEADLK)
        __atomic_add_fetch(&stage->told, 1, __ATOMIC_SEQ_CST);
    else
        MUST(result >= 0);
    return result >= 0;
}

bool
stage_lock(struct stage *stage, struct coir_mutex *mutex)
{
    return stage_went(stage, coir_mutex_lock(mutex, COIR_NEVER));
}

static int
act(void *arg)
{
    const struct role *role = arg;
    role->program->part(role->stage, role->number);
    return coir_semaphore_release(&role->stage->ended);
}

static void
set(struct stage *stage, int count)
{
    *stage = (struct stage){.count = count,
                            .rwlock = COIR_RWLOCK_INIT,
                            .condition = COIR_CONDITION_INIT,
                            .once = COIR_ONCE_INIT,
                            .barrier = COIR_BARRIER_INIT((uint32_t)count),
                            .meeting = COIR_BARRIER_INIT((uint32_t)count),
                            .ended = COIR_SEMAPHORE_INIT(0, 0)};
    for (int i = 0; i < STAGE_ACTORS; i++) {
        coir_mutex_init(&stage->mutexes[i], COIR_MUTEX_PLAIN);
        coir_event_init(&stage->events[i]);
    }
    for (int i = 0; i < 2; i++) {
        stage->queues[i] = coir_queue_new(sizeof(int), 1, &(struct coir_queue_options){.name = i ? "back" : "forth"});
        MUST(stage->queues[i]);
        coir_semaphore_init(&stage->semaphores[i], 0, 0);
    }
}

static int
direct(void *arg)
{
    struct play *play = arg;
    const struct stage_program *program = play->program;
    struct stage *stage = &play->stage;
    struct core_actor actors[STAGE_ACTORS];
    struct role roles[STAGE_ACTORS];
    set(stage, program->actors ? program->actors : 1);
    if (!program->actors)
        program->part(stage, 0);
    for (int i = 0; i < program->actors; i++) {
        roles[i] = (struct role){program, stage, i};
        core_start(&actors[i], act, &roles[i]);
    }
    for (int i = 0; i < program->actors; i++)
        MUST_BE(coir_semaphore_acquire(&stage->ended, COIR_NEVER), 0);
    for (int i = 0; i < program->actors; i++)
        MUST_BE(core_end(&actors[i]), 0);
    for (int i = 0; i < 2; i++)
        coir_queue_free(stage->queues[i]);
    return 0;
}

static int
play_it(void *arg)
{
    struct play *play = arg;
    core_play(play->cast, direct, play);
    if (play->stage.told)
        fprintf(stderr, "a call was told\n");
    return 0;
}

void
stage_play(const struct stage_program *program, enum core_cast cast)
{
    struct play play = {.program = program, .cast = cast};
    char said[16384];
    bool is_told, all_wait, is_deadlock;
    int status;
    if (program->fibers_only && cast != CORE_ONE && cast != CORE_FOUR && cast != CORE_DEFAULT)
        return;
    if ((CORE_TSAN || core_is_emulated()) && program->for_ever) {
        printf("SKIP: ThreadSanitizer or the emulator has a thread of its own, so everyone waits is but a suspicion\n");
        return;
    }
    status = core_aside(play_it, &play, said, sizeof said);
    is_told = strstr(said, "a call was told");
    all_wait = strstr(said, "error: everyone waits: ");
    is_deadlock = strstr(said, "error: deadlock: ");
    if (!program->says && (status != 99 << 8 || is_told || all_wait || is_deadlock))
        ck_abort_msg("'%s', a correct program: status %x; it said: %s", program->name, (unsigned)status, said);
    if (program->says && !strstr(said, program->says))
        ck_abort_msg("'%s': status %x, not '%s'; it said: %s", program->name, (unsigned)status, program->says, said);
    if (program->says && program->for_ever && (status != 3 << 8 || !all_wait || is_told))
        ck_abort_msg("'%s': status %x, not 3; it said: %s", program->name, (unsigned)status, said);
    if (program->says && !program->for_ever && (status != 99 << 8 || !is_told || all_wait))
        ck_abort_msg("'%s': status %x, nobody was told; it said: %s", program->name, (unsigned)status, said);
}
