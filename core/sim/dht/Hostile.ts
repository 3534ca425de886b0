/**
 * Those who don't play by the rules: old clients, broken ones, and some that are up to something. All speak to honest nodes
 * now and then, so that these come to know them.
 */
import type { Address } from "../../base/Address.ts"
import { type Bytes, empty } from "../../base/Bytes.ts"
import * as Rng from "../../base/Rng.ts"
import { type Millis, SECOND } from "../../base/Time.ts"
import * as Compact from "../../dht/Compact.ts"
import * as Krpc from "../../dht/Krpc.ts"
import type * as KrpcMessage from "../../dht/KrpcMessage.ts"
import * as NodeId from "../../dht/NodeId.ts"

/**
 * | role      | what it does                                                                                    |
 * | --------- | ----------------------------------------------------------------------------------------------- |
 * | forgetful | has an id that doesn't fit its address (BEP 42), passes on whom it met, forgets what it is told |
 * | sybil     | is as near as can be to whatever it is asked for, and knows only its kind                       |
 * | rubbish   | answers bytes that are no message, half a message, or nodes where nobody is                     |
 * | silent    | asks and doesn't answer                                                                         |
 * | thief     | announces with tokens that were given to another address                                        |
 * | spoofer   | asks in the name of somebody else, for whatever has the longest answer                          |
 * | flooder   | asks the same node three hundred times in three seconds                                         |
 */
export type Role = "forgetful" | "sybil" | "rubbish" | "silent" | "thief" | "spoofer" | "flooder"

/** Mutable, one owner. */
export interface Hostile {
  readonly role: Role
  readonly rng: Rng.Rng
  readonly id: NodeId.NodeId
  /** Whom it met last: 26 bytes each. */
  readonly met: Array<Bytes>
  /** Questions of a flood that are left, and whom they go to. */
  flood: number
  victim: Address | undefined
}

/** What a hostile host finds in the world. */
export interface World {
  readonly self: { readonly address: Address; readonly endpoint: Bytes }
  /** Any host, hostile or not. */
  readonly anybody: () => Address
  /** Another of the same kind, if there is one. */
  readonly ally: () => { readonly address: Address; readonly endpoint: Bytes } | undefined
  /** An info-hash that is or will be announced. */
  readonly infoHash: () => Bytes
  /** Sends from an address, which needn't be its own. */
  readonly send: (from: Address, to: Address, bytes: Bytes) => void
}

export const make = (role: Role, rng: Rng.Rng): Hostile => ({
  role,
  rng,
  id: NodeId.random(rng),
  met: [],
  flood: 0,
  victim: undefined,
})

const MET = 24
const NODES = 8
const FLOOD = 300
const FLOOD_GAP_MS: Millis = 10
const ACT_MS: Millis = 20 * SECOND

/** Something came in. */
export const receive = (hostile: Hostile, world: World, from: Address, bytes: Bytes): void => {
  const decoded = Krpc.decode(bytes)
  if (!decoded.ok) return
  const message = decoded.value
  if (message._tag === "Response") return steal(hostile, world, from, message)
  const endpoint = Compact.fromAddress(from)
  if (message._tag !== "Query" || endpoint === undefined || hostile.role === "silent") return
  if (!message.isReadOnly) meet(hostile, message.id, endpoint)
  const common = { transaction: message.transaction.slice(), ip: endpoint }
  const { request } = message
  // Who gave tokens with everything would never be rid of a thief.
  const token = request._tag === "GetPeers" ? { token: utterance(hostile.rng) } : {}
  const say = (id: NodeId.NodeId, nodes: Bytes): void =>
    world.send(
      world.self.address,
      from,
      Krpc.encode({ _tag: "Response", ...common, ...token, id, nodes }),
    )
  const target = targetOf(request)
  switch (hostile.role) {
    case "rubbish":
      return world.send(world.self.address, from, rubbish(hostile, { ...common, ...token }))
    case "sybil":
      return say(target === undefined ? hostile.id : near(hostile.rng, target), lies(hostile, world, target))
    default:
      return say(hostile.id, join(target === undefined ? [] : hostile.met.slice(-NODES)))
  }
}

/** Does what it does by itself; when it wants to do more. */
export const act = (hostile: Hostile, world: World, now: Millis): Millis => {
  const { rng, role } = hostile
  const { self } = world
  const query = (request: Krpc.Request): Bytes =>
    Krpc.encode({ _tag: "Query", transaction: utterance(rng), id: hostile.id, isReadOnly: false, request })
  if (hostile.flood > 0 && hostile.victim !== undefined) {
    hostile.flood--
    world.send(self.address, hostile.victim, query({ _tag: "Ping" }))
    return now + FLOOD_GAP_MS
  }
  if (role === "flooder") {
    hostile.victim = world.anybody()
    hostile.flood = FLOOD
  }
  if (role === "spoofer") {
    const infoHash = world.infoHash()
    const victim = world.anybody()
    world.send(
      victim,
      world.anybody(),
      query({ _tag: "GetPeers", infoHash, isScrape: true, withoutSeeds: false }),
    )
  }
  const target = world.infoHash()
  world.send(
    self.address,
    world.anybody(),
    role === "thief"
      ? query({ _tag: "GetPeers", infoHash: target, isScrape: false, withoutSeeds: false })
      : query({ _tag: "FindNode", target: NodeId.random(rng) }),
  )
  return now + ACT_MS + Rng.below(rng, ACT_MS)
}

/** Gives a token that came to it to an ally, in whose name it is brought back; and once in its own, as is right. */
const steal = (
  { id, rng, role }: Hostile,
  world: World,
  from: Address,
  { token }: KrpcMessage.Response,
): void => {
  if (role !== "thief" || token === undefined) return
  const ally = world.ally()
  for (const thief of ally === undefined ? [world.self] : [ally, world.self]) {
    const request: Krpc.Request = {
      _tag: "AnnouncePeer",
      infoHash: world.infoHash(),
      port: thief.address.port,
      isPortImplied: false,
      token,
      isSeed: false,
    }
    const bytes = Krpc.encode({
      _tag: "Query",
      transaction: utterance(rng),
      id,
      isReadOnly: false,
      request,
    })
    world.send(thief.address, from, bytes)
  }
}

const meet = ({ met }: Hostile, id: NodeId.NodeId, endpoint: Bytes): void => {
  met.push(join([id, endpoint]))
  if (met.length > MET) met.shift()
}

const targetOf = (request: Krpc.Request): NodeId.NodeId | undefined =>
  "target" in request ? request.target : "infoHash" in request ? request.infoHash : undefined

/** An id that no other is nearer than. */
const near = (rng: Rng.Rng, target: NodeId.NodeId): NodeId.NodeId => {
  const id = target.slice()
  Rng.fill(rng, id.subarray(NodeId.BYTES - 4))
  return id
}

const lies = ({ rng }: Hostile, { ally }: World, target: NodeId.NodeId | undefined): Bytes => {
  const nodes: Array<Bytes> = []
  for (let i = 0; i < NODES && target !== undefined; i++) {
    const other = ally()
    if (other !== undefined) nodes.push(near(rng, target), other.endpoint)
  }
  return join(nodes)
}

const rubbish = (
  { id, rng }: Hostile,
  common: { readonly transaction: Bytes; readonly ip: Bytes; readonly token?: Bytes },
): Bytes => {
  const nodes = Rng.fill(rng, new Uint8Array(NODES * 26))
  const whole = Krpc.encode({ _tag: "Response", ...common, id, nodes })
  switch (Rng.below(rng, 3)) {
    case 0:
      return Rng.fill(rng, new Uint8Array(Rng.below(rng, 300)))
    case 1:
      return whole.subarray(0, Rng.below(rng, whole.length))
    default:
      return whole
  }
}

const utterance = (rng: Rng.Rng): Bytes => Rng.fill(rng, new Uint8Array(4))

const join = (parts: ReadonlyArray<Bytes>): Bytes => {
  let length = 0
  for (const part of parts) length += part.length
  if (length === 0) return empty
  const joined = new Uint8Array(length)
  let at = 0
  for (const part of parts) {
    joined.set(part, at)
    at += part.length
  }
  return joined
}
