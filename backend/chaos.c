/* backend/chaos.c: see chaos.h.
 *
 * All stays within what a kernel may show. "Not now" is answered as CR_AGAIN: on an edge-triggered descriptor no event
 * would follow a made-up -EAGAIN, so the operation goes to the end of the queue and comes back (backend/ready.c). Who only
 * tries (COIR_NOW, and the last look before a wait is given up) is told the truth, so is accept when nobody is there, and
 * a connect. Only what has no borders inside is cut: stream sockets and writes into pipes, never datagrams, devices or files. The
 * operation itself is made smaller, so that who compares its length with the result does not take the cut for an
 * empty or a full buffer. */
#include "backend/chaos.h"
#include "backend/descriptor.h"
#include "base/check.h"
#include "base/choose.h"
#include <coir/log.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SMALL = 16 }; /* bytes: half of the cuts leave at most so many, as most messages are short */
enum setting { AGAIN, SHORT_READ, SHORT_WRITE, SEED, SETTINGS };

/* Written once, before chaos is put before the attempts. */
static uint64_t settings[SETTINGS];

static const struct {
    const char *word;
    uint64_t most;
} words[SETTINGS] = {
    [AGAIN] = {"again", 90}, /* with 100 nothing would ever go on */
    [SHORT_READ] = {"short_read", 100},
    [SHORT_WRITE] = {"short_write", 100},
    [SEED] = {"seed", UINT64_MAX},
};

static bool
happens(enum setting setting)
{
    return settings[setting] && cr_choose(100, words[setting].word) < settings[setting];
}

static bool
is_stream_socket(const struct cr_op *op)
{
    int type = 0;
    socklen_t size = sizeof type;
    return op->is_tcp || (cr_world.get_option(op->fd, SOL_SOCKET, SO_TYPE, &type, &size) == 0 && type == SOCK_STREAM);
}

/* A pipe is read from as is asked: whether packets (O_DIRECT) were written into it is only seen at its other end. */
static bool
is_cuttable(const struct cr_op *op)
{
    enum cr_file_kind kind;
    if (op->kind == CR_OP_RECEIVE || op->kind == CR_OP_SEND)
        return is_stream_socket(op);
    return op->kind == CR_OP_WRITE && cr_world.kind(op->fd, &kind) == 0 &&
           (kind == CR_KIND_PIPE || kind == CR_KIND_PIPE_OUT) &&
           (op->fd >= CR_VIRTUAL || !(fcntl(op->fd, F_GETFL) & O_DIRECT));
}

/* 1 to length - 1; length is at least 2. */
static size_t
cut(size_t length)
{
    size_t most = length - 1 < UINT32_MAX ? length - 1 : UINT32_MAX;
    if (most > SMALL && cr_choose(2, "small"))
        most = SMALL;
    return 1 + cr_choose((uint32_t)most, "cut");
}

static int
read_with_chaos(struct cr_op *op)
{
    if (op->is_file)
        return cr_operation_under(op);
    if (!op->try_only && happens(AGAIN))
        return CR_AGAIN;
    if (op->length > 1 && happens(SHORT_READ) && is_cuttable(op))
        op->length = cut(op->length);
    return cr_operation_under(op);
}

static int
write_with_chaos(struct cr_op *op)
{
    size_t length = op->parts->iov_len;
    if (op->is_file)
        return cr_operation_under(op);
    if (!op->try_only && happens(AGAIN))
        return CR_AGAIN;
    if ((length > 1 || op->count > 1) && happens(SHORT_WRITE) && is_cuttable(op)) {
        op->part = (struct iovec){op->parts->iov_base, length > 1 ? cut(length) : length};
        op->parts = &op->part;
        op->count = 1;
    }
    return cr_operation_under(op);
}

static int
accept_with_chaos(struct cr_op *op)
{
    struct pollfd poller = {.fd = op->fd, .events = POLLIN};
    if (!op->try_only && happens(AGAIN) && (op->fd >= CR_VIRTUAL || poll(&poller, 1, 0) > 0))
        return CR_AGAIN;
    return cr_operation_under(op);
}

static cr_operation_attempt *const attempts[CR_OP_KINDS] = {
    [CR_OP_RECEIVE] = read_with_chaos,    [CR_OP_SEND] = write_with_chaos,       [CR_OP_READ] = read_with_chaos,
    [CR_OP_WRITE] = write_with_chaos,     [CR_OP_ACCEPT] = accept_with_chaos,    [CR_OP_CONNECT] = cr_operation_under,
    [CR_OP_POLL_IN] = cr_operation_under, [CR_OP_POLL_OUT] = cr_operation_under,
};

/* ---- What the environment says ---- */

/* One WORD=NUMBER of length bytes. */
static bool
read_setting(const char *text, size_t length, bool *has_seed)
{
    const char *sign = memchr(text, '=', length);
    char *end;
    unsigned long long number;
    if (!sign || sign[1] < '0' || sign[1] > '9')
        return false;
    errno = 0;
    number = strtoull(sign + 1, &end, 10);
    for (int i = 0; i < SETTINGS; i++)
        if (strlen(words[i].word) == (size_t)(sign - text) && !memcmp(words[i].word, text, (size_t)(sign - text))) {
            settings[i] = number;
            *has_seed |= i == SEED;
            return end == text + length && !errno && number <= words[i].most;
        }
    return false;
}

static int
read_all(const char *text, char why[CR_CHAOS_WHY])
{
    bool has_seed = false;
    for (size_t length; text += strspn(text, " ,"), (length = strcspn(text, " ,")) > 0; text += length)
        if (!read_setting(text, length, &has_seed)) {
            snprintf(
                why, CR_CHAOS_WHY,
                "COIR_CHAOS: '%.*s' is none of again=0 to 90, short_read=0 to 100, short_write=0 to 100 (percent) and "
                "seed=N; write for example COIR_CHAOS=\"again=10 short_read=30 short_write=30 seed=1\"",
                length < 40 ? (int)length : 40, text);
            return -EINVAL;
        }
    if (!has_seed)
        settings[SEED] = cr_world.entropy() >> 32; /* short enough to be typed again */
    return 0;
}

static pthread_once_t once = PTHREAD_ONCE_INIT;
static int outcome;
static char sentence[CR_CHAOS_WHY];

static void
begin(void)
{
    const char *text = cr_world.environment("COIR_CHAOS");
    outcome = text ? read_all(text, sentence) : 0;
    if (outcome || !(settings[AGAIN] || settings[SHORT_READ] || settings[SHORT_WRITE])) {
        cr_operation_precede(NULL);
        return;
    }
    cr_choose_seed(settings[SEED]);
    cr_operation_precede(attempts);
    coir_log(COIR_LOG_INFO,
             "COIR_CHAOS=\"again=%u short_read=%u short_write=%u seed=%llu\": made-up lack and short counts",
             (unsigned)settings[AGAIN], (unsigned)settings[SHORT_READ], (unsigned)settings[SHORT_WRITE],
             (unsigned long long)settings[SEED]);
}

int
cr_chaos_begin(char why[CR_CHAOS_WHY])
{
    (void)pthread_once(&once, begin);
    strcpy(why, sentence);
    return outcome;
}
