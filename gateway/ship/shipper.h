/* shipper.h — the thread that ships the log of a server into its backup repository, and what others
 * may know of it.
 *
 * (1) It steps until nothing is left, then waits for ship_interval_ms, or until a write that waits
 *     for the repository wakes it. Writes that come while an object is being put go into the next
 *     one together, so any number of them shares one put.
 * (2) It never holds writers up, and keeps nothing of its own on disk but a few hundred bytes: what
 *     is not shipped yet is the log, whose size log_keep_bytes limits. What the log no longer holds
 *     is a gap, and a gap is bridged by a snapshot, which it asks for.
 * (3) The fence. A server with durability=remote, or ship_fencing, takes writes only while nobody
 *     else can have the lease: until LEASE_SKEW_MS before it ends by this server's clock. What such
 *     a server wrote and shipped later would lie behind the point where the other one's timeline
 *     branched, and no restore would show it.
 * (4) shipper_stop ships what is left, for as long as the store answers and remote_timeout_ms last.
 *
 * Ownership  the gateway, its folder and its home are borrowed; shipper_stop() ends it, after the
 *            server, before the home.
 * Threads    any number may ask.
 * Errors     VARVE_INVALID settings that do not go together · VARVE_NO_MEMORY. Failures of the
 *            store are told by shipper_look and the log. */
#ifndef GATEWAY_SHIPPER_H
#define GATEWAY_SHIPPER_H

#include "config.h"
#include "handler.h"
#include "ship_acks.h"
#include "ship_lag.h"
#include "ship_plan.h"

typedef struct shipper shipper;

/* The log is kept for the shipper, as much of it as the settings say, or 1 GiB. Before the folder
 * is opened. */
void shipper_keep_log(config *c);
/* Do the settings go together? VARVE_INVALID. */
VV_CHECKED varve_status shipper_check(gateway *g, varve_error *err);
/* With (3) it waits until the lease is there, or known not to be; not longer than
 * remote_timeout_ms. *ret is NULL when backup_ship is off, and for a folder open for reading
 * only. */
VV_CHECKED varve_status shipper_start(gateway *g, shipper **ret, varve_error *err);
void shipper_stop(shipper *s); /* NULL is fine */
/* What it waits for may have come: a snapshot, the lease. NULL is fine. */
void shipper_wake(shipper *s);

/* Do writes wait for the repository unless they say otherwise? */
bool shipper_is_remote(const shipper *s);
/* (3) May a write be taken? remote: it will wait for the repository. *ret_why: for people. */
bool shipper_admits(shipper *s, bool remote, varve_error *ret_why);
/* See ship_acks_add; until_ns and began_ns are set here. */
bool shipper_await(shipper *s, ship_ack *ack);
/* A write has ended. */
void shipper_note_write(shipper *s);

typedef struct shipper_view {
    ship_phase phase;
    bool fenced, remote;
    uint64_t shipped_lsn, written_lsn;
    uint64_t time_ms;        /* of the last commit that was shipped; 0: none by this process */
    uint64_t lease_until_ms; /* 0: not held */
    uint64_t objects, bytes, files, gaps, bridged, failures, failures_in_row;
    uint64_t waiting, stored, timeouts, refused; /* writes that wait, or waited; refused by (3) */
    ship_lag_view lag;
    varve_error why; /* of the last failure; status VARVE_OK: the last step ended well */
} shipper_view;
void shipper_look(shipper *s, shipper_view *ret);

#endif
