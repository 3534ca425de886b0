/**
 * What there is to say to a query, within the bytes that there are for it: lists are cut to what fits before they are made,
 * and what can't be cut is left out.
 */
import type { Address } from "../base/Address.ts"
import type { Bytes } from "../base/Bytes.ts"
import * as Bucket from "./Bucket.ts"
import type { Command } from "./Command.ts"
import * as Compact from "./Compact.ts"
import * as Filters from "./Filters.ts"
import * as Items from "./Items.ts"
import type * as Krpc from "./Krpc.ts"
import * as KrpcMessage from "./KrpcMessage.ts"
import * as NodeId from "./NodeId.ts"
import * as PeerStore from "./PeerStore.ts"
import * as Proven from "./Proven.ts"
import * as Room from "./Room.ts"
import * as RoutingTable from "./RoutingTable.ts"
import * as Sample from "./Sample.ts"
import { type Home, type Machine, MAX_VERIFICATIONS } from "./State.ts"
import * as Token from "./Token.ts"

/** The longest answer: it crosses any network whole (BEP 32: 1,024 bytes). */
export const MAX_ANSWER_BYTES = 1_000

/** The longest answer with an item in it, which has up to 1,000 bytes itself: it fits an Ethernet frame. */
export const MAX_ITEM_ANSWER_BYTES = 1_400

/** What an answer says besides who answers. */
export type Content = Omit<KrpcMessage.Response, "_tag" | "id" | "transaction" | "version" | "ip">
type Writable = { -readonly [K in keyof Content]: Content[K] }

/** What there is to say within `limit` bytes; an error; or nothing as yet. */
export const of = (
  machine: Machine,
  home: Home,
  query: Krpc.Query,
  queryBytes: number,
  from: Address,
  endpoint: Bytes,
  limit: number,
  out: Array<Command>,
): Content | Items.Refusal | undefined => {
  const { request } = query
  const { items, now, peers, rng, tokens } = machine
  const room = Math.min(limit, MAX_ANSWER_BYTES) -
    Room.response(query.transaction, machine.version, endpoint.length)
  const content: Writable = {}
  switch (request._tag) {
    case "Ping":
      return content
    case "Unknown":
      return { code: KrpcMessage.METHOD_UNKNOWN, message: "method unknown" }
    case "FindNode":
      addNodes(machine, content, home, request.target, request.want, room)
      return content
    case "GetPeers": {
      const token = Token.issue(tokens, endpoint, now)
      content.token = token
      let left = room - Room.member("token", Room.text(token.length))
      const { infoHash, isScrape, want, withoutSeeds } = request
      if (isScrape && left >= FILTERS_BYTES) left -= addFilters(machine, content, infoHash, home.family)
      // Peers are what was asked for, but who gets none of use goes on with the nodes: each may have half, then what is left.
      const size = Compact.peerBytes(home.family)
      const most = Room.list(left / 2, "values", size)
      let values = PeerStore.sample(peers, infoHash, most, rng, home.family, withoutSeeds) ?? []
      const taken = values.length === 0 ? 0 : Room.member("values", 2 + values.length * Room.text(size))
      left -= addNodes(machine, content, home, infoHash, want, left - taken)
      if (values.length === most && most > 0) {
        const more = Room.list(left, "values", size)
        if (more > most) {
          values = PeerStore.sample(peers, infoHash, more, rng, home.family, withoutSeeds) ?? []
        }
      }
      if (values.length > 0) content.values = values
      return content
    }
    case "AnnouncePeer": {
      if (!isTokenGood(machine, endpoint, request.token)) return BAD_TOKEN
      const peer = endpoint.slice()
      const port = request.isPortImplied ? from.port : request.port
      if (port < 1 || port > 65_535) return { code: KrpcMessage.PROTOCOL_ERROR, message: "invalid port" }
      peer[peer.length - 2] = port >> 8
      peer[peer.length - 1] = port
      return PeerStore.announce(peers, request.infoHash, peer, request.isSeed, now, rng) ? content : FULL
    }
    case "Get": {
      const token = Token.issue(tokens, endpoint, now)
      content.token = token
      const item = Items.answer(items, request.target, request.seq)
      const itemBytes = item.value === undefined ? 0 : bytesOf(item)
      const left = room - Room.member("token", Room.text(token.length))
      const extra = Math.min(limit, MAX_ITEM_ANSWER_BYTES) - Math.min(limit, MAX_ANSWER_BYTES)
      if (itemBytes <= left + extra) Object.assign(content, item)
      else if (item.seq !== undefined) content.seq = item.seq
      addNodes(machine, content, home, request.target, request.want, left - itemBytes)
      return content
    }
    case "Put": {
      if (!isTokenGood(machine, endpoint, request.token)) return BAD_TOKEN
      const checked = Items.check(items, request)
      if (!checked.ok) return checked.error
      const { mutable, signed } = checked.value
      if (mutable === undefined || signed === undefined) {
        const stored = Items.store(items, checked.value, endpoint, home.table.ownId, now)
        return stored.ok ? content : stored.error
      }
      if (machine.verifications.size >= MAX_VERIFICATIONS) {
        return { code: KrpcMessage.SERVER_ERROR, message: "busy, try again" }
      }
      const verification = machine.nextVerification++
      machine.verifications.set(verification, {
        _tag: "Put",
        checked: checked.value,
        query: copyOf({ ...query, request: { _tag: "Ping" } }),
        queryBytes,
        from,
        endpoint,
      })
      const { publicKey, signature } = mutable
      out.push({ _tag: "Verify", verification, publicKey, signature, message: signed })
      return undefined
    }
    case "SampleInfohashes": {
      const { intervalSeconds, sampledFrom, samples } = Sample.take(machine.sample, peers, now, rng)
      content.intervalSeconds = intervalSeconds
      content.sampledFrom = sampledFrom
      let left = room - Room.member("interval", Room.integer(intervalSeconds)) -
        Room.member("num", Room.integer(sampledFrom))
      const count = Room.records(left / 2, "samples", NodeId.BYTES)
      content.samples = samples.subarray(0, count * NodeId.BYTES)
      left -= Room.member("samples", Room.text(content.samples.length))
      addNodes(machine, content, home, request.target, request.want, left)
      return content
    }
  }
}

const BAD_TOKEN: Items.Refusal = { code: KrpcMessage.PROTOCOL_ERROR, message: "bad token" }
const FULL: Items.Refusal = { code: KrpcMessage.SERVER_ERROR, message: "too many announces" }

/** Both filters as members. */
const FILTERS_BYTES = Room.member("BFpe", Room.text(Filters.BYTES)) +
  Room.member("BFsd", Room.text(Filters.BYTES))

const isTokenGood = (machine: Machine, endpoint: Bytes, token: Bytes): boolean => {
  if (Token.accepts(machine.tokens, endpoint, token, machine.now)) {
    Proven.add(machine.proven, endpoint, machine.now)
    return true
  }
  machine.counters.badTokens++
  return false
}

/** Adds the nodes nearest to a target of the families that are wanted, as many as there is room for; gives their bytes. */
const addNodes = (
  machine: Machine,
  content: Writable,
  asked: Home,
  target: NodeId.NodeId,
  want: KrpcMessage.Want | undefined,
  room: number,
): number => {
  let used = 0
  // Those of the family that it was asked by come first, for there may not be room for both.
  for (const home of [asked, ...machine.homes.filter((other) => other !== asked)]) {
    const { family, table } = home
    if (want === undefined ? home !== asked : !want[family]) continue
    const key = family === "ipv4" ? "nodes" : "nodes6"
    const size = Compact.nodeBytes(family)
    const count = Math.min(Bucket.K, Room.records(room - used, key, size))
    if (count === 0) continue
    const nodes = new Uint8Array(count * size)
    let at = 0
    for (const row of RoutingTable.closest(table, target, count)) {
      const from = Bucket.offset(table.rows, row)
      nodes.set(table.rows.bytes.subarray(from, from + size), at)
      at += size
    }
    content[key] = nodes.subarray(0, at)
    used += Room.member(key, Room.text(at))
  }
  return used
}

const addFilters = (
  { peers }: Machine,
  content: Writable,
  infoHash: Bytes,
  family: Compact.Family,
): number => {
  const filters = PeerStore.filters(peers, infoHash, family)
  if (filters === undefined) return 0
  content.peerFilter = filters.peers
  content.seedFilter = filters.seeds
  return FILTERS_BYTES
}

/** Bytes of an item's members. */
const bytesOf = ({ publicKey, seq, signature, value }: Content): number =>
  (value === undefined ? 0 : Room.member("v", value.length)) +
  (publicKey === undefined ? 0 : Room.member("k", Room.text(publicKey.length))) +
  (signature === undefined ? 0 : Room.member("sig", Room.text(signature.length))) +
  (seq === undefined ? 0 : Room.member("seq", Room.integer(seq)))

/** A query whose bytes are its own: only of those that are kept is every byte string copied. */
export const copyOf = (query: Krpc.Query): Krpc.Query => {
  const { id, isReadOnly, request, transaction } = query
  const common = { _tag: "Query", transaction: transaction.slice(), id: id.slice(), isReadOnly } as const
  switch (request._tag) {
    case "GetPeers":
      return { ...common, request: { ...request, infoHash: request.infoHash.slice() } }
    case "Get":
      return { ...common, request: { ...request, target: request.target.slice() } }
    default:
      return { ...common, request: { _tag: "Ping" } }
  }
}
