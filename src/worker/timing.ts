/** What tasks in hand are given to come to a good end at a shutdown; a stream of results stops at a line. */
export const SHUTDOWN_GRACE = '5 seconds';

/** The SDK would hold heartbeats back for 8 of the 10 seconds after which a worker counts as gone. */
export const HEARTBEAT_THROTTLE = '2 seconds';
