/* servers/hub/hub.h: one room, entered by lines over TCP and by the web page it serves itself. */
#ifndef CR_SERVERS_HUB_HUB_H
#define CR_SERVERS_HUB_HUB_H

#include <coir/address.h>
#include <coir/base.h>
#include <coir/event.h>
#include <coir/stream.h>
#include <stddef.h>

#define CR_HUB_CHAT "127.0.0.1:9000"
#define CR_HUB_WEB "127.0.0.1:8080"

enum {
    CR_HUB_GRACE_SECONDS = 5,
    CR_HUB_NAME_SECONDS = 60,
    CR_HUB_CONNECTIONS = 12000,
};

/* The ways in. Each is also the name of an option. */
enum cr_hub_door { CR_HUB_DOOR_CHAT, CR_HUB_DOOR_WEB, CR_HUB_DOORS };

/* Zero in every member is the default. */
struct cr_hub_options {
    const char *addresses[CR_HUB_DOORS]; /* as coir_listener_open takes them; CR_HUB_CHAT, CR_HUB_WEB */
    struct coir_event *stop;             /* borrowed: set, it ends the hub; NULL: only a cancel does */
    struct coir_stream *input;           /* borrowed: the administrator's lines; NULL: he says nothing */
    coir_time grace;                     /* for sessions to end by themselves when the hub stops; 5 s */
    coir_time name_time;                 /* for a visitor to give his name; 60 s */
    size_t members;                      /* in the room at once; 10,000 */
    size_t queue;                        /* messages that may wait for one member; 256 */
    size_t connections;                  /* of all doors together; 12,000 */
    size_t connections_per_host;         /* 0: no limit */
    /* Called once, when both doors are open: where they are. */
    void (*ready)(const struct coir_address addresses[CR_HUB_DOORS], void *arg);
    void *ready_arg;
};

/* Suspends. Opens the doors and serves until it is told to stop: tells the members, lets sessions end within grace,
 * ends the others. 0; -errno: a door could not be opened or has broken, which one and what helps has been logged;
 * -ECANCELED. */
int cr_hub_run(const struct cr_hub_options *options);

#endif
