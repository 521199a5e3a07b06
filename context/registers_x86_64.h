/* context/registers_x86_64.h: the switch on x86-64. Included by switch.c only.
 *
 * What rests lies on its own stack: on top the place to go on at, above it what that place wants back. Whoever leaves puts
 * that there, takes the other stack and jumps to the place on top of it, which stays there: who arrives drops it.
 *
 * The jump is a jump, not a call with its ret elsewhere: that leaves the processor's return predictor one entry off, and
 * then every return of the resumed fiber's call chain is mispredicted (measured: 54 against 12 ns a turn with 64 fibers
 * three frames deep). A fiber leaves in switch_stacks and arrives there: the call and its ret are of one function.
 *
 * All of it is assembly, with its own unwinding information: an inline piece in C saves rbp twice, and a debugger that
 * looks at a resting stack from outside (rsp: where it rests; rip: the word there) sees all its callers. */
#ifndef CR_REGISTERS_X86_64_H
#define CR_REGISTERS_X86_64_H

#include <stdint.h>

#define PUSH(name) "pushq %" name "\n\t.cfi_adjust_cfa_offset 8\n\t.cfi_rel_offset " name ", 0\n\t"
#define POP(name) "popq %" name "\n\t.cfi_adjust_cfa_offset -8\n\t.cfi_restore " name "\n\t"
#define PUSH_KEPT PUSH("rbp") PUSH("rbx") PUSH("r12") PUSH("r13") PUSH("r14") PUSH("r15") /* what a callee must keep */
#define POP_KEPT POP("r15") POP("r14") POP("r13") POP("r12") POP("rbx") POP("rbp")

/* rdi: save, rsi: to */
__asm__(".text\n\t"
        ".p2align 4\n\t"
        ".type switch_stacks, @function\n"
        "switch_stacks:\n\t"
        ".cfi_startproc\n\t" PUSH_KEPT "leaq 1f(%rip), %rax\n\t"
        "pushq %rax\n\t"
        ".cfi_adjust_cfa_offset 8\n\t"
        "movq %rsp, (%rdi)\n\t"
        "movq %rsi, %rsp\n\t"
        "jmp *(%rsp)\n"
        "1:\n\t"
        "addq $8, %rsp\n\t"
        ".cfi_adjust_cfa_offset -8\n\t" POP_KEPT "ret\n\t"
        ".cfi_endproc\n\t"
        ".size switch_stacks, .-switch_stacks\n");
__attribute__((visibility("hidden"))) void switch_stacks(void **save, void *to);

/* The loop as a whole: enters the fiber that next(arg) answers, by its first word, which says where it rests, and asks
 * again when that one leaves, until the answer is NULL. It rests at one place for all its life: the place to go on at, arg
 * and next are laid there once, and a turn stores nothing but the return address of next. A loop in C around an inline
 * switch stores three words more a turn, which is what a turn's time goes by (64 fibers: 16.9 against 14.4 ns). rbp is set
 * anew in each turn for those who follow frame pointers.
 *
 * rdi: save, rsi: next, rdx: arg */
#define CR_LOOP_STACKS
__asm__(".text\n\t"
        ".p2align 4\n\t"
        ".type loop_stacks, @function\n"
        "loop_stacks:\n\t"
        ".cfi_startproc\n\t" PUSH_KEPT "leaq 1f(%rip), %rax\n\t"
        "pushq %rsi\n\t"
        "pushq %rdx\n\t"
        "pushq %rax\n\t" /* with the return address 80 bytes: what is called finds its stack aligned */
        ".cfi_adjust_cfa_offset 24\n\t"
        "movq %rsp, (%rdi)\n"
        "1:\n\t"
        "leaq 64(%rsp), %rbp\n\t"
        "movq 8(%rsp), %rdi\n\t"
        "call *16(%rsp)\n\t"
        "testq %rax, %rax\n\t"
        "je 2f\n\t"
        "movq (%rax), %rsp\n\t"
        "jmp *(%rsp)\n"
        "2:\n\t"
        "addq $24, %rsp\n\t"
        ".cfi_adjust_cfa_offset -24\n\t" POP_KEPT "ret\n\t"
        ".cfi_endproc\n\t"
        ".size loop_stacks, .-loop_stacks\n");
__attribute__((visibility("hidden"))) void loop_stacks(void **save, struct cr_context *(*next)(void *arg), void *arg);

/* Where a fiber is entered first: its argument and its function wait on its stack (lay_first_frame). rbp 0 and an
 * undefined return address end every backtrace here. */
__asm__(".text\n"
        ".type cr_context_start, @function\n"
        "cr_context_start:\n\t"
        ".cfi_startproc\n\t"
        ".cfi_undefined rip\n\t"
        "addq $8, %rsp\n\t"
        "popq %rdi\n\t"
        "popq %rax\n\t"
        "xorl %ebp, %ebp\n\t"
        "call *%rax\n\t"
        "ud2\n\t"
        ".cfi_endproc\n"
        ".size cr_context_start, .-cr_context_start\n");
extern char cr_context_start[] __attribute__((visibility("hidden")));

static void *
lay_first_frame(void *top, void (*entry)(void *arg), void *arg)
{
    uint64_t *sp = top;
    *--sp = (uint64_t)(uintptr_t)entry;
    *--sp = (uint64_t)(uintptr_t)arg;
    *--sp = (uint64_t)(uintptr_t)cr_context_start;
    return sp;
}

#endif
