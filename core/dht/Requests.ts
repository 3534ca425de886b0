/** What the user asks for, and how it becomes a task or a ping. */
import { type Address, format } from "../base/Address.ts"
import { assert } from "../base/Assert.ts"
import { empty, equals } from "../base/Bytes.ts"
import type { Command } from "./Command.ts"
import * as Compact from "./Compact.ts"
import * as Filters from "./Filters.ts"
import * as Goal from "./Goal.ts"
import type { Input, RequestId } from "./Input.ts"
import * as Items from "./Items.ts"
import * as NodeId from "./NodeId.ts"
import * as PeerStore from "./PeerStore.ts"
import * as Queries from "./Queries.ts"
import * as RoutingTable from "./RoutingTable.ts"
import { ask, emit, homeOf, type Machine, MAX_ROUTERS } from "./State.ts"
import * as Tasks from "./Tasks.ts"

/** The inputs that a lookup comes of. */
export type Question = Extract<
  Input,
  { readonly _tag: "FindNode" | "GetPeers" | "GetItem" | "PutItem" | "Sample" }
>

/** Begins the lookup that is asked for. */
export const begin = (machine: Machine, question: Question, out: Array<Command>): void => {
  switch (question._tag) {
    case "FindNode":
      return Tasks.begin(machine, question.request, { _tag: "FindNode" }, idFrom(question.target), out)
    case "GetPeers":
      return getPeers(machine, question, out)
    case "GetItem":
      return getItem(machine, question, out)
    case "PutItem":
      return putItem(machine, question, out)
    case "Sample":
      return Tasks.begin(machine, question.request, { _tag: "Sample" }, idFrom(question.target), out)
  }
}

const getPeers = (
  machine: Machine,
  { announce, infoHash, request, scrape }: Extract<Input, { readonly _tag: "GetPeers" }>,
  out: Array<Command>,
): void => {
  const target = idFrom(infoHash)
  const filters = scrape === true ? { seeds: Filters.make(), peers: Filters.make(), count: 0 } : undefined
  const own = ownPeers(machine, target, announce?.isSeed === true)
  if (own.length > 0) emit(out, { _tag: "PeersFound", request, infoHash: target, peers: own })
  const told = new Set(own.map(format))
  Tasks.begin(
    machine,
    request,
    { _tag: "GetPeers", infoHash: target, announce, told, scrape: filters },
    target,
    out,
  )
}

/** As many as an answer of another node would have. */
const MAX_OWN = 50

/** In a small network we ourselves are among the nodes nearest to the torrent, and nobody else has what was announced to us. */
const ownPeers = (
  { homes, peers, rng }: Machine,
  infoHash: NodeId.NodeId,
  withoutSeeds: boolean,
): ReadonlyArray<Address> =>
  homes.flatMap(({ family }) => PeerStore.sample(peers, infoHash, MAX_OWN, rng, family, withoutSeeds) ?? [])
    .map(Compact.toAddress)

const getItem = (
  machine: Machine,
  { publicKey, request, salt, seq, target }: Extract<Input, { readonly _tag: "GetItem" }>,
  out: Array<Command>,
): void => {
  const goal: Goal.Goal = {
    _tag: "GetItem",
    publicKey: publicKey?.slice(),
    salt: salt?.slice() ?? empty,
    seq,
    checks: 0,
    checking: 0,
    isFound: false,
  }
  Tasks.begin(machine, request, goal, idFrom(target), out)
}

const putItem = (
  machine: Machine,
  { mutable, request, value }: Extract<Input, { readonly _tag: "PutItem" }>,
  out: Array<Command>,
): void => {
  assert(
    Goal.isPuttable(value, mutable),
    "a value has 1 to 1,000 bytes, a salt up to 64: the nodes refuse others",
  )
  const target = mutable === undefined
    ? Items.targetOfImmutable(value)
    : Items.targetOfMutable(mutable.publicKey, mutable.salt ?? empty)
  const goal: Goal.Goal = { _tag: "PutItem", value: value.slice(), mutable, refusal: undefined }
  Tasks.begin(machine, request, goal, target, out)
}

/** Asks whether a node is there. */
export const ping = (
  machine: Machine,
  address: Address,
  request: RequestId | undefined,
  out: Array<Command>,
): void => {
  const endpoint = Compact.fromAddress(address)
  const purpose = { _tag: "Ping", request, address } as const
  const isSent = endpoint !== undefined && ask(machine, endpoint, { _tag: "Ping" }, { ...purpose }, out)
  if (!isSent && request !== undefined) emit(out, { _tag: "NoPong", request, address })
}

/** Whoever is known already is not asked; and of hundreds that come at once only as many as may be open. */
export const addNode = (machine: Machine, address: Address, out: Array<Command>): void => {
  const endpoint = Compact.fromAddress(address)
  const home = endpoint && homeOf(machine, endpoint)
  if (endpoint === undefined || home === undefined) return
  if (!Compact.isUsable(endpoint, 0, home.family) || RoutingTable.hasAnswered(home.table, endpoint)) return
  if (Queries.isAwaited(machine.queries, endpoint) || Queries.size(machine.queries) >= MAX_ADDING) return
  if (home.isSettled || home.routers.length >= MAX_ROUTERS) return ping(machine, address, undefined, out)
  // While we know nobody it is worth more than a ping, and asking again.
  if (!home.routers.some((router) => equals(router, endpoint))) home.routers.push(endpoint)
  if (home.isSearching) ping(machine, address, undefined, out)
  else home.bootstrapAt = machine.now
}

/** Beyond so many open questions no nodes are added: lookups need them more. */
const MAX_ADDING = Queries.MAX_OPEN / 2

/** Ends a request, lookup or ping, without a word. */
export const cancel = (machine: Machine, request: RequestId): void => {
  Tasks.cancel(machine, request)
  const { late, prompt } = machine.queries
  for (const open of [prompt, late]) {
    for (const { purpose } of open.values()) {
      if (purpose._tag === "Ping" && purpose.request === request) purpose.request = undefined
    }
  }
}

/** A copy: what the caller does with its bytes afterwards is its own business. */
const idFrom = (bytes: NodeId.NodeId): NodeId.NodeId => {
  assert(bytes.length === NodeId.BYTES, "targets and info-hashes have 20 bytes")
  return bytes.slice()
}
