/** What a node of the DHT takes from strangers and keeps for them, in numbers: every one with its reason. */
import { type Millis, MINUTE } from "../base/Time.ts"

/** A datagram cannot be longer. What other nodes send is about 1,000 bytes at most (BEP 32), but more is no offence. */
export const MAX_PACKET_BYTES = 65_535

/** Nesting and values of one packet, as in libtorrent: messages nest three deep, and a stored value may be any bencode. */
export const MAX_DEPTH = 10
export const MAX_TOKENS = 500

/** Transaction ids are echoed, so that their length is ours to bound; 2 to 4 bytes are usual, 20 have been seen. */
export const MAX_TRANSACTION_BYTES = 32

/** Nodes of one list that are looked at: 8 are usual (BEP 5), and more of them would be no nearer. */
export const MAX_NODES = 32

/** Tokens of others are echoed too; 4, 8 and 20 bytes are usual. */
export const MAX_TOKEN_BYTES = 64

/** Two letters for the client, two bytes for its version (BEP 5); the rest is for those who write more. */
export const MAX_VERSION_BYTES = 16

/** What an error may say, in characters: it is only shown to people. */
export const MAX_ERROR_CHARACTERS = 200

/** An announced peer is kept for half an hour: clients announce every 15 minutes or so. */
export const PEER_LIFETIME_MS: Millis = 30 * MINUTE

/** Torrents with announced peers, as in libtorrent. A node is among the closest to a few hundred at most. */
export const MAX_TORRENTS = 2_000

/** Peers of one torrent and family, as in libtorrent; far below the 6,000 that a filter can tell apart (BEP 33). */
export const MAX_PEERS_PER_TORRENT = 500

/** Peers in all, of both families: 4 MB, if they are at as many addresses. */
export const MAX_PEERS = 50_000

/** Peers that one IPv4 address or IPv6 /64 may announce in all, over every torrent that we hold. */
export const MAX_PEERS_PER_ADDRESS = 100

/** Ports of one address in one torrent: several clients behind one NAT, but no swarm made of one machine. */
export const MAX_PORTS_PER_ADDRESS = 4

/** Info-hashes in a sample (BEP 51), as in libtorrent: 400 bytes, so that the answer stays within one small packet. */
export const MAX_SAMPLES = 20

/** How long a sample stays the same (BEP 51): as long as an announced peer does. */
export const SAMPLE_INTERVAL_MS: Millis = PEER_LIFETIME_MS

/** The longest interval between two samplings (BEP 51): six hours. */
export const MAX_SAMPLE_INTERVAL_SECONDS = 21_600

/** The value of an item, bencoded (BEP 44). */
export const MAX_VALUE_BYTES = 1_000
/** The salt of a mutable item (BEP 44). */
export const MAX_SALT_BYTES = 64
/** The highest sequence number (BEP 44, `MAX_INT64`). */
export const MAX_SEQ = (1n << 63n) - 1n

/** Items may go two hours after they were last put; publishers put them every hour (BEP 44). */
export const ITEM_LIFETIME_MS: Millis = 120 * MINUTE

/** Items in all, as in libtorrent: about a megabyte. */
export const MAX_ITEMS = 700

/** Items of one IPv4 address or IPv6 /64. */
export const MAX_ITEMS_PER_ADDRESS = 50
