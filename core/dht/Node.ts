/**
 * A node of the DHT as a machine: dispatch only. No sockets, no clock: datagrams go in, datagrams and events come out, and
 * {@link nextWake} says when time alone would change something.
 *
 * | what happens                  | where                                     |
 * | ----------------------------- | ----------------------------------------- |
 * | somebody asks us              | `Answers.ts`                              |
 * | somebody answers us, or not   | `Replies.ts`                              |
 * | the user wants something      | `Requests.ts`, `Tasks.ts`, `Lookup.ts`    |
 * | nobody wants anything         | `Upkeep.ts`                               |
 */
import { assert } from "../base/Assert.ts"
import * as Clone from "../base/Clone.ts"
import * as Rng from "../base/Rng.ts"
import { type Millis, NEVER } from "../base/Time.ts"
import * as Answers from "./Answers.ts"
import * as Bucket from "./Bucket.ts"
import type { Command } from "./Command.ts"
import * as Compact from "./Compact.ts"
import * as Goal from "./Goal.ts"
import type { Input } from "./Input.ts"
import * as Items from "./Items.ts"
import * as Krpc from "./Krpc.ts"
import * as NodeId from "./NodeId.ts"
import * as PeerStore from "./PeerStore.ts"
import * as Proven from "./Proven.ts"
import * as Queries from "./Queries.ts"
import * as Rate from "./Rate.ts"
import * as Replies from "./Replies.ts"
import * as Requests from "./Requests.ts"
import * as RoutingTable from "./RoutingTable.ts"
import * as Sample from "./Sample.ts"
import * as State from "./State.ts"
import * as Tasks from "./Tasks.ts"
import * as Token from "./Token.ts"
import * as Upkeep from "./Upkeep.ts"
import * as Votes from "./Votes.ts"

export type { Options } from "./State.ts"

/** Handed from step to step; each is good for one step only, since its tables are updated in place. */
export interface Node {
  readonly machine: State.Machine
  readonly turn: number
}

/** Bytes of the key of tokens, and of that of transaction ids. */
const KEY_BYTES = 16

/** A node that knows nobody yet; its first `Tick`, due at once, looks for neighbours. */
export const make = (options: State.Options, now: Millis): Node => {
  const { bootstrap, families, id, isReadOnly, saved, secret, seed, version } = options
  assert(id === undefined || id.length === NodeId.BYTES, "a node id has 20 bytes")
  assert(families.length > 0, "a node takes part in a DHT")
  assert(secret === undefined || secret.length >= 2 * KEY_BYTES, "the secret of a node has 32 bytes")
  const rng = Rng.make(seed)
  const keys = secret ?? Rng.fill(Rng.make(seed ^ 0x5ec2e7), new Uint8Array(2 * KEY_BYTES))
  const routers = bootstrap.map(Compact.fromAddress).filter((endpoint) => endpoint !== undefined)
  const homes = (["ipv4", "ipv6"] as const).filter((family) => families.includes(family)).map(
    (family): State.Home => {
      const ours = routers.filter((endpoint) => Compact.familyOf(endpoint) === family)
      const hasSaved = saved.some(({ address }) => address.host.includes(":") === (family === "ipv6"))
      return {
        family,
        table: RoutingTable.make(family, id?.slice() ?? NodeId.random(rng), now),
        votes: Votes.make(),
        routers: ours,
        bootstrapAt: ours.length > 0 || hasSaved ? now : NEVER,
        attempts: 0,
        isSearching: false,
        hasSearched: false,
        isSettled: false,
        neighboursAt: NEVER,
        upkeepAt: NEVER,
        keptAt: now,
        refreshMs: Upkeep.REFRESH_MS + Rng.below(rng, Upkeep.REFRESH_JITTER_MS),
      }
    },
  )
  const machine: State.Machine = {
    isReadOnly,
    version: version?.slice(),
    homes,
    saved,
    queries: Queries.make(keys.slice(KEY_BYTES, 2 * KEY_BYTES)),
    tasks: new Set(),
    verifications: new Map(),
    nextVerification: 1,
    rng,
    tokens: Token.fromKey(keys.slice(0, KEY_BYTES)),
    peers: PeerStore.make(),
    items: Items.make(),
    sample: Sample.make(),
    rate: Rate.make(now),
    proven: Proven.make(),
    counters: State.counters(),
    isBootstrapped: false,
    now,
    turn: 0,
  }
  return { machine, turn: 0 }
}

/** One transition. Spends `node`: using it again is an assertion failure; see {@link fork}. */
export const step = (node: Node, input: Input): readonly [Node, ReadonlyArray<Command>] => {
  const machine = own(node)
  assert(input.now >= machine.now, "the clock is monotonic")
  machine.now = input.now
  machine.turn++
  const out: Array<Command> = []
  // Who answers too late does so after it was given up, whatever the order in which the shell learns of it.
  Replies.expire(machine, out)
  take(machine, input, out)
  PeerStore.expire(machine.peers, machine.now)
  Items.expire(machine.items, machine.now)
  runDue(machine, out)
  return [{ machine, turn: machine.turn }, out]
}

/** A copy that can go its own way: for tests and tools. */
export const fork = (node: Node): Node => {
  own(node)
  return Clone.clone(node)
}

/** When a `Tick` would next change something; {@link NEVER}: only another input can. */
export const nextWake = (node: Node): Millis => {
  const machine = own(node)
  return Math.min(
    Queries.nextWake(machine.queries),
    Upkeep.nextWake(machine),
    PeerStore.nextExpiry(machine.peers),
    Items.nextExpiry(machine.items),
  )
}

/** What a later run may begin with: nodes of the tables that are not bad, IPv4 first. */
export const saved = (node: Node): ReadonlyArray<Compact.Contact> =>
  own(node).homes.flatMap(({ table }) =>
    RoutingTable.inUse(table).map((row) => ({
      id: Bucket.id(table.rows, row),
      address: Compact.toAddress(Bucket.endpoint(table.rows, row)),
    }))
  )

/** Our id, in the DHT of this family; that of the first one where none is given, or where we take no part in it. */
export const id = (node: Node, family?: Compact.Family): NodeId.NodeId => {
  const { homes } = own(node)
  const home = homes.find((one) => one.family === family) ?? homes[0]!
  return home.table.ownId.slice()
}

export interface Stats extends Readonly<State.Counters> {
  /** In use, whatever their state. */
  readonly nodes: { readonly ipv4: number; readonly ipv6: number }
  readonly good: number
  readonly questionable: number
  readonly bad: number
  readonly buckets: { readonly ipv4: number; readonly ipv6: number }
  /** Questions that are open. */
  readonly openQueries: number
  /** Lookups that are not done. */
  readonly tasks: number
  /** What we keep for others. */
  readonly torrents: number
  readonly peers: number
  readonly items: number
  readonly isBootstrapped: boolean
}

export const stats = (node: Node): Stats => {
  const machine = own(node)
  const nodes = { ipv4: 0, ipv6: 0 }
  const buckets = { ipv4: 0, ipv6: 0 }
  const census = { good: 0, questionable: 0, bad: 0 }
  for (const { family, table } of machine.homes) {
    const { bad, good, questionable } = RoutingTable.census(table, machine.now)
    census.good += good
    census.questionable += questionable
    census.bad += bad
    nodes[family] = good + questionable + bad
    buckets[family] = RoutingTable.bucketCount(table)
  }
  return {
    ...machine.counters,
    ...census,
    nodes,
    buckets,
    openQueries: Queries.size(machine.queries),
    tasks: machine.tasks.size,
    torrents: PeerStore.torrentCount(machine.peers),
    peers: machine.peers.peers,
    items: Items.size(machine.items),
    isBootstrapped: machine.isBootstrapped,
  }
}

const own = (node: Node): State.Machine => {
  assert(node.turn === node.machine.turn, "this state was spent by an earlier step; fork it to keep it")
  return node.machine
}

const take = (machine: State.Machine, input: Input, out: Array<Command>): void => {
  switch (input._tag) {
    case "Tick":
      return
    case "Packet":
      return packet(machine, input, out)
    case "Unsent": {
      const endpoint = Compact.fromAddress(input.to)
      return endpoint === undefined ? undefined : Replies.unsent(machine, endpoint, out)
    }
    case "FindNode":
    case "GetPeers":
    case "GetItem":
    case "PutItem":
    case "Sample":
      return Requests.begin(machine, input, out)
    case "Ping":
      return Requests.ping(machine, input.address, input.request, out)
    case "AddNode":
      return Requests.addNode(machine, input.address, out)
    case "Cancel":
      return Requests.cancel(machine, input.request)
    case "Verified":
      return verified(machine, input, out)
  }
}

/** Everything that it is time for. One thing may make another due, but none makes itself due again at once. */
const runDue = (machine: State.Machine, out: Array<Command>): void => {
  do {
    Upkeep.run(machine, out)
    for (const { goal, walks } of Tasks.advance(machine, out)) {
      if (goal._tag !== "Neighbours" || !goal.isBootstrap) continue
      const home = machine.homes.find(({ family }) => family === walks[0]!.lookup.family)!
      Upkeep.searched(machine, home, out)
    }
  } while (Upkeep.nextWake(machine) <= machine.now)
}

const packet = (
  machine: State.Machine,
  { bytes, from }: Extract<Input, { readonly _tag: "Packet" }>,
  out: Array<Command>,
): void => {
  const { counters, now } = machine
  const endpoint = Compact.fromAddress(from)
  if (endpoint === undefined || State.homeOf(machine, endpoint) === undefined) {
    counters.malformed++
    return
  }
  // Not even looked at, unless it may be what we are waiting for.
  if (Rate.isBlocked(machine.rate, endpoint, now) && !Queries.isAwaited(machine.queries, endpoint)) {
    counters.flooding++
    return
  }
  const decoded = Krpc.decode(bytes)
  if (!decoded.ok) {
    counters.malformed++
    const { reason, transaction } = decoded.error
    if (transaction !== undefined) {
      Answers.reject(machine, transaction, reason, bytes.length, from, endpoint, out)
    }
    return
  }
  const message = decoded.value
  if (message._tag === "Query") Answers.take(machine, message, bytes.length, from, endpoint, out)
  else Replies.take(machine, message, endpoint, out)
}

const verified = (
  machine: State.Machine,
  { isValid, verification }: Extract<Input, { readonly _tag: "Verified" }>,
  out: Array<Command>,
): void => {
  const pending = machine.verifications.get(verification)
  // Of a request that was cancelled meanwhile.
  if (pending === undefined) return
  machine.verifications.delete(verification)
  if (pending._tag === "Put") Answers.verified(machine, pending, isValid, out)
  else Goal.verified(pending.task, pending.value, pending.signed, isValid, out)
}
