/* bare.h: the limit for everything with fibers in it: the least code that still is a fiber, without any safety.
 *
 * A switch is inline asm, entered without a call and left without a ret, in functions no optimiser may look into: the
 * return predictor of the processor stays in step, however deep the fibers are parked. Two registers are pushed, all
 * others are declared lost. A fiber is a dense block of 256 bytes; stack tops are staggered over 16 colours of 128
 * bytes, so that neither blocks nor frames of different fibers fall into the same cache sets. There is one loop and one
 * queue, first in, first out. No guard pages, no ends of fibers that anybody could wait for, one thread.
 *
 * The files that use bare_jump are compiled with -mno-red-zone (the asm pushes). x86-64 only: elsewhere a row's limit
 * is missing. */
#ifndef BENCH_BARE_H
#define BENCH_BARE_H

#include <stddef.h>
#include <stdint.h>

#if defined(__has_attribute) && __has_attribute(noipa)
#define BARE_OPAQUE __attribute__((noipa))
#else
#define BARE_OPAQUE __attribute__((noinline))
#endif

enum { BARE_STRIDE = 256 * 1024, BARE_COLOURS = 16, BARE_COLOUR = 128 };

struct bare_fiber {
    void *sp; /* saved registers and the place to go on at are on top of its stack */
    struct bare_fiber *next;
    void (*function)(void *arg);
    void *arg;
    char rest[224]; /* as large as a task block that can do something */
};

/* Saves this stack in *from and goes on with the other one. */
static inline __attribute__((always_inline)) void
bare_jump(void **from, void *to)
{
    __asm__ volatile("pushq %%rbp\n\t"
                     "pushq %%rbx\n\t"
                     "leaq 1f(%%rip), %%rax\n\t"
                     "pushq %%rax\n\t"
                     "movq %%rsp, (%0)\n\t"
                     "movq %1, %%rsp\n\t"
                     "popq %%rax\n\t"
                     "jmp *%%rax\n"
                     "1:\n\t"
                     "popq %%rbx\n\t"
                     "popq %%rbp"
                     : "+D"(from), "+S"(to)
                     :
                     : "rax", "rcx", "rdx", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15", "xmm0", "xmm1",
                       "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11", "xmm12",
                       "xmm13", "xmm14", "xmm15", "memory", "cc");
}

/* Room for that many fibers; before all else. */
void bare_open(size_t fibers);

/* Lets function(arg) run as a fiber at the end of the queue; it must not return before bare_stop. */
void bare_go(void (*function)(void *arg), void *arg);

/* To the end of the queue; comes back when all others have run. */
void bare_yield(void);

/* Runs the fibers until one of them stops the loop. */
void bare_loop(void);

/* Never comes back: bare_loop returns. */
void bare_stop(void);

/* A fresh stack's saved sp: the first jump to it enters. */
void *bare_stack(char *top, void (*enter)(void));

#endif
