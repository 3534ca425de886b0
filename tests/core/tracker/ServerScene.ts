/** Short words for what tests say to a tracker. */
import * as Address from "../../../core/base/Address.ts"
import { toHex } from "../../../core/base/Bytes.ts"
import * as Server from "../../../core/tracker/Server.ts"
import type { Limits } from "../../../core/tracker/ServerLimits.ts"

export const SECRET = Uint8Array.from({ length: 16 }, (_, i) => i * 7)

export const server = (limits: Partial<Limits> = {}, seed = 1): Server.Server =>
  Server.make({ now: 0, seed, secret: SECRET, limits })

/** An info-hash or a peer id, by number. */
export const id = (n: number): Uint8Array =>
  Uint8Array.from({ length: 20 }, (_, i) => i < 16 ? 0xa0 + i : n >>> ((19 - i) * 8))

export const v4 = (n: number): Uint8Array => Uint8Array.of(10, n >>> 16, n >>> 8, n)

/** Each in a /64 of its own. */
export const v6 = (n: number): Uint8Array =>
  Uint8Array.of(0x20, 1, 0xd, 0xb8, 0, n >>> 16, n >>> 8, n, 0, 0, 0, 0, 0, 0, 0, 1)

/** A leecher of torrent 1 at 10.0.0.1:6881, unless told otherwise. */
export const query = (overrides: Partial<Server.AnnounceQuery> = {}): Server.AnnounceQuery => ({
  infoHash: id(1),
  peerId: id(1_000),
  ip: v4(1),
  port: 6881,
  leftBytes: 1,
  event: undefined,
  numWant: 50,
  ...overrides,
})

/** Announces and expects no refusal. The peers are copied, so that they outlast the next announce. */
export const announce = (
  server: Server.Server,
  overrides: Partial<Server.AnnounceQuery> = {},
  now = 0,
): Server.AnnounceReply => {
  const result = Server.announce(server, now, query(overrides), true)
  if (!result.ok) throw new Error(`refused: ${result.error}`)
  return { ...result.value, peers: result.value.peers.slice() }
}

/** The reason of a refusal; `undefined` if the announce was answered. */
export const refusal = (
  server: Server.Server,
  overrides: Partial<Server.AnnounceQuery> = {},
  now = 0,
): string | undefined => {
  const result = Server.announce(server, now, query(overrides), false)
  return result.ok ? undefined : result.error
}

/** The compact peers of a reply as text, in their order. */
export const peers = (reply: Server.AnnounceReply, ipBytes = 4): Array<string> => {
  const list: Array<string> = []
  for (let at = 0; at < reply.peers.length; at += ipBytes + 2) {
    const read = ipBytes === 4 ? Address.fromCompact4 : Address.fromCompact6
    list.push(Address.format(read(reply.peers, at)))
  }
  return list
}

/** The peer ids of a reply as hexadecimal text. */
export const peerIds = (reply: Server.AnnounceReply): Array<string> => (reply.peerIds ?? []).map(toHex)

/** The text of an address, as {@link peers} has it. */
export const endpoint = (ip: Uint8Array, port: number): string => {
  const compact = Uint8Array.from([...ip, port >> 8, port & 255])
  return Address.format(ip.length === 4 ? Address.fromCompact4(compact, 0) : Address.fromCompact6(compact, 0))
}

/** Everyone in a swarm, as a newcomer hears of them; the server itself stays as it was. At most 200. */
export const members = (server: Server.Server, infoHash: Uint8Array, ipBytes: 4 | 16 = 4): Array<string> => {
  const stranger = ipBytes === 4 ? v4(0xffffff) : v6(0xffffff)
  return peers(announce(Server.fork(server), { infoHash, ip: stranger, numWant: 200 }), ipBytes).sort()
}
