/* context/registers_aarch64.h: the switch on aarch64; registers_x86_64.h tells why it is a jump. It is an inline piece of
 * the function around it: x29 (the frame pointer) is stored, all other registers are declared lost, so the compiler saves
 * what it needs; x18 is the platform's and never touched. */
#ifndef CR_REGISTERS_AARCH64_H
#define CR_REGISTERS_AARCH64_H

#include <stdint.h>

static inline __attribute__((always_inline)) void
switch_stacks(void **save, void *to)
{
    register void **where __asm__("x0") = save;
    register void *next __asm__("x1") = to;
    __asm__ volatile("adr x9, 1f\n\t"
                     "stp x29, x9, [sp, #-16]!\n\t"
                     "mov x10, sp\n\t"
                     "str x10, [x0]\n\t"
                     "mov sp, x1\n\t"
                     "ldp x29, x9, [sp], #16\n\t"
                     "br x9\n"
                     "1:\n\t"
                     : "+r"(where), "+r"(next)
                     :
                     : "x2", "x3", "x4", "x5", "x6", "x7", "x8", "x9", "x10", "x11", "x12", "x13", "x14", "x15", "x16",
                       "x17", "x19", "x20", "x21", "x22", "x23", "x24", "x25", "x26", "x27", "x28", "x30", "cc",
                       "memory", "v0", "v1", "v2", "v3", "v4", "v5", "v6", "v7", "v8", "v9", "v10", "v11", "v12", "v13",
                       "v14", "v15", "v16", "v17", "v18", "v19", "v20", "v21", "v22", "v23", "v24", "v25", "v26", "v27",
                       "v28", "v29", "v30", "v31");
}

/* First entry: function and argument wait above the first frame; a frame pointer and a link of 0 end backtraces. */
__asm__(".text\n"
        ".type cr_context_start, %function\n"
        "cr_context_start:\n\t"
        ".cfi_startproc\n\t"
        ".cfi_undefined x30\n\t"
        "ldp x9, x0, [sp], #16\n\t"
        "mov x29, xzr\n\t"
        "mov x30, xzr\n\t"
        "blr x9\n\t"
        "brk #1\n\t"
        ".cfi_endproc\n"
        ".size cr_context_start, .-cr_context_start\n");
extern char cr_context_start[] __attribute__((visibility("hidden")));

static void *
lay_first_frame(void *top, void (*entry)(void *arg), void *arg)
{
    uint64_t *sp = top;
    *--sp = (uint64_t)(uintptr_t)arg;
    *--sp = (uint64_t)(uintptr_t)entry;
    *--sp = (uint64_t)(uintptr_t)cr_context_start;
    *--sp = 0;
    return sp;
}

#endif
