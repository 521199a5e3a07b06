/* sim/checker.c: see checker.h.
 *
 * Two things keep the number of schedules down without losing any fault. Others may go on only before accesses by sites
 * that are known to touch shared places (cr_memory_learned tells when one more is). And a thread that was made to stand
 * still before an access, though it could have gone on, is let on only after somebody has touched the same place in a
 * way that matters: else the access could as well have come first, and that schedule is another one, which costs no
 * more preemptions.
 *
 * Steps count accesses and decisions. They do not depend on what is known to be shared, so a schedule written down by
 * steps is the same in another process. */
#include "sim/checker.h"

#include "base/check.h"
#include "base/world.h"
#include "sim/kept.h"
#include "sim/race.h"

#include <stdio.h>
#include <string.h>

enum { STEPS = 20000, SPINS = 500, TIME_AGENT = CR_CHECK_THREADS };

/* What a thread is about to do, as far as it matters to others. */
struct intent {
    uint32_t thread;
    const void *place;
    bool writes, is_sc;
    bool drains;  /* and what is in its store buffer comes out */
    bool unknown; /* anything */
};

struct agent {
    uint32_t quiet; /* how deep */
    bool fresh;     /* it has not come to its first access yet */
    bool yields;    /* it waits in a loop, and looks again when somebody has written something: */
    uint64_t seen_writes, yielded_at;
    uint32_t spins;
    bool rests, disturbed; /* ways in which it goes on first are gone elsewhere; until somebody touches what it will */
    struct intent intent;
    void (*run)(void *arg);
    void *arg;
    bool is_plain;  /* one of those that play together: no thread of coir's */
    bool may_leave; /* it has ended, and what it stored is written back */
};

static struct agent agents[CR_CHECK_THREADS + 1];
static struct cr_run_options options;
static struct cr_schedule *schedule;
static struct cr_run_outcome *outcome;
static uint32_t steps, started; /* started: threads besides the first */
static uint32_t fresh;          /* threads that are */
static uint32_t together;       /* how many of cr_check_together have not ended */
static uint64_t writes, yields;
static bool busy;      /* with decisions: accesses are our own */
static bool alone;     /* nobody else could go on */
static bool all_fresh; /* the last one has just come to its first access: who goes on is nobody's preemption */

static struct agent *
self(void)
{
    return &agents[cr_sim_self()->id];
}

/* ---- Decisions ---- */

static uint32_t
decide(const struct cr_decision *decision)
{
    uint32_t option;
    if (outcome->redundant)
        return 0;
    busy = true;
    option = cr_strategy_decide(decision);
    busy = false;
    if (option && schedule->count < CR_DEVIATIONS)
        schedule->deviations[schedule->count++] = (struct cr_deviation){decision->step, option};
    return option;
}

static uint32_t
choose_value(uint32_t count)
{
    uint64_t all = count >= CR_OPTIONS ? UINT64_MAX : (UINT64_C(1) << count) - 1;
    if (self()->quiet)
        return 0;
    return decide(&(struct cr_decision){
        .kind = CR_DECIDE_VALUE, .step = ++steps, .count = count, .allowed = all, .dear = all & ~UINT64_C(1)});
}

static uint32_t
choose_chance(void *arg, uint32_t n, const char *label)
{
    (void)arg, (void)label;
    return decide(&(struct cr_decision){.kind = CR_DECIDE_CHANCE, .step = ++steps, .count = n});
}

static bool
sleeps(const struct agent *agent)
{
    return agent->yields && agent->seen_writes == writes;
}

static uint32_t
agent_of(const struct cr_sim_thread *thread)
{
    return thread->id == CR_SIM_TIME ? TIME_AGENT : thread->id;
}

/* The options of a decision about threads: who runs, those that can go on, time; or, if all wait in loops, the one that
 * has waited longest. */
struct candidates {
    uint32_t count, agents[CR_AGENTS], at[CR_AGENTS];
};

static void
add_candidate(struct candidates *list, uint32_t agent, uint32_t at)
{
    list->agents[list->count] = agent;
    list->at[list->count++] = at;
}

static void
list_candidates(struct candidates *list, struct cr_sim_thread *const *ready, uint32_t count,
                const struct cr_sim_thread *running)
{
    uint32_t patient = 0;
    list->count = 0;
    if (running && !sleeps(&agents[running->id]))
        for (uint32_t i = 0; i < count; i++)
            if (ready[i] == running)
                add_candidate(list, running->id, i);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t agent = agent_of(ready[i]);
        if (agents[agent].fresh && ready[i] != running) { /* all come to their first access before anything happens */
            list->count = 0;
            add_candidate(list, agent, i);
            return;
        }
        if (ready[i] != running && !sleeps(&agents[agent]))
            add_candidate(list, agent, i);
        if (agents[agent].yielded_at < agents[agent_of(ready[patient])].yielded_at)
            patient = i;
    }
    if (!list->count)
        add_candidate(list, agent_of(ready[patient]), patient);
}

/* After the choice of an option: ways that go on with one that came before it are gone already, unless somebody touches
 * first what that one is about to touch. While preemptions are counted that holds only for who runs: for another it
 * might cost one more. */
static void
send_to_rest(const struct cr_decision *decision, uint32_t option)
{
    uint32_t most = options.sleep_sets ? option : decision->runs && option ? 1 : 0;
    for (uint32_t i = 0; i < most; i++) {
        struct agent *agent = &agents[decision->agents[i]];
        if (!(decision->allowed >> i & 1) || decision->agents[i] == TIME_AGENT)
            continue;
        agent->rests = true;
        agent->disturbed = agent->intent.unknown;
    }
    for (uint32_t i = 0; decision->agents[option] == TIME_AGENT && i < CR_CHECK_THREADS; i++)
        agents[i].disturbed = true;
    agents[decision->agents[option]].rests = false;
}

static uint32_t
pick(void *arg, struct cr_sim_thread *const *ready, uint32_t count, struct cr_sim_thread *running)
{
    struct candidates list;
    struct cr_decision decision = {.kind = CR_DECIDE_THREAD};
    uint32_t option = 0;
    (void)arg;
    list_candidates(&list, ready, count, running);
    decision.count = list.count;
    decision.step = running ? steps : ++steps;
    decision.agents = list.agents;
    decision.runs = running && list.agents[0] == running->id && !agents[running->id].yields && !all_fresh;
    all_fresh = false;
    for (uint32_t i = 0; i < list.count; i++) {
        const struct agent *agent = &agents[list.agents[i]];
        if (options.unpruned || !agent->rests || agent->disturbed)
            decision.allowed |= UINT64_C(1) << i;
        if (i && (decision.runs || list.agents[i] == TIME_AGENT))
            decision.dear |= UINT64_C(1) << i;
    }
    outcome->redundant |= !decision.allowed;
    if (list.count > 1)
        option = decide(&decision);
    if (running && list.agents[option] != running->id)
        alone = false;
    send_to_rest(&decision, option);
    return list.at[option];
}

/* ---- Accesses ---- */

static bool
touches(const struct intent *intent, const void *place)
{
    return place && (intent->place == place || (intent->drains && cr_memory_delays(intent->thread, place, 0)));
}

/* Whether it matters which comes first. */
static bool
collide(const struct intent *one, const struct intent *other)
{
    if (one->unknown || other->unknown || (one->is_sc && other->is_sc))
        return true;
    if (!one->writes && !other->writes)
        return false;
    return touches(one, other->place) || touches(other, one->place) ||
           (one->drains && other->drains && cr_memory_delays(one->thread, NULL, other->thread));
}

static struct intent
intent_of(const struct cr_access_record *record)
{
    return (struct intent){
        .thread = cr_sim_self()->id,
        .place = record->place,
        .writes = record->access != CR_LOAD,
        .is_sc = record->site->order == CR_SC && !(record->site->weakened & CR_NO_SC),
        .drains = record->access != CR_LOAD && record->access != CR_STORE,
    };
}

static void
disturb_others(const struct agent *agent, const struct intent *intent)
{
    for (struct agent *other = agents; other < agents + CR_CHECK_THREADS; other++)
        if (other != agent && other->rests && collide(&other->intent, intent))
            other->disturbed = true;
}

static void
no_longer_fresh(struct agent *agent)
{
    fresh -= agent->fresh;
    agent->fresh = false;
}

/* Others may go on here. */
static void
come_to_point(struct agent *agent, const struct cr_access_record *record)
{
    if (++steps > options.steps)
        cr_sim_fail("not done after %u accesses: does it turn in a circle?", options.steps);
    if (outcome->redundant) /* to its end without further ado: abandoned, it would leave things behind */
        return;
    if (!fresh && (!cr_strategy_wants(steps) || !(options.every_point || record->site->marks)))
        return;
    all_fresh |= agent->fresh;
    no_longer_fresh(agent);
    agent->intent = intent_of(record);
    cr_sim_point();
    agent->intent = (struct intent){.unknown = true}; /* unknown until the next point */
}

static void
trace(const struct cr_access_record *record, uint64_t found)
{
    const struct cr_site *site = record->site;
    char effect[64] = "";
    if (record->access == CR_STORE)
        snprintf(effect, sizeof effect, " := %#llx", (unsigned long long)record->value);
    else if (record->access == CR_LOAD)
        snprintf(effect, sizeof effect, " is %#llx", (unsigned long long)found);
    else if (record->access == CR_CAS)
        snprintf(effect, sizeof effect, " is %#llx, %s %#llx", (unsigned long long)found,
                 found == record->expected ? "now" : "not", (unsigned long long)record->value);
    else if (record->access < CR_FENCE)
        snprintf(effect, sizeof effect, " was %#llx; %#llx", (unsigned long long)found,
                 (unsigned long long)record->value);
    dprintf(2, "%6u %-10s %-28s %s(%s)%s%s\n", steps, cr_sim_self()->name, site->function, site->name, site->place,
            effect, record->access < CR_FENCE ? cr_memory_remark() : "");
}

static uint64_t
atomic_access(struct agent *agent, const struct cr_access_record *record)
{
    uint32_t id = cr_sim_self()->id;
    struct intent intent;
    uint64_t found;
    if (record->place)
        cr_race_alive(id, record);
    if (!agent->quiet)
        come_to_point(agent, record);
    intent = intent_of(record);
    disturb_others(agent, &intent);
    found = cr_memory_access(id, record);
    writes += record->access != CR_LOAD && !(record->access == CR_CAS && found != record->expected);
    if (cr_unlikely(options.trace) && !agent->quiet)
        trace(record, found);
    return found;
}

/* In a loop that waits for another thread: any other goes on first; this one when somebody has written something. */
static void
pause_for_others(void)
{
    struct agent *agent = self();
    if (agent->quiet)
        return;
    if (agent->seen_writes != writes)
        agent->spins = 0;
    agent->seen_writes = writes;
    agent->yielded_at = ++yields;
    agent->yields = alone = true;
    if (++steps > options.steps)
        cr_sim_fail("not done after %u accesses: does it turn in a circle?", options.steps);
    cr_sim_point();
    if (alone && ++agent->spins > SPINS)
        cr_sim_fail("%s waits in a loop for what nobody does", cr_sim_self()->name);
    if (alone)
        cr_sim_pause();               /* lets time pass, after a while */
    if (agent->seen_writes == writes) /* nobody has written anything; what it has written itself comes in the end */
        writes += cr_memory_drain(cr_sim_self()->id);
    agent->yields = false;
}

static uint64_t
on_access(const struct cr_access_record *record)
{
    struct agent *agent;
    struct intent intent;
    if (busy || !cr_sim_is_running() || !cr_sim_self())
        return cr_access_carry_out(record);
    agent = self();
    record->site->hits++;
    switch (record->access) {
    case CR_PAUSE:
        pause_for_others();
        return 0;
    case CR_HOLD:
        record->site->marks = 1;
        if (!agent->quiet)
            come_to_point(agent, record);
        intent = intent_of(record);
        disturb_others(agent, &intent);
        if (!agent->quiet++ || !agent->is_plain || agent->may_leave)
            (void)cr_memory_drain(cr_sim_self()->id);
        cr_memory_held(cr_sim_self()->id, record);
        return 0;
    case CR_LET:
        if (!--agent->quiet || !agent->is_plain || agent->may_leave)
            (void)cr_memory_drain(cr_sim_self()->id);
        cr_memory_let(cr_sim_self()->id, record);
        return 0;
    case CR_READ:
    case CR_WRITE:
    case CR_BORN:
    case CR_FREED:
        cr_race_access(cr_sim_self()->id, record);
        return 0;
    case CR_FENCE:
        record->site->marks = 1;
        return atomic_access(agent, record);
    default:
        return atomic_access(agent, record);
    }
}

/* ---- The world's rows ---- */

static struct cr_site kernel = {.file = __FILE__,
                                .function = "futex",
                                .name = "the kernel",
                                .place = "the word",
                                .access = CR_CAS,
                                .order = CR_RLX,
                                .marks = 1};

/* The first frame of every thread but the first. */
static void
begin_thread(void *arg)
{
    struct agent *agent = arg;
    agent->quiet++;
    if (agent->is_plain)
        (void)cr_task_self();
    agent->quiet--;
    agent->run(agent->arg);
    no_longer_fresh(agent);
    agent->quiet++;       /* for the rest */
    if (!agent->is_plain) /* one that coir has started: it is not among those that play together */
        return;
    if (!--together)
        cr_sim_wake(&together, 1);
    /* What it stored last may stay in its buffer: it keeps its block until that is written back. */
    while (!agent->may_leave)
        (void)cr_sim_wait(&agent->may_leave, COIR_NEVER, "the others' ends");
}

static struct cr_sim_thread *
start(void (*run)(void *arg), void *arg, const char *name, bool is_plain)
{
    struct agent *agent = &agents[started + 1];
    struct cr_sim_thread *thread;
    if (++started == CR_CHECK_THREADS)
        cr_sim_fail("more than %d threads", CR_CHECK_THREADS);
    agent->run = run;
    agent->arg = arg;
    agent->is_plain = is_plain;
    agent->may_leave = false;
    agent->fresh = true;
    fresh++;
    agent->intent.unknown = true;
    thread = cr_sim_start(begin_thread, agent, name);
    cr_always(thread->id == started);
    cr_memory_thread_started(cr_sim_self()->id, thread->id);
    return thread;
}

static int
row_thread_start(void (*run)(void *arg), void *arg, const char *name, struct cr_thread **thread)
{
    *thread = (struct cr_thread *)start(run, arg, name, false);
    return 0;
}

static void
row_thread_join(struct cr_thread *thread)
{
    cr_check_join((struct cr_sim_thread *)thread);
}

void
cr_check_touch(const void *place)
{
    struct cr_access_record record = {&kernel, CR_CAS, (void *)(uintptr_t)place, 0, 0, 0};
    struct intent intent;
    if (self()->quiet)
        return;
    come_to_point(self(), &record);
    intent = intent_of(&record);
    disturb_others(self(), &intent);
    writes++;
}

/* The kernel compares under a lock of its own. */
static int
row_futex_wait(CR_ATOMIC(uint32_t) * word, uint32_t value, coir_time until)
{
    struct cr_access_record record = {&kernel, CR_CAS, word, sizeof *word, 0, 0};
    uint64_t found;
    cr_check_touch(word);
    found = cr_memory_peek(cr_sim_self()->id, &record);
    if (options.trace)
        dprintf(2, "%6u %-10s the kernel finds %#llx in a futex%s\n", steps, cr_sim_self()->name,
                (unsigned long long)found, found == value ? ": sleep" : "");
    return found == value ? cr_sim_wait(word, until, "a futex") : 0;
}

static void
row_futex_wake(CR_ATOMIC(uint32_t) * word, int count)
{
    cr_check_touch(word);
    (void)cr_memory_drain(cr_sim_self()->id);
    cr_sim_wake(word, (uint32_t)count);
}

static void
row_turn(void)
{
}

static void
take_over_rows(void)
{
    cr_world.thread_start = row_thread_start;
    cr_world.thread_join = row_thread_join;
    cr_world.thread_pause = pause_for_others;
    cr_world.futex_wait = row_futex_wait;
    cr_world.futex_wake = row_futex_wake;
    cr_world.turn = row_turn;
    cr_sim_keep_stacks();
}

/* ---- For bodies ---- */

struct cr_sim_thread *
cr_check_start(void (*run)(void *arg), void *arg, const char *name)
{
    return start(run, arg, name, true);
}

void
cr_check_join(struct cr_sim_thread *thread)
{
    cr_sim_join(thread);
    cr_memory_thread_joined(cr_sim_self()->id, thread->id);
}

void
cr_check_together(uint32_t count, void (*const run[])(void *arg), void *const args[])
{
    static const char *const names[] = {"A", "B", "C", "D", "E", "F", "G"};
    struct cr_sim_thread *threads[CR_CHECK_THREADS];
    cr_check_quiet(true);
    for (uint32_t i = 0; i < count; i++)
        threads[i] = cr_check_start(run[i], args[i], names[i]);
    together = count;
    while (together) /* all at once, so that the ends before the last are nobody's business */
        (void)cr_sim_wait(&together, COIR_NEVER, "the threads' ends");
    cr_check_quiet(false);
    for (uint32_t i = 0; i < count; i++)
        (void)cr_memory_drain(threads[i]->id); /* in which order is chosen */
    cr_check_quiet(true);
    for (uint32_t i = 0; i < count; i++) {
        agents[threads[i]->id].may_leave = true;
        cr_sim_wake(&agents[threads[i]->id].may_leave, 1);
        cr_check_join(threads[i]);
    }
    cr_check_quiet(false);
}

void
cr_check_quiet(bool on)
{
    self()->quiet += on ? 1 : UINT32_MAX;
}

void
cr_check_seen(uint32_t number)
{
    outcome->seen |= UINT64_C(1) << number;
}

void
cr_check_is(long long value, long long wanted, const char *text, const char *file, int line)
{
    if (value != wanted)
        cr_sim_fail("%s:%d: %s is %lld, not %lld", file, line, text, value, wanted);
}

/* ---- A run ---- */

struct play {
    void (*body)(void *arg);
    void *arg;
};

static void
play(void *arg)
{
    const struct play *own = arg;
    take_over_rows();
    agents[0].quiet++;
    (void)cr_task_self();
    agents[0].quiet--;
    own->body(own->arg);
    cr_check_quiet(true); /* for the rest */
}

void
cr_run_once(const struct cr_run_options *new_options, void (*body)(void *arg), void *arg, struct cr_schedule *where,
            struct cr_run_outcome *told)
{
    static const char *const ends[] = {
        [CR_SIM_STUCK] = "all wait: ", [CR_SIM_LATE] = "late: ", [CR_SIM_ENDLESS] = "endless: ", [CR_SIM_FAILED] = ""};
    struct play own = {body, arg};
    struct cr_sim_outcome end;
    options = *new_options;
    options.steps = options.steps ? options.steps : STEPS;
    schedule = where;
    outcome = told;
    *told = (struct cr_run_outcome){.failed = false};
    schedule->count = 0;
    memset(agents, 0, sizeof agents);
    steps = started = together = fresh = 0;
    writes = yields = 0;
    all_fresh = false;
    cr_memory_begin(options.model, options.placing, choose_value);
    cr_race_begin();
    cr_checker_install(on_access);
    end = cr_sim_run(&(struct cr_sim_options){.pick = pick, .choose = choose_chance, .restless = options.restless},
                     play, &own);
    cr_checker_install(NULL);
    told->steps = steps;
    told->learned = cr_memory_learned();
    told->failed = end.end != CR_SIM_DONE;
    if (told->failed)
        snprintf(told->text, sizeof told->text, "%s%s", ends[end.end], end.text);
}
