/* core.c: see core.h. Actors that are threads are joined by an event first, so that a director who is a fiber does not
 * keep its worker. Whether somebody waits is read from the claim word of its block (sched/task.h), and what a backend did
 * from its counts: what here is not public. */
#include "core.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "backend/backend.h"
#include "sched/task.h"
#include "sim/thread.h"

static enum core_cast cast_now;
static unsigned started;

void
core_must_be(long long value, long long wanted, const char *text, const char *wanted_text, int line)
{
    if (value != wanted)
        ck_abort_msg("line %d: %s is %lld (%s), not %s", line, text, value,
                     value < 0 && value > -4096 ? coir_error_text((int)value) : "", wanted_text);
}

enum core_cast
core_cast(void)
{
    return cast_now;
}

void
core_run(int workers, coir_function *function, void *arg)
{
    int result = coir_run(function, arg, &(struct coir_runtime_options){.workers = workers});
    if (result)
        ck_abort_msg("coir_run: %d, %s %s", result, coir_error_text(result), coir_error_detail());
}

void
core_play_with(enum core_cast cast, const struct coir_runtime_options *options, coir_function *director, void *arg)
{
    int result;
    cast_now = cast;
    result = cast == CORE_THREADS ? director(arg) : coir_run(director, arg, options);
    if (result)
        ck_abort_msg("the play: %d, %s %s", result, coir_error_text(result), coir_error_detail());
}

void
core_play(enum core_cast cast, coir_function *director, void *arg)
{
    static const int workers[CORE_CASTS] = {[CORE_ONE] = 1, [CORE_FOUR] = 4, [CORE_MIXED] = 2};
    core_play_with(cast, &(struct coir_runtime_options){.workers = workers[cast]}, director, arg);
}

static int
act(void *arg)
{
    struct core_actor *actor = arg;
    actor->self = coir_self();
    coir_event_set(&actor->begun);
    actor->result = actor->function(actor->arg);
    return 0;
}

static void
act_as_virtual_thread(void *arg)
{
    (void)act(arg);
}

static void *
act_as_thread(void *arg)
{
    struct core_actor *actor = arg;
    act(actor);
    coir_event_set(&actor->done);
    return NULL;
}

void
core_start(struct core_actor *actor, coir_function *function, void *arg)
{
    bool is_thread = cast_now == CORE_THREADS || (cast_now == CORE_MIXED && started++ % 2);
    *actor = (struct core_actor){.function = function, .arg = arg};
    if (is_thread && cr_sim_is_running())
        actor->virtual_thread = cr_sim_start(act_as_virtual_thread, actor, "actor");
    else if (is_thread)
        MUST_BE(pthread_create(&actor->thread, NULL, act_as_thread, actor), 0);
    else if (cast_now == CORE_ONE)
        MUST_BE(coir_go(act, actor, NULL, &actor->task), 0);
    else
        MUST_BE(coir_go_spread(act, actor, NULL, &actor->task), 0);
}

void
core_start_all(struct core_actor *actors, size_t count, coir_function *function, void *arg)
{
    for (size_t i = 0; i < count; i++)
        core_start(&actors[i], function, arg);
}

int
core_end(struct core_actor *actor)
{
    COIR_SHIELD();
    if (actor->task) {
        MUST_BE(coir_join(actor->task, NULL, core_soon()), 0);
    } else if (actor->virtual_thread) {
        cr_sim_join(actor->virtual_thread);
    } else {
        MUST_BE(coir_event_wait(&actor->done, core_soon()), 0);
        MUST_BE(pthread_join(actor->thread, NULL), 0);
    }
    return actor->result;
}

void
core_cancel(struct core_actor *actor)
{
    COIR_SHIELD();
    MUST_BE(coir_event_wait(&actor->begun, core_soon()), 0);
    coir_cancel(actor->self);
}

void
core_await_parked(struct coir_task *task)
{
    coir_time end = core_soon();
    while ((cr_load_acq(&task->claim) & CR_CLAIM_STATE) != CR_WAITING) {
        MUST(coir_now() < end);
        (void)coir_yield();
    }
}

void
core_await_waiting(struct core_actor *actor)
{
    MUST_BE(coir_event_wait(&actor->begun, core_soon()), 0);
    core_await_parked(actor->self);
}

int
core_aside(coir_function *function, void *arg, char *said, size_t size)
{
    size_t length = 0;
    ssize_t count;
    int ends[2], status;
    pid_t child;
    MUST_BE(pipe(ends), 0);
    child = fork();
    MUST(child >= 0);
    if (!child) {
        dup2(ends[1], STDERR_FILENO);
        (void)function(arg);
        _exit(99);
    }
    close(ends[1]);
    while (length < size - 1 && (count = read(ends[0], said + length, size - 1 - length)) > 0)
        length += (size_t)count;
    said[length] = '\0';
    close(ends[0]);
    MUST_BE(waitpid(child, &status, 0), child);
    return status;
}

void
core_must_die(coir_function *function, void *arg, int signal, const char *sentence)
{
    char said[4096];
    int status = core_aside(function, arg, said, sizeof said);
    if (!WIFSIGNALED(status) || WTERMSIG(status) != signal || !strstr(said, sentence))
        ck_abort_msg("status %x, not by signal %d with '%s'; it said: %s", (unsigned)status, signal, sentence, said);
}

bool
core_is_long(void)
{
    const char *text = getenv("COIR_TEST_LONG");
    return text && *text && strcmp(text, "0") != 0;
}

bool
core_is_emulated(void)
{
    return getenv("COIR_EMULATED") != NULL;
}

bool
core_is_on_threads(void)
{
    const char *text = getenv("COIR_CARRIER");
    return text && strcmp(text, "thread") == 0;
}

long
core_rounds(long many)
{
    return (CORE_TSAN || core_is_emulated() ? many / 20 : CORE_ASAN ? many / 4 : many) * (core_is_long() ? 5 : 1);
}

long
core_freed(long many, int loops)
{
    const char *text = getenv("COIR_TEST_FREED");
    return text ? (atol(text) + loops - 1) / loops : core_rounds(many);
}

long
core_fibers(long many)
{
    const char *text = getenv("COIR_TEST_FIBERS");
    long most = text ? atol(text) : CORE_TSAN ? 4000 : CORE_ASAN ? 20000 : many;
    return many < most ? many : most;
}

/* Not what a thread of coir or of the C library reads at this moment: a file of /proc, or what an emulator makes up for it. */
static bool
is_lasting(int folder, const char *name)
{
    char target[64] = "";
    (void)readlinkat(folder, name, target, sizeof target - 1); /* gone since: "" */
    return *target && strncmp(target, "/proc/", 6) != 0 && strncmp(target, "/memfd:qemu", 11) != 0;
}

int
core_open_descriptors(void)
{
    DIR *folder = opendir("/proc/self/fd");
    int count = 0;
    MUST(folder);
    for (struct dirent *entry; (entry = readdir(folder));)
        count += is_lasting(dirfd(folder), entry->d_name);
    closedir(folder);
    return count;
}

long
core_numbers(long many)
{
    struct rlimit limit;
    MUST_BE(getrlimit(RLIMIT_NOFILE, &limit), 0);
    if (limit.rlim_cur < (rlim_t)many && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max < (rlim_t)many ? limit.rlim_max : (rlim_t)many;
        MUST_BE(setrlimit(RLIMIT_NOFILE, &limit), 0);
    }
    if (coir_runtime_self()) {
        const struct cr_backend *backend = cr_backend_choice(coir_runtime_backend(coir_runtime_self()), 0);
        if (backend->numbers && backend->numbers < many)
            return backend->numbers;
    }
    return limit.rlim_cur < (rlim_t)many ? (long)limit.rlim_cur : many;
}

coir_time
core_past(void)
{
    return coir_after(-COIR_SECOND);
}

coir_time
core_soon(void)
{
    return coir_after(20 * COIR_SECOND);
}

static int
do_nothing(void *arg)
{
    (void)arg;
    return 0;
}

bool
core_backend_is(const char *name)
{
    return coir_runtime_self() && !strcmp(coir_runtime_backend(coir_runtime_self()), name);
}

bool
core_refused(const char *backend)
{
    int error;
    if (!backend || !*backend)
        return false;
    error = coir_run(do_nothing, NULL, &(struct coir_runtime_options){.workers = 1, .backend = backend});
    if (!error || error == -EINVAL) /* no such backend: each test will say so */
        return false;
    printf("SKIP: the backend %s is refused here: %s\n", backend, coir_error_detail());
    return true;
}

static bool
say_count(const struct cr_backend *backend, const char *name)
{
    uint64_t count = cr_backend_counted(backend);
    if (count)
        printf("backend %s: %llu operations came back\n", name, (unsigned long long)count);
    return count;
}

static void
say_counts(void)
{
    const struct cr_backend *backend;
    bool any;
    cr_backend_install(NULL); /* what is left then is the table */
    any = say_count(NULL, "of a simulation");
    for (size_t i = 0; (backend = cr_backend_at(i)); i++)
        any |= say_count(backend, backend->name);
    if (!any)
        printf("backend: none, no operations came back\n");
}

int
core_run_suite(Suite *suite)
{
    SRunner *runner = srunner_create(suite);
    int failures = 77;
    /* The cases are processes of their own. */
    void *shared =
        mmap(NULL, CR_BACKEND_COUNTS * sizeof(uint64_t), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    cr_backend_count_in(shared == MAP_FAILED ? NULL : shared);
    if (!core_refused(getenv("COIR_BACKEND"))) {
        srunner_run_all(runner, CK_ENV);
        failures = srunner_ntests_failed(runner) != 0;
        say_counts();
    }
    srunner_free(runner);
    return failures;
}

int
core_main(const char *name, void (*add)(TCase *cases))
{
    Suite *suite = suite_create(name);
    TCase *cases = tcase_create(name);
    suite_add_tcase(suite, cases);
    add(cases);
    return core_run_suite(suite);
}
