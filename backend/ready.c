/* backend/ready.c: operations over readiness. See ready.h.
 *
 * Fast paths (DESIGN.md 11): a descriptor is registered once, at its first wait; a short read on a TCP stream means that
 * nothing more is there, so the next read waits at once instead of asking the kernel in vain (trying first costs 11 % of
 * an echo server's time). Not so when the event carried an end, an error or out-of-band data, and never for Unix
 * sockets, which return short at message boundaries. A short send likewise says that the buffer is full. */
#include "backend/ready.h"
#include "backend/descriptor.h"
#include "base/fault.h"
#include "base/memory.h"

#include <errno.h>

enum { CHUNK = 256, CHUNKS = 2 * CR_VIRTUAL / CHUNK }; /* rows; as many in all as descriptor.c has */

/* One descriptor as this worker sees it. A row whose generation is not the descriptor's present one is void. */
struct cr_ready_row {
    struct cr_list waiting[2]; /* by direction: operations, first come first */
    uint32_t generation;
    bool attached;
    bool ready[2]; /* by direction: trying is worth it */
    bool final;    /* a short read does not mean drained */
};

int
cr_ready_init(struct cr_ready *ready, const struct cr_source *source, unsigned slot)
{
    *ready = (struct cr_ready){.source = source, .slot = slot};
    cr_list_init(&ready->done);
    ready->chunks = cr_alloc_zero(CHUNKS * sizeof *ready->chunks);
    return ready->chunks ? 0 : -ENOMEM;
}

void
cr_ready_fini(struct cr_ready *ready)
{
    for (int i = 0; i < CHUNKS; i++)
        cr_free(ready->chunks[i]);
    cr_free(ready->chunks);
}

static void
reset(struct cr_ready_row *row, uint32_t generation)
{
    cr_list_init(&row->waiting[CR_OP_IN]);
    cr_list_init(&row->waiting[CR_OP_OUT]);
    row->generation = generation;
    row->attached = row->final = false;
    row->ready[CR_OP_IN] = row->ready[CR_OP_OUT] = true; /* not known: worth a try */
}

/* The row of a descriptor, up to date; NULL: no memory. */
static struct cr_ready_row *
find(struct cr_ready *ready, int fd)
{
    struct cr_ready_row **chunk = &ready->chunks[fd / CHUNK], *row;
    uint32_t generation = cr_descriptor_generation(fd);
    if (cr_unlikely(!*chunk)) {
        *chunk = cr_alloc(CHUNK * sizeof **chunk);
        if (!*chunk)
            return NULL;
        for (int i = 0; i < CHUNK; i++)
            reset(*chunk + i, generation - 1);
    }
    row = *chunk + fd % CHUNK;
    if (cr_unlikely(row->generation != generation))
        reset(row, generation);
    return row;
}

static void
hand_over(struct cr_ready *ready, struct cr_op *op, int result)
{
    cr_list_remove(&op->link);
    ready->pending--;
    op->result = result;
    cr_list_append(&ready->done, &op->link);
}

/* The first that waits in this direction may try. */
static void
let_first_try(struct cr_ready *ready, struct cr_ready_row *row, enum cr_op_direction direction)
{
    if (row->ready[direction] && !cr_list_is_empty(&row->waiting[direction]))
        hand_over(ready, cr_container(row->waiting[direction].next, struct cr_op, link), CR_AGAIN);
}

/* What a result says about the next try. */
static void
learn(struct cr_ready_row *row, const struct cr_op *op, int result)
{
    if (result == -EAGAIN)
        row->ready[cr_op_direction(op)] = false;
    else if (op->kind == CR_OP_RECEIVE && op->is_tcp && result > 0 && (size_t)result < op->length && !row->final)
        row->ready[CR_OP_IN] = false;
    else if (op->kind == CR_OP_SEND && op->count == 1 && result > 0 && (size_t)result < op->parts->iov_len)
        row->ready[CR_OP_OUT] = false;
}

/* It could perhaps be done, but is not to be now: it comes back with the next reap. What is known stays as it is. */
static int
let_it_come_back(struct cr_ready *ready, struct cr_op *op)
{
    op->result = CR_AGAIN;
    cr_list_append(&ready->done, &op->link);
    return CR_PENDING;
}

/* Sees to it that events tell of this operation's descriptor and direction. */
static int
be_told(struct cr_ready *ready, struct cr_ready_row *row, const struct cr_op *op)
{
    const struct cr_source *source = ready->source;
    if (!row->attached) {
        int error = CR_FAIL(CR_FAULT_ATTACH) ? -ENOMEM : source->attach(ready, op->fd, row->generation);
        if (error)
            return error;
        row->attached = true;
        cr_descriptor_attach(op->fd, ready->slot);
    }
    return source->expect ? source->expect(ready, op->fd, row->generation, cr_op_direction(op)) : 0;
}

static int
wait_for_event(struct cr_ready *ready, struct cr_ready_row *row, struct cr_op *op)
{
    int error = be_told(ready, row, op);
    if (error) { /* no event will tell of what has come meanwhile */
        int result = cr_operation_try(op);
        return result != -EAGAIN ? result : error == -EPERM ? CR_BLOCKS : error;
    }
    op->result = CR_PENDING;
    cr_list_append(&row->waiting[cr_op_direction(op)], &op->link);
    ready->pending++;
    return CR_PENDING;
}

int
cr_ready_start(void *self, struct cr_op *op)
{
    struct cr_ready *ready = self;
    enum cr_op_direction direction = cr_op_direction(op);
    struct cr_ready_row *row;
    int result = -EAGAIN;
    if (op->is_file) {
        result = cr_operation_try_now(op);
        return result != -EAGAIN || op->try_only ? result : CR_BLOCKS;
    }
    row = find(ready, op->fd);
    if (cr_unlikely(!row))
        return -ENOMEM;
    /* Who only tries asks the kernel in any case: an event may be there that nobody has fetched, or nobody is attached. */
    if (row->ready[direction] || (op->try_only && !op->known_only) || (op->kind == CR_OP_CONNECT && !op->begun) ||
        op->kind == CR_OP_READABLE ||
        op->kind == CR_OP_WRITABLE) { /* what others do with the descriptor is not known here */
        result = cr_operation_try(op);
        if (cr_unlikely(result == CR_AGAIN))
            return let_it_come_back(ready, op);
        learn(row, op, result);
        if (!cr_list_is_empty(&row->waiting[direction]))
            let_first_try(ready, row, direction);
    }
    if (result != -EAGAIN || op->try_only)
        return result;
    return wait_for_event(ready, row, op);
}

void
cr_ready_cancel(void *self, struct cr_op *op)
{
    if (op->result == CR_PENDING) /* else it is on its way back already */
        hand_over(self, op, -ECANCELED);
}

void
cr_ready_detach(void *self, int fd)
{
    struct cr_ready *ready = self;
    ready->source->detach(ready, fd);
}

bool
cr_ready_maybe(void *self)
{
    struct cr_ready *ready = self;
    return ready->pending || !cr_list_is_empty(&ready->done);
}

/* The row of what was attached under this generation; NULL: that has been closed. */
static inline struct cr_ready_row *
still(const struct cr_ready *ready, int fd, uint32_t generation)
{
    struct cr_ready_row *row = ready->chunks[fd / CHUNK];
    if (cr_unlikely(!row)) /* nothing was attached: a signal may name any number (sigio.c) */
        return NULL;
    row += fd % CHUNK;
    return row->generation == generation && cr_descriptor_generation(fd) == generation ? row : NULL;
}

int
cr_ready_interest(const struct cr_ready *ready, int fd, uint32_t generation)
{
    const struct cr_ready_row *row = still(ready, fd, generation);
    if (!row)
        return -1;
    return (cr_list_is_empty(&row->waiting[CR_OP_IN]) ? 0 : CR_EVENT_IN) |
           (cr_list_is_empty(&row->waiting[CR_OP_OUT]) ? 0 : CR_EVENT_OUT);
}

void
cr_ready_each(struct cr_ready *ready, void (*each)(struct cr_ready *ready, int fd, uint32_t generation))
{
    for (int i = 0; i < CHUNKS; i++)
        for (int k = 0; ready->chunks[i] && k < CHUNK; k++) {
            const struct cr_ready_row *row = &ready->chunks[i][k];
            int fd = i * CHUNK + k;
            if (row->attached && row->generation == cr_descriptor_generation(fd))
                each(ready, fd, row->generation);
        }
}

static bool
try_first(struct cr_ready *ready, struct cr_ready_row *row, enum cr_op_direction direction)
{
    struct cr_op *op;
    int result;
    if (cr_list_is_empty(&row->waiting[direction]))
        return false;
    op = cr_container(row->waiting[direction].next, struct cr_op, link);
    result = cr_operation_try(op);
    if (result == -EAGAIN || result == CR_AGAIN)
        return false;
    row->ready[direction] = true;
    learn(row, op, result);
    hand_over(ready, op, result);
    return true;
}

bool
cr_ready_try(struct cr_ready *ready, int fd, uint32_t generation)
{
    struct cr_ready_row *row = still(ready, fd, generation);
    bool in, out;
    if (!row)
        return false;
    in = try_first(ready, row, CR_OP_IN);
    out = try_first(ready, row, CR_OP_OUT);
    return in || out;
}

void
cr_ready_event(struct cr_ready *ready, int fd, uint32_t generation, unsigned events)
{
    struct cr_ready_row *row = still(ready, fd, generation);
    if (!row)
        return;
    if (events & (CR_EVENT_FINAL | CR_EVENT_MORE))
        row->final = true;
    if (events & (CR_EVENT_IN | CR_EVENT_FINAL)) {
        row->ready[CR_OP_IN] = true;
        let_first_try(ready, row, CR_OP_IN);
    }
    if (events & (CR_EVENT_OUT | CR_EVENT_FINAL)) {
        row->ready[CR_OP_OUT] = true;
        let_first_try(ready, row, CR_OP_OUT);
    }
}

int
cr_ready_reap(void *self, coir_time until, struct cr_list *done)
{
    struct cr_ready *ready = self;
    int error = ready->source->wait(ready, cr_list_is_empty(&ready->done) ? until : COIR_NOW);
    cr_list_init(done);
    if (!cr_list_is_empty(&ready->done)) { /* the whole ring changes its head */
        cr_list_append(&ready->done, done);
        cr_list_remove(&ready->done);
        cr_list_init(&ready->done);
    }
    return error;
}

void
cr_ready_wake(void *self)
{
    struct cr_ready *ready = self;
    ready->source->wake(ready);
}
