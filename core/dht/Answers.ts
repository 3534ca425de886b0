/**
 * What a node answers, and whom: queries are counted by address, answers by bytes, and nobody who might not be there gets
 * more than three times what came in its name.
 *
 * ```
 *   query ──▶ counted ──▶ answered, as far as there is room
 *                    └──▶ a long answer to a stranger: "are you there?" ── pong ──▶ answered in full
 *                                                                    └── 1.5 s ──▶ answered as far as there is room
 * ```
 */
import type { Address } from "../base/Address.ts"
import type { Bytes } from "../base/Bytes.ts"
import type { Command } from "./Command.ts"
import * as Compact from "./Compact.ts"
import * as Content from "./Content.ts"
import * as Filters from "./Filters.ts"
import * as Items from "./Items.ts"
import * as Krpc from "./Krpc.ts"
import * as KrpcMessage from "./KrpcMessage.ts"
import * as PeerStore from "./PeerStore.ts"
import * as Proven from "./Proven.ts"
import * as Rate from "./Rate.ts"
import * as RoutingTable from "./RoutingTable.ts"
import { ask, type Home, homeOf, type Machine } from "./State.ts"
import * as Upkeep from "./Upkeep.ts"

/** An answer to a stranger, in lengths of its question: what is sent in somebody else's name is not worth sending. */
export const MAX_AMPLIFICATION = 3

/** Takes a query: answers it, or asks first who it is from. */
export const take = (
  machine: Machine,
  query: Krpc.Query,
  queryBytes: number,
  from: Address,
  endpoint: Bytes,
  out: Array<Command>,
): void => {
  const { counters, now } = machine
  const home = homeOf(machine, endpoint)
  counters.queriesIn++
  if (home === undefined) return
  if (machine.isReadOnly) {
    counters.readOnly++
    return
  }
  if (!Rate.admit(machine.rate, endpoint, now)) {
    counters.flooding++
    return
  }
  if (!query.isReadOnly && RoutingTable.asked(home.table, query.id.slice(), endpoint, now)) {
    Upkeep.consider(machine, home, endpoint, out)
  }
  const isKnown = isProven(machine, home, endpoint)
  if (!isKnown && !query.isReadOnly && isLong(machine, query, endpoint, queryBytes)) {
    // The query is a view of a buffer that is not ours to keep.
    const kept = Content.copyOf(query)
    const purpose = { _tag: "Prove", query: kept, queryBytes, from, isAnswered: false } as const
    if (ask(machine, endpoint, { _tag: "Ping" }, { ...purpose }, out)) return
  }
  answer(machine, home, query, queryBytes, from, endpoint, isKnown, out)
}

/** Answers a query at last; `isKnown` where who asked is where it says. */
export const answer = (
  machine: Machine,
  home: Home,
  query: Krpc.Query,
  queryBytes: number,
  from: Address,
  endpoint: Bytes,
  isKnown: boolean,
  out: Array<Command>,
): void => {
  const limit = isKnown
    ? Content.MAX_ITEM_ANSWER_BYTES
    : Math.min(Content.MAX_ITEM_ANSWER_BYTES, MAX_AMPLIFICATION * queryBytes)
  const said = Content.of(machine, home, query, queryBytes, from, endpoint, limit, out)
  if (said !== undefined) send(machine, home, query, said, queryBytes, from, endpoint, isKnown, out)
}

/** Answers what is no query of any kind, so that its sender can tell that from silence. */
export const reject = (
  machine: Machine,
  transaction: Bytes,
  reason: string,
  queryBytes: number,
  from: Address,
  endpoint: Bytes,
  out: Array<Command>,
): void => {
  const home = homeOf(machine, endpoint)
  if (home === undefined || machine.isReadOnly) return
  if (!Rate.admit(machine.rate, endpoint, machine.now)) {
    machine.counters.flooding++
    return
  }
  const refusal = { code: KrpcMessage.PROTOCOL_ERROR, message: reason.slice(0, 60) }
  const isKnown = isProven(machine, home, endpoint)
  send(machine, home, { transaction }, refusal, queryBytes, from, endpoint, isKnown, out)
}

/** A put whose signature was checked. */
export const verified = (
  machine: Machine,
  put: {
    readonly checked: Items.Checked
    readonly query: Krpc.Query
    readonly queryBytes: number
    readonly from: Address
    readonly endpoint: Bytes
  },
  isValid: boolean,
  out: Array<Command>,
): void => {
  const { checked, endpoint, from, query, queryBytes } = put
  const home = homeOf(machine, endpoint)!
  const stored = isValid
    ? Items.store(machine.items, checked, endpoint, home.table.ownId, machine.now)
    : { ok: false as const, error: Items.FORGED }
  send(machine, home, query, stored.ok ? {} : stored.error, queryBytes, from, endpoint, true, out)
}

/** Who has answered us or shown a token is where it says. */
const isProven = ({ now, proven }: Machine, home: Home, endpoint: Bytes): boolean =>
  RoutingTable.hasAnswered(home.table, endpoint) || Proven.has(proven, endpoint, now)

/** Whether the answer has a part that a stranger would not get: filters, or a value that is longer than its question. */
const isLong = (
  { items, peers, rng }: Machine,
  { request }: Krpc.Query,
  endpoint: Bytes,
  queryBytes: number,
): boolean => {
  switch (request._tag) {
    case "GetPeers": {
      if (!request.isScrape || 2 * Filters.BYTES + LEAST_BYTES <= MAX_AMPLIFICATION * queryBytes) return false
      return PeerStore.sample(peers, request.infoHash, 0, rng, Compact.familyOf(endpoint)) !== undefined
    }
    case "Get": {
      const { value } = Items.answer(items, request.target, request.seq)
      return value !== undefined && value.length + LEAST_BYTES > MAX_AMPLIFICATION * queryBytes
    }
    default:
      return false
  }
}

/** What an answer with an item or filters takes besides these: id, token, key and signature. */
const LEAST_BYTES = 220

const send = (
  machine: Machine,
  home: Home,
  { transaction }: Pick<Krpc.Query, "transaction">,
  said: Content.Content | Items.Refusal,
  queryBytes: number,
  to: Address,
  endpoint: Bytes,
  isKnown: boolean,
  out: Array<Command>,
): void => {
  const { counters, now, rate, version } = machine
  const common = { transaction, ip: endpoint, ...(version !== undefined && { version }) }
  const bytes = Krpc.encode(
    "code" in said
      ? { _tag: "ErrorMessage", ...common, ...said }
      : { _tag: "Response", ...common, id: home.table.ownId, ...said },
  )
  // What could be made shorter was; of an error or a token nothing can be left out.
  if (
    (!isKnown && bytes.length > MAX_AMPLIFICATION * queryBytes) || !Rate.mayAnswer(rate, bytes.length, now)
  ) {
    counters.withheld++
    return
  }
  counters.answersOut++
  out.push({ _tag: "Send", to, bytes })
}
