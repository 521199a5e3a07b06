/* io/dial.c: connecting: the name is resolved on a helper thread, then its addresses are tried.
 *
 * Not one after the other to the end: an address that nobody answers at would cost minutes. Each has a head start of 250 ms (or
 * until it fails); then the next begins beside it, and the first connection that stands is taken (RFC 8305, "happy
 * eyeballs"). IPv6 and IPv4 take turns, whichever the resolver puts first. A task waits for one thing at a time: it waits for the
 * youngest attempt and looks at the others in between. */
#include "backend/descriptor.h"
#include "io/stream.h"
#include "sched/operate.h"

#include <string.h>

enum { ADDRESSES = 16 }; /* of a name that are tried */
#define HEAD_START (250 * COIR_MS)
#define ROUND (10 * COIR_MS) /* how often all are looked at once all have begun */

struct attempt {
    struct coir_address *target;
    int fd;
    bool begun;
};

static int
bind_to(int fd, const char *local)
{
    struct coir_address address;
    int error = coir_address_parse(local, &address);
    return error ? error : cr_world.bind(fd, (struct sockaddr *)&address.storage, address.size);
}

/* The words of connect(2) that do not mean the caller's deadline. */
static int
map_failure(int result, bool kernel_failed)
{
    if (kernel_failed && (result == -ETIMEDOUT || result == -ENETUNREACH))
        return -EHOSTUNREACH;
    return result == -ENOENT ? -ECONNREFUSED : result; /* a Unix socket that is not there: nobody listens */
}

/* A socket for one address. */
static int
open_attempt(struct attempt *attempt, struct coir_address *target, const struct coir_stream_options *options)
{
    int fd = cr_world.socket(target->storage.ss_family, SOCK_STREAM), error;
    if (fd < 0)
        return fd;
    *attempt = (struct attempt){.target = target, .fd = fd};
    error = cr_descriptor_check(fd);
    if (!error)
        error = cr_stream_settle(fd, target->storage.ss_family != AF_UNIX, options);
    if (!error && options && options->local)
        error = bind_to(fd, options->local);
    if (error)
        (void)cr_descriptor_close(fd);
    return error;
}

/* 0: it is connected; -ETIMEDOUT, -EAGAIN: not yet, and it can go on. */
static int
go_on(struct attempt *attempt, coir_time until)
{
    struct cr_pending pending;
    int error;
    pending.op = (struct cr_op){.kind = CR_OP_CONNECT,
                                .fd = attempt->fd,
                                .begun = attempt->begun,
                                .data = &attempt->target->storage,
                                .length = attempt->target->size};
    attempt->begun = true;
    error = cr_operate(&pending, NULL, until);
    return error ? map_failure(error, pending.kernel_failed) : 0;
}

struct race {
    struct attempt live[ADDRESSES]; /* oldest first */
    int count;
    int failure; /* the last */
};

static void
give_up(struct race *race, int which)
{
    (void)cr_descriptor_close(race->live[which].fd);
    race->count--;
    memmove(race->live + which, race->live + which + 1, (size_t)(race->count - which) * sizeof *race->live);
}

/* Waits for the youngest, looks at the others: the one that is connected; -1: none yet. */
static int
wait_for_one(struct race *race, coir_time until)
{
    for (int i = race->count - 1; i >= 0; i--) {
        int error = go_on(&race->live[i], i == race->count - 1 ? until : COIR_NOW);
        if (!error)
            return i;
        if (error == -ETIMEDOUT || error == -EAGAIN)
            continue;
        race->failure = error;
        if (error == -ECANCELED)
            return -1;
        give_up(race, i);
    }
    return -1;
}

/* IPv6 and IPv4 in turn, else as they are. */
static void
alternate(struct coir_address *addresses, int count)
{
    for (int i = 1; i < count; i++)
        for (int j = i; j < count; j++)
            if (addresses[j].storage.ss_family != addresses[i - 1].storage.ss_family) {
                struct coir_address other = addresses[j];
                memmove(addresses + i + 1, addresses + i, (size_t)(j - i) * sizeof other);
                addresses[i] = other;
                break;
            }
}

/* The connected socket, or a failure. */
static int
run_race(struct coir_address *addresses, int count, const struct coir_stream_options *options, coir_time deadline)
{
    struct race race = {.count = 0, .failure = -EHOSTUNREACH};
    int next = 0, winner = -1, fd;
    for (;;) {
        coir_time until = deadline, step = next + 1 < count ? HEAD_START : ROUND;
        if (next < count) {
            int error = open_attempt(&race.live[race.count], &addresses[next++], options);
            if (!error)
                race.count++;
            else
                race.failure = error;
        }
        if (!race.count) {
            if (next == count)
                return race.failure;
            continue;
        }
        if ((race.count > 1 || next < count) && cr_now() + step < deadline)
            until = cr_now() + step;
        winner = wait_for_one(&race, until);
        if (winner < 0 && race.count && until == deadline && deadline <= cr_now())
            race.failure = deadline == COIR_NOW ? -EAGAIN : -ETIMEDOUT;
        else if (winner < 0 && race.failure != -ECANCELED)
            continue;
        break;
    }
    fd = winner >= 0 ? race.live[winner].fd : race.failure;
    for (int i = race.count - 1; i >= 0; i--)
        if (i != winner)
            give_up(&race, i);
    return fd;
}

int
coir_stream_dial(const char *address, const struct coir_stream_options *options, struct coir_stream **stream,
                 coir_time deadline)
{
    struct coir_address addresses[ADDRESSES];
    int count, fd, error;
    *stream = NULL;
    count = coir_address_resolve(address, addresses, ADDRESSES, deadline);
    if (count < 0)
        return count;
    alternate(addresses, count);
    fd = run_race(addresses, count, options, deadline);
    error = fd < 0 ? fd : cr_stream_open(fd, addresses[0].storage.ss_family != AF_UNIX, stream);
    if (fd >= 0 && error)
        (void)cr_descriptor_close(fd);
    if (error == -ERANGE) /* the better sentence is there already */
        return error;
    return error && error != -EAGAIN ? cr_fail(error, "cannot connect to %s: %s", address, coir_error_text(error))
                                     : error;
}
