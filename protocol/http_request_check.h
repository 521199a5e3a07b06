/* protocol/http_request_check.h: between http_request.c, which collects a head, and http_request_check.c, which judges
 * it. */
#ifndef CR_PROTOCOL_HTTP_REQUEST_CHECK_H
#define CR_PROTOCOL_HTTP_REQUEST_CHECK_H

#include "protocol/http_request.h"

/* Judges the head in request->text and fills the public members: 0, or the status to refuse it with (request->reason is
 * set, too). What http_request.c has seen to: every line ends in CR LF, the first one is method SP target SP version, the
 * others are name, ':', value, with bytes of their class only; text[0], target_at, version_at and fields_at are where the
 * parts begin; fields[].name and .value point to the first byte of each. */
int cr_http_request_check(struct cr_http_request *request);

#endif
