/* pool/job.c: the memory of jobs.
 *
 * A job is made by who submits it and is over on the thread that has run it. With malloc each block would be freed into
 * another thread's arena, under whose lock that thread is just making the next: waiting for that lock was a quarter of the CPU
 * time of a stream of tiny jobs through two threads. So blocks of small jobs stay with the pool, for the next that is submitted.
 * One whose future is freed last by who submitted it goes back to malloc: it is on its own thread there.
 *
 * AddressSanitizer is to see who uses a job that is over, and the checker is told. */
#include "base/memory.h"
#include "pool/pool.h"

#include <string.h>

#ifdef CR_ASAN
enum { SPARES_MOST = 0 };
#else
enum { SPARES_MOST = 1024 };
#endif

enum { ROOM = 64, BLOCK = sizeof(struct coir_future) + ROOM }; /* bytes of an argument that every block has room for */

/* Under the guard. */
static struct coir_future *
take_spare(struct coir_pool *pool)
{
    struct coir_future *block = pool->spares;
    if (block) {
        pool->spares = block->next;
        pool->spare_count--;
        cr_tell_born(block, BLOCK);
    }
    return block;
}

struct coir_future *
cr_pool_job(struct coir_pool *pool, coir_function *function, const void *arg, size_t size, size_t each)
{
    struct coir_future *job = NULL;
    if (size <= ROOM) {
        cr_pool_hold(pool);
        job = take_spare(pool);
        cr_pool_release(pool);
    }
    if (!job && size <= SIZE_MAX / 2 - sizeof *job)
        job = cr_alloc(size <= ROOM ? (size_t)BLOCK : sizeof *job + size);
    if (!job)
        return NULL;
    cr_future_init(job, size);
    job->function = function;
    job->each = each;
    job->arg = size ? job->value : (void *)(uintptr_t)arg;
    if (size)
        memcpy(job->value, arg, size);
    return job;
}

static bool
keep_spare(struct coir_pool *pool, struct coir_future *block)
{
    bool kept;
    cr_pool_hold(pool);
    kept = pool->spare_count != SPARES_MOST;
    if (kept) {
        cr_tell_freed(block, BLOCK);
        block->next = pool->spares;
        pool->spares = block;
        pool->spare_count++;
    }
    cr_pool_release(pool);
    return kept;
}

void
cr_pool_end_job(struct coir_pool *pool, struct coir_future *job)
{
    if (cr_future_let_go(job) && (job->size > ROOM || !keep_spare(pool, job)))
        cr_free(job);
}

void
cr_pool_free_spares(struct coir_pool *pool)
{
    struct coir_future *block;
    while ((block = take_spare(pool)))
        cr_free(block);
}
