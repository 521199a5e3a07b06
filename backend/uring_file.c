/* backend/uring_file.c: calls on files (file_call.h) as requests of the ring.
 *
 * The kernel tries an open at once with what it has in memory, and gives all else to its own threads; so it costs the ring
 * no more than a request, and the process no thread. Which calls it has is asked of it once (a filter or an older
 * kernel may leave some out); what it has not, directories above all, a helper thread does. */
#include "backend/uring.h"

#include <sys/stat.h>

static const unsigned char code_of[CR_CALL_KINDS] = {
    [CR_CALL_OPEN] = IORING_OP_OPENAT2,    [CR_CALL_SYNC] = IORING_OP_FSYNC,      [CR_CALL_LOOK] = IORING_OP_STATX,
    [CR_CALL_REMOVE] = IORING_OP_UNLINKAT, [CR_CALL_RENAME] = IORING_OP_RENAMEAT, [CR_CALL_MAKE] = IORING_OP_MKDIRAT,
};

static void
ask(struct cr_uring *self)
{
    struct io_uring_probe *probe = io_uring_get_probe_ring(&self->ring);
    self->calls_known = true;
    if (!probe)
        return; /* no memory, or an emulator: helper threads do it all */
    for (int i = 0; i < CR_CALL_KINDS; i++)
        self->calls[i] = code_of[i] && io_uring_opcode_supported(probe, code_of[i]);
    io_uring_free_probe(probe);
}

bool
cr_uring_has_call(struct cr_uring *self, const struct cr_file_call *call)
{
    if (!self->calls_known)
        ask(self);
    return self->calls[call->kind] &&
           !(call->kind == CR_CALL_OPEN && call->how.resolve && cr_load_rlx(&cr_file_call_is_old));
}

void
cr_uring_fill_call(struct io_uring_sqe *entry, struct cr_op *op)
{
    struct cr_file_call *call = op->data;
    switch (call->kind) {
    case CR_CALL_OPEN:
        io_uring_prep_openat2(entry, call->fd, call->path, &call->how);
        break;
    case CR_CALL_SYNC:
        io_uring_prep_fsync(entry, call->fd, 0);
        break;
    case CR_CALL_LOOK:
        io_uring_prep_statx(entry, call->fd, call->path, call->flags, STATX_BASIC_STATS, call->look);
        break;
    case CR_CALL_REMOVE:
        io_uring_prep_unlinkat(entry, call->fd, call->path, call->flags);
        break;
    case CR_CALL_RENAME:
        io_uring_prep_renameat(entry, call->fd, call->path, call->to_fd, call->to, 0);
        break;
    default: /* CR_CALL_MAKE: no other has a code */
        io_uring_prep_mkdirat(entry, call->fd, call->path, call->mode);
        break;
    }
}
