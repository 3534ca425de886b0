/** How datagrams get there, or don't: loss, latency with jitter, NATs, and addresses where nobody is. */
import type { Address } from "../../base/Address.ts"
import type { Bytes } from "../../base/Bytes.ts"
import type { Millis } from "../../base/Time.ts"
import * as Chance from "../Chance.ts"
import * as Queue from "../Queue.ts"
import * as Host from "./Host.ts"
import { DATAGRAM, type Flight, type World } from "./State.ts"

/** A datagram leaves from where it says; a spoofed one says somebody else's address, and opens no way back. */
export const send = (
  world: World,
  from: Host.Host,
  to: Address,
  bytes: Bytes,
  isSpoofed: boolean,
): void => {
  const { byAddress, counters, flights, freeFlights, queue, rng, scenario } = world
  const { now } = queue
  counters.sent++
  counters.sentBytes += bytes.length
  const target = byAddress.get(to.host)
  if (target === undefined || target.address.port !== to.port) {
    counters.unheard++
    return
  }
  if (!isSpoofed) Host.speak(from, target, now)
  if (Chance.isLucky(rng.loss, scenario.loss)) {
    counters.lost++
    return
  }
  const jitterMs = Chance.exponential(rng.jitter, scenario.jitterMs)
  const number = freeFlights.pop() ?? flights.length
  flights[number] = { from, to: target, bytes }
  Queue.push(queue, now + Math.ceil(pathMs(world, from, target) + jitterMs), DATAGRAM, number, 0)
}

/** Takes a flight that has come to its end; `undefined` where the other end doesn't hear it. */
export const land = (world: World, number: number): Flight | undefined => {
  const { counters, flights, freeFlights, queue } = world
  const flight = flights[number]!
  flights[number] = undefined
  freeFlights.push(number)
  if (!Host.hears(flight.to, flight.from, queue.now)) {
    counters.unheard++
    return undefined
  }
  counters.delivered++
  return flight
}

/** Both ends' parts and one of the path's own, the same in both directions and always. */
const pathMs = ({ scenario }: World, a: Host.Host, b: Host.Host): Millis => {
  const low = Math.min(a.number, b.number)
  const high = Math.max(a.number, b.number)
  const draw = Chance.mix(Math.imul(low, 0x9e3779b1) ^ Math.imul(high, 0x85ebca6b) ^ scenario.seed) >>> 0
  return a.latencyMs + b.latencyMs + draw / 2 ** 32 * scenario.latencyMs[1]
}
