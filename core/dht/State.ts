/** What a node is made of, and what all its parts share: sending, counting, telling. */
import * as Address from "../base/Address.ts"
import type { Bytes } from "../base/Bytes.ts"
import * as Rng from "../base/Rng.ts"
import type { Millis } from "../base/Time.ts"
import type { Command } from "./Command.ts"
import * as Compact from "./Compact.ts"
import type { Event } from "./Event.ts"
import type { Task, Walk } from "./Goal.ts"
import type { RequestId, VerificationId } from "./Input.ts"
import type * as Items from "./Items.ts"
import * as Krpc from "./Krpc.ts"
import type * as Lookup from "./Lookup.ts"
import * as NodeId from "./NodeId.ts"
import type * as PeerStore from "./PeerStore.ts"
import type * as Proven from "./Proven.ts"
import * as Queries from "./Queries.ts"
import type * as Rate from "./Rate.ts"
import type * as RoutingTable from "./RoutingTable.ts"
import type * as Sample from "./Sample.ts"
import type * as Token from "./Token.ts"
import type * as Votes from "./Votes.ts"

/** A node is given these once. */
export interface Options {
  /** Of an earlier run; changed once it doesn't fit the address that we turn out to have. Without it: random (BEP 42). */
  readonly id: NodeId.NodeId | undefined
  /** For what may be guessed. */
  readonly seed: number
  /**
   * 32 bytes that nobody can guess, for tokens and transaction ids. Without them they come out of the seed, which is right
   * for a simulation and for nothing else.
   */
  readonly secret?: Bytes
  /** Asks and isn't asked, as who can't be reached or wants to save traffic (BEP 43). */
  readonly isReadOnly: boolean
  /** Each is a DHT of its own (BEP 32), in which we have an id of our own (BEP 42, 45). */
  readonly families: ReadonlyArray<Compact.Family>
  /** Whom to ask for our neighbours while we know nobody; IP literals. For no table, unless they answer as nodes do. */
  readonly bootstrap: ReadonlyArray<Address.Address>
  /** Nodes of an earlier run. */
  readonly saved: ReadonlyArray<Compact.Contact>
  /** What we say we are (BEP 5, `v`): 4 bytes. */
  readonly version?: Bytes
}

/** What we are in one of the two DHTs. */
export interface Home {
  readonly family: Compact.Family
  table: RoutingTable.RoutingTable
  readonly votes: Votes.Votes
  /** Compact addresses of those to ask while there are few others. */
  readonly routers: Array<Bytes>
  /** When to search for our neighbours; NEVER where that is not due. */
  bootstrapAt: Millis
  /** Searches since the last that found as many as there is need of: the next waits longer. */
  attempts: number
  /** Neighbours are being searched for. */
  isSearching: boolean
  /** The first search is over. */
  hasSearched: boolean
  /** The last search found somebody, who hasn't all gone since. */
  isSettled: boolean
  /** When to look for those who came into our neighbourhood since. */
  neighboursAt: Millis
  /** When to see whether a node or a bucket needs care. */
  upkeepAt: Millis
  /** When that was last seen to. */
  keptAt: Millis
  /** So long a bucket may stay without news: 15 minutes and a little, differently for each node. */
  readonly refreshMs: Millis
}

/** What an open question is for. */
export type Purpose =
  | { readonly _tag: "Walk"; readonly task: Task; readonly walk: Walk; readonly candidate: Lookup.Candidate }
  | { readonly _tag: "Store"; readonly task: Task; readonly walk: Walk }
  /** Somebody wants to know; `undefined` where nobody waits for it, or any more. */
  | { readonly _tag: "Ping"; request: RequestId | undefined; readonly address: Address.Address }
  /** Whether a node of the table is still there. */
  | { readonly _tag: "Probe" }
  /** Whether who asked is where the query came from, before it gets a long answer. */
  | {
    readonly _tag: "Prove"
    readonly query: Krpc.Query
    readonly queryBytes: number
    readonly from: Address.Address
    isAnswered: boolean
  }

/** A signature that the shell is checking, and why. */
export type Verification =
  | { readonly _tag: "Found"; readonly task: Task; readonly value: Bytes; readonly signed: Signed }
  | {
    readonly _tag: "Put"
    readonly checked: Items.Checked
    readonly query: Krpc.Query
    readonly queryBytes: number
    readonly from: Address.Address
    readonly endpoint: Bytes
  }

export interface Signed {
  readonly publicKey: Bytes
  readonly signature: Bytes
  readonly seq: bigint
}

/** Since the node was made. */
export interface Counters {
  queriesIn: number
  queriesOut: number
  responsesIn: number
  errorsIn: number
  answersOut: number
  /** Questions that nobody answered. */
  lost: number
  /** Packets that are no messages, or come from no address. */
  malformed: number
  /** Replies to nothing that we asked, or asked too long ago. */
  unasked: number
  /** Replies from elsewhere than we asked. */
  elsewhere: number
  /** Queries of those who send too many. */
  flooding: number
  /** Answers that would have been too many bytes for all, or too long for a stranger. */
  withheld: number
  /** Queries that came although we answer none. */
  readOnly: number
  /** Announces and puts without a good token. */
  badTokens: number
  /** Nodes that answered under another id than they were known by. */
  liars: number
}

export const counters = (): Counters => ({
  queriesIn: 0,
  queriesOut: 0,
  responsesIn: 0,
  errorsIn: 0,
  answersOut: 0,
  lost: 0,
  malformed: 0,
  unasked: 0,
  elsewhere: 0,
  flooding: 0,
  withheld: 0,
  readOnly: 0,
  badTokens: 0,
  liars: 0,
})

/** Mutable, one owner. */
export interface Machine {
  readonly isReadOnly: boolean
  readonly version: Bytes | undefined
  /** Of the families that we take part in, IPv4 first. */
  readonly homes: ReadonlyArray<Home>
  /** Of the first attempt of all to find neighbours; let go once it was used. */
  saved: ReadonlyArray<Compact.Contact>
  readonly queries: Queries.Queries<Purpose>
  /** In the order in which they were asked for. */
  readonly tasks: Set<Task>
  readonly verifications: Map<VerificationId, Verification>
  nextVerification: VerificationId
  readonly rng: Rng.Rng
  readonly tokens: Token.Tokens
  readonly peers: PeerStore.PeerStore
  readonly items: Items.Items
  readonly sample: Sample.Sample
  readonly rate: Rate.Rate
  readonly proven: Proven.Proven
  readonly counters: Counters
  isBootstrapped: boolean
  now: Millis
  turn: number
}

/** Addresses to ask while we know nobody, of those that we are told of. */
export const MAX_ROUTERS = 32

/** Signatures that are being checked at a time. */
export const MAX_VERIFICATIONS = 64

/** The home of a compact address's family; `undefined` if we take no part there. */
export const homeOf = ({ homes }: Machine, endpoint: Bytes): Home | undefined => {
  const family = Compact.familyOf(endpoint)
  return homes.find((home) => home.family === family)
}

export const emit = (out: Array<Command>, event: Event): void => {
  out.push({ _tag: "Emit", event })
}

/** Sends a query to a compact address; false where too many are open, or we can't be heard there. */
export const ask = (
  machine: Machine,
  endpoint: Bytes,
  request: Krpc.Request,
  purpose: Purpose,
  out: Array<Command>,
): boolean => {
  const home = homeOf(machine, endpoint)
  if (home === undefined) return false
  const transaction = Queries.open(machine.queries, endpoint, purpose, machine.now)
  if (transaction === undefined) return false
  machine.counters.queriesOut++
  const bytes = Krpc.encode({
    _tag: "Query",
    transaction,
    id: home.table.ownId,
    isReadOnly: machine.isReadOnly,
    request,
    ...(machine.version !== undefined && { version: machine.version }),
  })
  out.push({ _tag: "Send", to: Compact.toAddress(endpoint), bytes })
  return true
}
