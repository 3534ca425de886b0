/** Any number of questions to two trackers over a network that loses, doubles and delays, while the trackers restart. */
import { expect, it } from "@effect/vitest"
import * as fc from "effect/FastCheck"
import * as Address from "../../../core/base/Address.ts"
import { type Bytes, empty } from "../../../core/base/Bytes.ts"
import * as Digest from "../../../core/base/Digest.ts"
import * as Rng from "../../../core/base/Rng.ts"
import { SECOND } from "../../../core/base/Time.ts"
import * as Udp from "../../../core/tracker/Udp.ts"
import * as UdpClient from "../../../core/tracker/UdpClient.ts"
import { ANNOUNCE, connectionId, scrape } from "./UdpScene.ts"

const TRACKERS: ReadonlyArray<Address.Address> = [
  { host: "192.0.2.1", port: 80 },
  { host: "2001:db8::1", port: 80 },
]

/** From here on nothing is lost any more. */
const HEALED_AT = 400 * SECOND
const LIMITS_MS = [UdpClient.patienceMs(1), UdpClient.patienceMs(2), UdpClient.patienceMs(9)]

interface Arrival {
  readonly at: number
  readonly from: Address.Address
  readonly packet: Bytes
}

/** A tracker that answers what is right and says so, or says nothing, where the connection is wrong. */
class Tracker {
  /** When each connection id was given out. */
  readonly granted = new Map<number, number>()
  nextId = 1
  isPolite = false

  readonly address: Address.Address
  readonly rng: Rng.Rng

  constructor(address: Address.Address, rng: Rng.Rng) {
    this.address = address
    this.rng = rng
  }

  answer(packet: Bytes, now: number): Bytes | undefined {
    const request = Udp.decodeRequest(packet)
    if (!request.ok) return expect.unreachable(`a packet that is ${request.error}`)
    const { value } = request
    if (value._tag === "Connect") {
      const id = this.nextId++
      this.granted.set(id, now)
      return Udp.encodeConnected(value.transactionId, connectionId(id))
    }
    const since = this.granted.get((value.connectionId[6]! << 8) | value.connectionId[7]!)
    if (since === undefined) {
      return this.isPolite ? Udp.encodeRefused(value.transactionId, "connect first") : undefined
    }
    // What arrives late left early enough.
    expect(now - since).toBeLessThan(UdpClient.CONNECTION_MS + 20 * SECOND)
    return value._tag === "Announce"
      ? Udp.encodeAnnounced(value.transactionId, {
        intervalSeconds: 60,
        seeders: 1,
        leechers: 1,
        peers: empty,
      })
      : Udp.encodeScraped(
        value.transactionId,
        value.infoHashes.map(() => ({ seeders: 1, leechers: 1, downloads: 1 })),
      )
  }

  restart(): void {
    this.granted.clear()
    this.isPolite = Rng.below(this.rng, 2) === 0
  }
}

const story = (seed: number): void => {
  const rng = Rng.make(seed)
  const lossShare = Rng.below(rng, 10) / 10
  const trackers = TRACKERS.map((address) => new Tracker(address, rng))
  const begun = new Map<number, { readonly at: number; readonly limitMs: number }>()
  const ended = new Map<number, string>()
  const flying: Array<Arrival> = []
  let client = UdpClient.make()
  let now = 0
  let sent = 0

  const take = (input: UdpClient.Input): void => {
    const before = Digest.digest(client)
    const [next, commands] = UdpClient.step(client, input)
    // The given state stays valid, and the same step gives the same.
    expect(Digest.digest(client)).toBe(before)
    expect(Digest.digest(UdpClient.step(client, input))).toBe(Digest.digest([next, commands]))
    client = next
    for (const command of commands) {
      if (command._tag === "Answer") {
        expect(begun.has(command.ask)).toBe(true)
        expect(ended.has(command.ask)).toBe(false)
        ended.set(command.ask, command.result.ok ? "ok" : command.result.error.reason)
        continue
      }
      sent++
      const tracker = trackers.find(({ address }) => Address.equals(address, command.to))!
      const delay = () => Rng.below(rng, now < HEALED_AT ? 8 * SECOND : 50)
      const isLost = () => now < HEALED_AT && Rng.below(rng, 100) < lossShare * 100
      if (isLost()) continue
      const reply = tracker.answer(command.packet, now)
      if (reply === undefined || isLost()) continue
      for (let copies = 1 + (Rng.below(rng, 5) === 0 ? 1 : 0); copies > 0; copies--) {
        flying.push({ at: now + delay(), from: tracker.address, packet: reply })
      }
    }
  }

  const advance = (end: number): void => {
    for (;;) {
      flying.sort((a, b) => a.at - b.at)
      const wake = UdpClient.nextWake(client)
      const next = Math.min(wake, flying[0]?.at ?? Infinity)
      if (next > end) break
      now = Math.max(now, next)
      if (next < wake) {
        const [, nothing] = UdpClient.step(client, { _tag: "Tick", now })
        expect(nothing).toEqual([])
      }
      const arrival = flying[0]?.at === next ? flying.shift() : undefined
      take(arrival === undefined ? { _tag: "Tick", now } : { _tag: "Received", now, ...arrival })
    }
    now = end
  }

  const ask = (id: number): void => {
    const to = TRACKERS[Rng.below(rng, 2)]!
    const limitMs = LIMITS_MS[Rng.below(rng, 3)]!
    begun.set(id, { at: now, limitMs })
    const question = Rng.below(rng, 4) === 0 ? scrape(1 + Rng.below(rng, 74)) : ANNOUNCE
    take({ _tag: "Ask", now, ask: id, to, question, transactionId: Rng.next(rng), limitMs })
  }

  for (let id = 1; id <= 30; id++) {
    ask(id)
    advance(now + Rng.below(rng, 20) * SECOND)
    if (Rng.below(rng, 6) === 0) trackers[Rng.below(rng, 2)]!.restart()
    if (Rng.below(rng, 8) === 0) {
      const other = 1 + Rng.below(rng, id)
      if (!ended.has(other)) ended.set(other, "cancelled")
      take({ _tag: "Cancel", now, ask: other })
    }
    for (const [id, { at, limitMs }] of begun) if (at + limitMs <= now) expect(ended.has(id)).toBe(true)
  }
  advance(Math.max(now, HEALED_AT))
  // Once the network is well, so are the questions.
  const late = 31
  begun.set(late, { at: now, limitMs: LIMITS_MS[1]! })
  take({
    _tag: "Ask",
    now,
    ask: late,
    to: TRACKERS[0]!,
    question: ANNOUNCE,
    transactionId: 1,
    limitMs: LIMITS_MS[1]!,
  })
  advance(now + LIMITS_MS[2]!)
  expect(ended.get(late)).toBe("ok")
  expect(ended.size).toBe(begun.size)
  expect(client.asks.size).toBe(0)
  expect(UdpClient.nextWake(client)).toBe(Infinity)
  // Each question has a few copies of two packets, however the network behaves.
  expect(sent).toBeLessThan(begun.size * 12)
}

it.prop("every question ends once, in time, on connections that are its tracker's", [fc.nat()], ([seed]) => {
  story(seed)
}, { fastCheck: { numRuns: 60 } })
