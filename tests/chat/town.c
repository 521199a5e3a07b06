/* tests/chat/town.c: see town.h. Hosts: 0 is the mayor's, then come the hubs', then the citizens'. */
#include "tests/chat/town.h"

#include <coir/event.h>
#include <coir/log.h>
#include <coir/runtime.h>
#include <coir/scope.h>
#include <coir/stream.h>
#include <stdio.h>
#include <string.h>

#include "base/choose.h"
#include "servers/hub/hub.h"
#include "sim/net.h"
#include "tests/chat/witness.h"

enum { HUBS = 3, CITIZENS = 8, LINE = 5000, GUEST_QUEUE = 16 };

#define PATIENCE (10 * COIR_SECOND)    /* of a citizen, for each step of a visit that may fail */
#define UNREST (20 * COIR_SECOND)      /* how long faults go on */
#define SETTLING (5 * COIR_SECOND)     /* from peace to the last visits */
#define LAST_VISIT (300 * COIR_SECOND) /* in which all of it must be done */

struct hub {
    struct town *town;
    struct cr_sim_thread *thread;
    struct coir_event open, stop;
    char address[32], web[32];
    int workers, result;
};

struct citizen {
    struct town *town;
    struct hub *hub;
    struct cr_sim_thread *thread;
    struct coir_event done; /* has heard all last words */
    unsigned number, visits;
    const char *doing; /* in words, for reports */
    int result;
};

struct town {
    bool hostile;
    unsigned hubs, citizens;
    coir_time peace;
    struct hub hub[HUBS];
    struct citizen citizen[CITIZENS];
    struct cr_witness witness;
};

/* ---- Hubs ---- */

static void
hub_is_open(const struct coir_address addresses[CR_HUB_DOORS], void *arg)
{
    struct hub *hub = arg;
    (void)addresses;
    coir_event_set(&hub->open);
}

static int
run_hub(void *arg)
{
    struct hub *hub = arg;
    struct cr_hub_options options = {.addresses = {hub->address, hub->web},
                                     .stop = &hub->stop,
                                     .queue = hub->town->hostile ? GUEST_QUEUE : 0,
                                     .ready = hub_is_open,
                                     .ready_arg = hub};
    return cr_hub_run(&options);
}

static void
say_nothing(enum coir_log_level level, const char *line, void *arg)
{
    (void)level, (void)line, (void)arg;
}

static void
keep_hub(void *arg)
{
    struct hub *hub = arg;
    cr_sim_host_set((uint32_t)(1 + (hub - hub->town->hub)));
    hub->result = coir_run(run_hub, hub,
                           &(struct coir_runtime_options){.workers = hub->workers, .log = say_nothing, .name = "hub"});
}

/* ---- A visit ---- */

struct visit {
    struct citizen *citizen;
    struct coir_stream *stream;
    struct cr_session_heard *heard;
    struct coir_event news; /* something was heard, or it is over */
    int over;               /* why the listening ended */
    bool polite;            /* listens all the time */
};

/* Some do not listen for a while: they get behind, and may be thrown out. */
static int
listen_on(void *arg)
{
    struct visit *visit = arg;
    char line[LINE];
    ssize_t size;
    if (!visit->polite && cr_choose(4, "deaf") == 0)
        (void)coir_sleep(coir_after((coir_time)cr_choose(20000, "deaf, ms") * COIR_MS));
    while ((size = coir_stream_read_line(visit->stream, line, sizeof line, COIR_NEVER)) >= 0) {
        cr_witness_hears(visit->heard, line);
        coir_event_set(&visit->news);
    }
    visit->over = (int)size;
    coir_event_set(&visit->news);
    return 0;
}

/* Comes to the door and in. */
static int
come_in(struct visit *visit, const char *name)
{
    struct citizen *citizen = visit->citizen;
    char line[LINE];
    ssize_t size;
    int error = coir_stream_dial(citizen->hub->address, NULL, &visit->stream, coir_after(PATIENCE));
    if (error)
        return error;
    size = coir_stream_read_full(visit->stream, line, 6, coir_after(PATIENCE));
    if (size != 6)
        return size < 0 ? (int)size : -EPIPE;
    if (memcmp(line, "name? ", 6) != 0)
        cr_sim_fail("%s was asked \"%.6s\"", name, line);
    error = coir_stream_print(visit->stream, coir_after(PATIENCE), "%s\n", name);
    if (error)
        return error;
    size = coir_stream_read_line(visit->stream, line, sizeof line, coir_after(PATIENCE));
    if (size < 0)
        return (int)size;
    if (strncmp(line, "* welcome, ", 11) != 0)
        cr_sim_fail("%s was welcomed with \"%s\"", name, line);
    visit->heard =
        cr_witness_enters(&citizen->town->witness, (unsigned)(citizen->hub - citizen->town->hub), name, line);
    return 0;
}

/* Ways to go. */
static void
go_by_closing(struct visit *visit)
{
    (void)visit;
}

static void
go_by_abort(struct visit *visit)
{
    coir_stream_abort(visit->stream);
}

static void
go_by_half_closing(struct visit *visit)
{
    (void)coir_stream_shutdown(visit->stream, coir_after(PATIENCE));
    coir_time end = coir_after(PATIENCE);
    while (!visit->over && coir_event_wait(&visit->news, end) == 0)
        coir_event_clear(&visit->news);
}

static void (*const ways[])(struct visit *visit) = {go_by_closing, go_by_abort, go_by_half_closing};

/* Most say little, some very much at once. */
static void
talk(struct visit *visit)
{
    bool loud = cr_choose(8, "loud") == 0;
    unsigned count = cr_choose(loud ? 100 : 12, "words");
    int length = loud ? (int)cr_choose(4000, "length of a word") : 1;
    for (unsigned i = 0; i < count && !visit->over; i++) {
        if (coir_stream_print(visit->stream, coir_after(PATIENCE), "word %0*u\n", length, i))
            break;
        if (!loud && cr_choose(3, "pause") == 0)
            (void)coir_sleep(coir_after((coir_time)cr_choose(1000, "pause, ms") * COIR_MS));
    }
    ways[cr_choose(sizeof ways / sizeof ways[0], "way to go")](visit);
}

/* From coming in to going; body is what is done inside, polite whether he listens all the time. */
static int
visit_hub(struct citizen *citizen, const char *name, bool polite, void (*body)(struct visit *visit))
{
    struct visit visit = {.citizen = citizen, .news = COIR_EVENT_INIT, .polite = polite};
    int error = come_in(&visit, name);
    if (!error) {
        COIR_SCOPE(scope);
        error = coir_scope_go(&scope, listen_on, &visit, NULL);
        if (!error)
            body(&visit);
        coir_scope_cancel(&scope);
        (void)coir_scope_wait(&scope, COIR_NEVER);
    }
    coir_stream_close(visit.stream);
    return error;
}

/* ---- The last visit ---- */

static bool
is_here(const struct visit *visit, const struct citizen *other)
{
    char text[40];
    snprintf(text, sizeof text, "* last%u came in", other->number);
    if (cr_witness_has_heard(visit->heard, text))
        return true;
    snprintf(text, sizeof text, " last%u", other->number);
    return strstr(strstr(visit->heard->welcome, " here: "), text) != NULL; /* numbers are of one digit */
}

static bool
has_said_it(const struct visit *visit, const struct citizen *other)
{
    char text[40];
    snprintf(text, sizeof text, "last%u: farewell", other->number);
    return cr_witness_has_heard(visit->heard, text);
}

/* Until it is true of all other citizens of this hub. */
static void
await_all(struct visit *visit, bool (*is)(const struct visit *visit, const struct citizen *other))
{
    struct citizen *citizen = visit->citizen;
    const struct town *town = citizen->town;
    for (unsigned i = 0; i < town->citizens; i++) {
        const struct citizen *other = &town->citizen[i];
        while (other != citizen && other->hub == citizen->hub && !is(visit, other)) {
            if (visit->over)
                cr_sim_fail("last%u lost his hub in peace: %s", citizen->number, coir_error_text(visit->over));
            (void)coir_event_wait(&visit->news, COIR_NEVER);
            coir_event_clear(&visit->news);
        }
    }
}

static void
say_farewell(struct visit *visit)
{
    struct citizen *citizen = visit->citizen;
    const struct cr_session_heard *heard = visit->heard;
    int error;
    citizen->doing = "waits for the others to come";
    await_all(visit, is_here);
    citizen->doing = "says farewell";
    error = coir_stream_print(visit->stream, COIR_NEVER, "farewell\n");
    if (error)
        cr_sim_fail("last%u could not say farewell: %s", citizen->number, coir_error_text(error));
    citizen->doing = "waits to hear all farewells";
    await_all(visit, has_said_it);
    coir_event_set(&citizen->done);
    citizen->doing = "waits for the hub to stop";
    while (!visit->over) {
        (void)coir_event_wait(&visit->news, COIR_NEVER);
        coir_event_clear(&visit->news);
    }
    if (!heard->count || strcmp(heard->lines[heard->count - 1], "* the hub is stopping") != 0)
        cr_sim_fail("last%u was not told that the hub stops, but \"%s\"", citizen->number,
                    heard->count ? heard->lines[heard->count - 1] : "");
    if (visit->over != -EPIPE)
        cr_sim_fail("last%u was cut off: %s", citizen->number, coir_error_text(visit->over));
}

static int
live(void *arg)
{
    struct citizen *citizen = arg;
    char name[24];
    int error;
    citizen->doing = "lives in unrest";
    while (coir_now() < citizen->town->peace) {
        snprintf(name, sizeof name, "c%uv%u", citizen->number, citizen->visits++);
        (void)visit_hub(citizen, name, !citizen->town->hostile, talk);
        (void)coir_sleep(coir_after((coir_time)cr_choose(1000, "between visits, ms") * COIR_MS));
    }
    (void)coir_sleep(citizen->town->peace + SETTLING);
    citizen->doing = "comes for the last time";
    snprintf(name, sizeof name, "last%u", citizen->number);
    error = visit_hub(citizen, name, true, say_farewell);
    if (error)
        cr_sim_fail("%s could not come in: %s", name, coir_error_text(error));
    return 0;
}

static void
keep_citizen(void *arg)
{
    struct citizen *citizen = arg;
    cr_sim_host_set(1 + HUBS + citizen->number);
    citizen->result =
        coir_run(live, citizen, &(struct coir_runtime_options){.workers = 1, .log = say_nothing, .name = "citizen"});
}

/* ---- Unrest ---- */

/* Each seed has its own mixture: a rate is up to so many parts per million, and half of them are not at all. */
static uint32_t
up_to(uint32_t most, const char *what)
{
    return cr_choose(2, what) ? cr_choose(most, what) : 0;
}

static void
begin_unrest(const struct town *town)
{
    struct cr_net_faults faults = {
        .link = {.delay = (coir_time)cr_choose(20, "delay, ms") * COIR_MS,
                 .spread = (coir_time)cr_choose(50, "spread, ms") * COIR_MS,
                 .long_delay = 3 * COIR_SECOND,
                 .clog = 5 * COIR_SECOND,
                 .cut = 10 * COIR_SECOND,
                 .long_ppm = up_to(50000, "long delays"),
                 .loss_ppm = up_to(100000, "losses"),
                 .reset_ppm = up_to(10000, "resets"),
                 .mute_ppm = up_to(5000, "silent deaths"),
                 .split_ppm = up_to(500000, "splits"),
                 .merge_ppm = up_to(500000, "merges"),
                 .clog_ppm = up_to(10000, "clogs"),
                 .cut_ppm = up_to(5000, "cuts"),
                 .unlike = cr_choose(2, "unlike ways")},
        .short_read_ppm = up_to(500000, "short reads"),
        .short_write_ppm = up_to(500000, "short writes"),
        .again_ppm = up_to(300000, "EAGAIN"),
        .socket_ppm = up_to(100000, "no socket"),
        .accept_ppm = up_to(100000, "no accept"),
        .refuse_ppm = up_to(100000, "refusals"),
        .backlog_ppm = up_to(100000, "full backlogs"),
    };
    cr_net_faults_set(&faults, town->peace);
}

/* A citizen's machine fails in one of the ways there are, and is there again some time later. */
static void
strike(const struct town *town, coir_time until)
{
    static const enum cr_net_death deaths[] = {CR_NET_CLOSED, CR_NET_RESET, CR_NET_SILENT};
    uint32_t host = 1 + HUBS + cr_choose(town->citizens, "whose machine");
    cr_net_kill(host, deaths[cr_choose(3, "how it dies")]);
    (void)coir_sleep(coir_now() + (coir_time)cr_choose(3000, "until it is back, ms") * COIR_MS);
    cr_net_revive(host);
    (void)coir_sleep(until);
}

static void
rule_in_unrest(const struct town *town)
{
    unsigned strikes = cr_choose(4, "strikes");
    begin_unrest(town);
    for (unsigned i = 0; i < strikes; i++)
        strike(town, coir_now() + (coir_time)cr_choose(4000, "until the next strike, ms") * COIR_MS);
    (void)coir_sleep(town->peace);
    cr_net_heal();
}

/* ---- The mayor ---- */

static void
open_hubs(struct town *town)
{
    for (unsigned i = 0; i < town->hubs; i++) {
        struct hub *hub = &town->hub[i];
        *hub = (struct hub){.town = town, .open = COIR_EVENT_INIT, .stop = COIR_EVENT_INIT};
        snprintf(hub->address, sizeof hub->address, "10.0.0.%u:9000", i + 2);
        snprintf(hub->web, sizeof hub->web, "10.0.0.%u:8080", i + 2);
        hub->workers = 1 + (int)cr_choose(3, "workers");
        hub->thread = cr_sim_start(keep_hub, hub, "hub keeper");
        if (coir_event_wait(&hub->open, coir_after(PATIENCE)))
            cr_sim_fail("hub %u does not open", i);
    }
}

static void
settle_citizens(struct town *town)
{
    for (unsigned i = 0; i < town->citizens; i++) {
        struct citizen *citizen = &town->citizen[i];
        *citizen =
            (struct citizen){.town = town, .hub = &town->hub[i % town->hubs], .number = i, .done = COIR_EVENT_INIT};
        citizen->thread = cr_sim_start(keep_citizen, citizen, "citizen");
    }
}

static void
await_farewells(struct town *town)
{
    coir_time end = town->peace + LAST_VISIT;
    for (unsigned i = 0; i < town->citizens; i++)
        if (coir_event_wait(&town->citizen[i].done, end))
            cr_sim_fail("citizen %u %s, long after peace", i, town->citizen[i].doing);
}

static void
close_town(struct town *town)
{
    for (unsigned i = 0; i < town->hubs; i++)
        coir_event_set(&town->hub[i].stop);
    for (unsigned i = 0; i < town->hubs; i++) {
        cr_sim_join(town->hub[i].thread);
        if (town->hub[i].result)
            cr_sim_fail("hub %u ended with %s", i, coir_error_text(town->hub[i].result));
    }
    for (unsigned i = 0; i < town->citizens; i++) {
        cr_sim_join(town->citizen[i].thread);
        if (town->citizen[i].result)
            cr_sim_fail("citizen %u ended with %s", i, coir_error_text(town->citizen[i].result));
    }
}

static void
rule(void *arg)
{
    struct town *town = arg;
    town->hubs = 1 + cr_choose(HUBS, "hubs");
    town->citizens = 2 + cr_choose(CITIZENS - 1, "citizens");
    town->peace = coir_now() + UNREST;
    open_hubs(town);
    settle_citizens(town);
    if (town->hostile)
        rule_in_unrest(town);
    await_farewells(town);
    close_town(town);
}

static void
before(uint64_t seed, void *arg)
{
    struct town *town = arg;
    bool hostile = town->hostile;
    (void)seed;
    cr_net_reset();
    cr_witness_forget(&town->witness);
    *town = (struct town){.hostile = hostile};
}

static const char *
after(void *arg)
{
    struct town *town = arg;
    const char *wrong = cr_witness_contradiction(&town->witness);
    for (uint32_t host = 0; host <= 1 + HUBS + CITIZENS && !wrong; host++)
        if (cr_net_open_descriptors(host))
            wrong = "descriptors are left open";
    if (!wrong && cr_net_bytes_in_flight())
        wrong = "bytes are left under way";
    return wrong;
}

static struct town calm_town, hostile_town = {.hostile = true};

const struct cr_sim_scenario cr_town_calm = {
    .name = "calm",
    .play = rule,
    .before = before,
    .after = after,
    .arg = &calm_town,
};

const struct cr_sim_scenario cr_town_hostile = {
    .name = "hostile",
    .play = rule,
    .before = before,
    .after = after,
    .arg = &hostile_town,
};
