/* serve/sessions.c: a list of all sessions and a table of the hosts they come from.
 *
 * The happy path: the acceptor opens a session for each connection, a task serves it and closes it. At the end of
 * the server all are waited for, and what is left is ended by aborting its stream, which fails every wait a session
 * has. That needs no handles of tasks, and cannot hit a task that has just ended. Only until a task has begun its handle
 * is kept: one that cannot have a stack ends without having run, and somebody else must close what was to be its own.
 *
 * A session is taken off the list, under the mutex, before its stream is closed; so whoever holds the mutex may
 * abort the streams on the list. The list is bounded by limit, the table by the list.
 *
 * Hosts are counted only if there is a limit for them. The table's buckets are chosen by an unkeyed hash: an
 * attacker who has many addresses at his choice (IPv6) can make chains long, up to limit; by then he has the limit
 * used up anyway. */
#include "serve/sessions.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <string.h>

#include "base/memory.h"

void
cr_sessions_init(struct cr_sessions *sessions, size_t limit, size_t limit_per_host)
{
    *sessions = (struct cr_sessions){.limit = limit, .limit_per_host = limit_per_host};
    coir_mutex_init(&sessions->mutex, COIR_MUTEX_PLAIN);
    coir_event_init(&sessions->empty);
    coir_event_set(&sessions->empty);
    cr_list_init(&sessions->all);
    cr_list_init(&sessions->starting);
}

void
cr_sessions_fini(struct cr_sessions *sessions)
{
    coir_event_fini(&sessions->empty);
    coir_mutex_fini(&sessions->mutex);
}

bool
cr_sessions_find_host(const struct coir_stream *stream, uint8_t host[16])
{
    struct coir_address peer;
    if (coir_stream_peer(stream, &peer))
        return false;
    if (peer.storage.ss_family == AF_INET6) {
        memcpy(host, &((const struct sockaddr_in6 *)&peer.storage)->sin6_addr, 16);
        return true;
    }
    if (peer.storage.ss_family != AF_INET)
        return false;
    memcpy(host, (const uint8_t[12]){[10] = 0xff, [11] = 0xff}, 12);
    memcpy(host + 12, &((const struct sockaddr_in *)&peer.storage)->sin_addr, 4);
    return true;
}

/* The link that leads to this host, or to the end of its bucket. */
static struct cr_sessions_host **
find_host(struct cr_sessions *sessions, const uint8_t address[16])
{
    uint32_t hash = 2166136261u; /* FNV-1a */
    for (int i = 0; i < 16; i++)
        hash = (hash ^ address[i]) * 16777619u;
    struct cr_sessions_host **link = &sessions->hosts[hash % CR_SESSIONS_BUCKETS];
    while (*link && memcmp((*link)->address, address, 16) != 0)
        link = &(*link)->next;
    return link;
}

static int
count_in(struct cr_sessions *sessions, struct cr_session *session)
{
    uint8_t address[16];
    if (!sessions->limit_per_host || !session->stream || !cr_sessions_find_host(session->stream, address))
        return 0;
    struct cr_sessions_host **link = find_host(sessions, address);
    if (!*link) {
        *link = cr_alloc_zero(sizeof **link);
        if (!*link)
            return -ENOMEM;
        memcpy((*link)->address, address, 16);
    }
    if ((*link)->count >= sessions->limit_per_host)
        return -EUSERS;
    (*link)->count++;
    session->host = *link;
    return 0;
}

static void
count_out(struct cr_sessions *sessions, struct cr_session *session)
{
    struct cr_sessions_host *host = session->host;
    if (!host || --host->count)
        return;
    struct cr_sessions_host **link = find_host(sessions, host->address);
    *link = host->next;
    cr_free(host);
}

static int
admit(struct cr_sessions *sessions, struct cr_session *session)
{
    COIR_HOLD(&sessions->mutex);
    if (sessions->count >= sessions->limit)
        return -ENOSPC;
    int error = count_in(sessions, session);
    if (error)
        return error;
    cr_list_append(&sessions->all, &session->link);
    if (sessions->count++ == 0)
        coir_event_clear(&sessions->empty);
    return 0;
}

int
cr_sessions_open(struct cr_sessions *sessions, struct coir_stream *stream, struct cr_session **opened)
{
    struct cr_session *session = cr_alloc_zero(sizeof *session);
    *opened = NULL;
    if (!session)
        return -ENOMEM;
    session->stream = stream;
    cr_list_init(&session->starting);
    int error = admit(sessions, session);
    if (error)
        cr_free(session);
    else
        *opened = session;
    return error;
}

int
cr_sessions_start(struct cr_sessions *sessions, struct cr_session *session, coir_function *function,
                  const struct coir_task_options *options)
{
    COIR_HOLD(&sessions->mutex); /* the task begins behind this */
    int error = coir_go_spread(function, session, options, &session->task);
    if (!error)
        cr_list_append(&sessions->starting, &session->starting);
    return error;
}

static void
let_go(struct cr_session *session)
{
    cr_list_remove(&session->starting);
    cr_list_init(&session->starting);
    coir_detach(session->task);
}

void
cr_sessions_begun(struct cr_sessions *sessions, struct cr_session *session)
{
    COIR_HOLD(&sessions->mutex);
    let_go(session);
}

struct cr_session *
cr_sessions_stillborn(struct cr_sessions *sessions, bool *more)
{
    COIR_HOLD(&sessions->mutex);
    *more = !cr_list_is_empty(&sessions->starting);
    for (struct cr_list *link = sessions->starting.next; link != &sessions->starting; link = link->next) {
        struct cr_session *session = cr_container(link, struct cr_session, starting);
        if (!coir_task_is_alive(session->task)) {
            let_go(session);
            return session;
        }
    }
    return NULL;
}

void
cr_sessions_close(struct cr_sessions *sessions, struct cr_session *session)
{
    COIR_HOLD(&sessions->mutex);
    cr_list_remove(&session->link);
    count_out(sessions, session);
    coir_stream_close(session->stream); /* off the list first: nobody can abort it any more */
    cr_free(session);
    if (--sessions->count == 0)
        coir_event_set(&sessions->empty);
}

int
cr_sessions_wait(struct cr_sessions *sessions, coir_time deadline)
{
    int error = coir_event_wait(&sessions->empty, deadline);
    COIR_HOLD(&sessions->mutex); /* who set it has let go of everything here when this is ours */
    return error;
}

size_t
cr_sessions_abort(struct cr_sessions *sessions)
{
    COIR_HOLD(&sessions->mutex);
    for (struct cr_list *link = sessions->all.next; link != &sessions->all; link = link->next) {
        struct cr_session *session = cr_container(link, struct cr_session, link);
        if (session->stream)
            coir_stream_abort(session->stream);
    }
    return sessions->count;
}
