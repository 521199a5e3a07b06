/* context/registers_x86_64.h: the switch on x86-64. Included by switch.c only.
 *
 * Entered without a call and left without a ret: a call whose ret runs on another stack leaves the processor's return
 * predictor one entry off, and then every return of the resumed fiber's call chain is mispredicted (measured: 54 against
 * 12 ns a turn with 64 fibers three frames deep). rbp is pushed, because compilers keep it for themselves; all other
 * registers are declared lost, so the compiler saves what it needs, once, in the function around the switch. The build
 * compiles this file with -mno-red-zone: a push must not meet variables of a leaf function below the stack pointer. */
#ifndef CR_REGISTERS_X86_64_H
#define CR_REGISTERS_X86_64_H

#include <stdint.h>

static inline __attribute__((always_inline)) void
switch_stacks(void **save, void *to)
{
    __asm__ volatile("leaq 1f(%%rip), %%rax\n\t"
                     "pushq %%rbp\n\t"
                     "pushq %%rax\n\t"
                     "movq %%rsp, (%%rdi)\n\t"
                     "movq %%rsi, %%rsp\n\t"
                     "popq %%rax\n\t"
                     "jmp *%%rax\n"
                     "1:\n\t"
                     "popq %%rbp\n\t"
                     : "+D"(save), "+S"(to)
                     :
                     : "rax", "rbx", "rcx", "rdx", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15", "cc", "memory",
                       "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11",
                       "xmm12", "xmm13", "xmm14", "xmm15");
}

/* Where a fiber is entered first: its argument and its function wait on its stack (lay_first_frame). rbp 0 and an
 * undefined return address end every backtrace here. */
__asm__(".text\n"
        ".type cr_context_start, @function\n"
        "cr_context_start:\n\t"
        ".cfi_startproc\n\t"
        ".cfi_undefined rip\n\t"
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
