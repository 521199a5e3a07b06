/* protocol.h: what protocol_test.c and runtime_protocol_test.c share. */
#ifndef TESTS_CHECKER_PROTOCOL_H
#define TESTS_CHECKER_PROTOCOL_H

#include "bodies.h"

/* 10,000 random schedules of the body (PCT, depth 2 to 5), and all within its bounds if it has any and exhaustively is
 * true, with store buffers as on x86 and with C11's orders; fails the test if one of them fails. COIR_CHECK_ONLY=PREFIX:
 * nothing for other bodies. */
void protocol_check(const struct body *body, bool exhaustively);

#endif
