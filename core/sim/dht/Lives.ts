/** Who comes and goes: routers first and for good, then everybody else, one by one; some leave and come back. */
import * as Rng from "../../base/Rng.ts"
import { MINUTE, NEVER } from "../../base/Time.ts"
import * as Chance from "../Chance.ts"
import * as Queue from "../Queue.ts"
import * as Host from "./Host.ts"
import * as Hostile from "./Hostile.ts"
import { COME, LEAVE, plan, type World } from "./State.ts"
import * as Users from "./Users.ts"

const HOUR = 60 * MINUTE

/** Routers that a node is told of. */
const ROUTERS_TOLD = 2

/** Puts everybody's arrival on the agenda. */
export const begin = (world: World): void => {
  const { nodes, joinMs, routers } = world.scenario
  for (let slot = 0; slot < nodes; slot++) {
    const at = slot < routers ? 0 : Math.floor(joinMs * (slot - routers) / (nodes - routers))
    Queue.push(world.queue, at, COME, slot, 0)
  }
}

/** Somebody comes up in a slot: who was there and comes back, or somebody new. */
export const come = (world: World, slot: number): void => {
  const { counters, hosts, machine, queue, rng, scenario } = world
  const { now } = queue
  const known = hosts[slot]
  if (known?.isUp === true) return
  const host = known?.saved === undefined ? settle(world, slot) : known
  const { hostile, isRouter, saved } = host
  if (saved === undefined) counters.came++
  else counters.returned++
  host.isUp = true
  host.upAt = now
  host.lives++
  host.wakeAt = NEVER
  host.saved = undefined
  if (hostile === undefined) {
    const routers = isRouter ? world.routers.filter((other) => other !== host) : Rng.shuffle(rng.seeds, [
      ...world.routers,
    ]).slice(0, ROUTERS_TOLD)
    host.node = machine.make({
      id: saved?.id,
      seed: Rng.next(rng.seeds),
      isReadOnly: host.isReadOnly,
      families: ["ipv4"],
      bootstrap: routers.map(({ address }) => address),
      saved: saved?.nodes ?? [],
    }, now)
    plan(world, host, machine.nextWake(host.node))
  } else plan(world, host, now + Rng.below(rng.hostile, MINUTE))
  if (!isRouter && scenario.churnPerHour > 0) {
    const stayMs = Chance.exponential(rng.lives, HOUR / scenario.churnPerHour)
    Queue.push(queue, now + Math.ceil(stayMs), LEAVE, slot, host.number)
  }
  for (const observer of world.observers) observer.came?.(host, now)
}

/** A host goes without a word, and comes back after a while or makes place for another. */
export const leave = (world: World, slot: number, number: number): void => {
  const { byAddress, counters, hosts, machine, queue, rng, scenario, taken } = world
  const host = hosts[slot]!
  if (host.number !== number || !host.isUp) return
  const { node } = host
  counters.left++
  host.isUp = false
  host.isSettled = false
  host.wakeAt = NEVER
  if (node !== undefined) {
    Users.leave(world, host)
    if (Chance.isLucky(rng.lives, scenario.restartShare)) {
      host.saved = { id: machine.id(node), nodes: machine.saved(node) }
    }
    host.node = undefined
  }
  const isBack = host.saved !== undefined
  const awayMs = isBack ? Math.ceil(Chance.exponential(rng.lives, scenario.restartMs)) : 0
  if (!isBack) {
    byAddress.delete(host.address.host)
    taken.delete(Host.key(host.endpoint, 0))
  }
  Queue.push(queue, queue.now + awayMs, COME, slot, 0)
  for (const observer of world.observers) observer.left?.(host, queue.now)
}

/** Somebody new at an address that nobody has. */
const settle = (world: World, slot: number): Host.Host => {
  const { byAddress, rng, scenario, taken } = world
  const endpoint = Host.drawEndpoint(rng.hosts, (key) => taken.has(key))
  const [min, max] = scenario.latencyMs
  const latencyMs = min + Rng.below(rng.hosts, max - min + 1)
  const isRouter = slot < scenario.routers
  const role = isRouter ? undefined : draw(scenario.hostile, Chance.unit(rng.hosts))
  const isNatted = Chance.isLucky(rng.hosts, scenario.natShare)
  const isReadOnly = Chance.isLucky(rng.hosts, scenario.readOnlyShare)
  const isPlain = isRouter || role !== undefined
  const host = Host.make(
    world.hostCount++,
    slot,
    endpoint,
    latencyMs,
    { router: isRouter, readOnly: isReadOnly && !isPlain, natted: isNatted && !isPlain },
    role && Hostile.make(role, Rng.make(Rng.next(rng.hostile))),
  )
  world.hosts[slot] = host
  byAddress.set(host.address.host, host)
  taken.add(Host.key(endpoint, 0))
  if (isRouter) world.routers.push(host)
  return host
}

const draw = (
  shares: { readonly [role in Hostile.Role]: number },
  unit: number,
): Hostile.Role | undefined => {
  let left = unit
  for (const role of ROLES) {
    left -= shares[role]
    if (left < 0) return role
  }
  return undefined
}

const ROLES: ReadonlyArray<Hostile.Role> = [
  "forgetful",
  "sybil",
  "rubbish",
  "silent",
  "thief",
  "spoofer",
  "flooder",
]
