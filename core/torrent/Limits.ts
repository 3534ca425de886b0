/** Every bound that a torrent keeps towards its peers, with its reason. Times are milliseconds. */
import { MINUTE, SECOND } from "../base/Time.ts"

/** Connecting and both handshakes must be done by then, or a silent peer holds a slot (libtorrent: 10 s). */
export const HANDSHAKE_TIMEOUT = 10 * SECOND

/** A peer that sends nothing at all, not even the keep-alive due every 2 minutes, is gone (BEP 3). */
export const INACTIVITY_TIMEOUT = 150 * SECOND

/** We send something at least this often: peers drop us after 2 minutes of silence (BEP 3). */
export const KEEP_ALIVE_INTERVAL = 100 * SECOND

/** A peer that owes us blocks and sends none for so long is snubbing: its blocks go to others (libtorrent: 20 s). */
export const OWED_TIMEOUT = 20 * SECOND

/** A single block that is still missing after so long was dropped by the peer while it sent others (libtorrent: 60 s). */
export const REQUEST_TIMEOUT = MINUTE

/** So many refusals without a block between them: asking on would only burn the line. */
export const MAX_REJECTS = 64

/** A peer that unchokes us so often, and lets our requests time out each time, is dropped although it is not silent. */
export const MAX_SNUBS = 5

/** A snubbing peer that stays silent for so long is dropped, its slot is worth more than its promise. */
export const SNUB_TIMEOUT = 2 * MINUTE

/** Neither side wants anything from the other for so long: the slot is wanted elsewhere (libtorrent: 10 minutes). */
export const USELESS_TIMEOUT = 5 * MINUTE

/** A download without a block for so long is told to be stalled: by then a tracker and several time-outs had their chance. */
export const STALLED_AFTER = 2 * MINUTE

/** And told again after so long, since the reason may be another one. */
export const STALLED_AGAIN_AFTER = 30 * MINUTE

/** Requests that a peer takes at a time when it doesn't say (BEP 10 `reqq`; the common default). */
export const DEFAULT_REQQ = 250

/**
 * Requests that we say we take (BEP 10 `reqq`; libtorrent: 2,000). With 250, which are 4 MiB, a leecher that hashes and
 * writes before it asks again stands still half of the time, on a fast line or a long one.
 */
export const REQQ = 2_000

/**
 * Requests that we do take. rTorrent heeds no `reqq`: it asks for the more the faster it gets, and without the fast
 * extension a refusal is silent, so that it waits for the block for ever. 256 MiB of them are some seconds of any line.
 */
export const MAX_ASKED = 16_384

/** Refusals without a block between them, beyond which a peer doesn't listen: so many may cross a choke on its way. */
export const MAX_REFUSALS = MAX_ASKED

/** A choke may be on its way for so long, behind what was sent before it: requests that cross it are no offence (libtorrent). */
export const CHOKE_GRACE = 2 * SECOND

/** Requests after that, beyond which a choked peer does not listen (libtorrent: 50). */
export const MAX_LATE_REQUESTS = 50

/** Requests of pieces that we lack or hide, or of too large blocks, without a block between them (libtorrent: 300). */
export const MAX_VAIN_REQUESTS = 300

/**
 * Blocks that are read ahead for one peer, two reads of a megabyte: on a machine whose cores are busy one takes some
 * milliseconds, in which a fast line empties the other.
 */
export const MAX_READS_AHEAD = 128

/** Pieces granted to a newcomer that we choke (BEP 6 suggests about ten; libtorrent: 5). */
export const ALLOWED_FAST_PIECES = 5

/** In all: with large pieces, what is given without regard to merit must not grow with them. */
export const ALLOWED_FAST_BYTES = 4 * 1024 * 1024

/** More than this many outstanding requests gain nothing: 32 MiB in flight fill 2.5 Gbit/s at 100 ms. */
export const MAX_PIPELINE = 2_000

/** Fewer than this leave a peer idle between a block and our next request. */
export const MIN_PIPELINE = 4

/** Connections that one torrent dials at the same time: home routers drop bursts of SYNs. */
export const MAX_HALF_OPEN = 30

/** Those that all torrents dial at the same time, for the same reason. */
export const MAX_HALF_OPEN_OVERALL = 60

/** Connections of all torrents together, unless the user says otherwise: well below the 1,024 files of a usual limit. */
export const MAX_CONNECTIONS = 500

/**
 * Connections of a torrent with one address of the internet (libtorrent; rTorrent has 4): a second peer behind a router is
 * seldom, an address that takes place after place is not.
 */
export const MAX_PER_ADDRESS = 1

/** Those with one /24 of IPv4 or /48 of IPv6: what one customer of a provider may have at hand must not fill a torrent. */
export const MAX_PER_NETWORK = 8

/** Those with one loopback or private address, where many peers may well be one machine; fewer than all places. */
export const MAX_PER_LOCAL_ADDRESS = 64

/** Below this many known addresses and connections a tracker may be asked again before its interval. */
export const STARVED_BELOW = 5

/** Blocks that were cancelled or timed out and may still be on their way; anything beyond is unsolicited. */
export const MAX_FORGOTTEN_BLOCKS = 4_096

/** Largest message that is no PIECE: enough for any extension's message, too little to be an attack (plus a bitfield). */
export const MAX_MESSAGE_BYTES = 256 * 1024

/** Shared failures after which a peer is banned even if it was never caught alone. */
export const MAX_SHARED_FAILURES = 5

/** Addresses that one announce asks for. */
export const NUM_WANT = 80
