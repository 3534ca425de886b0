import { describe, expect, it } from "@effect/vitest"
import * as fc from "effect/FastCheck"
import * as Digest from "../../../core/base/Digest.ts"
import * as Client from "../../../core/client/Client.ts"
import type { Input } from "../../../core/client/Input.ts"
import * as Bitfield from "../../../core/torrent/Bitfield.ts"
import type * as State from "../../../core/torrent/State.ts"
import { CoreNetwork, type MachineOptions, makeClient, type Tap } from "../../support/CoreNetwork.ts"
import { torrentOf } from "../../support/CoreSwarm.ts"

const MINUTES = 60_000
const PIECES = 40
const small = torrentOf(32_768, [100_000, 0, 5, PIECES * 32_768 - 100_005])

const pieces = fc.uniqueArray(fc.nat(PIECES - 1), { maxLength: PIECES })

/** A seeder that all dial, and leechers that dial each other, each with some pieces, few slots, and limits of its own. */
const anySwarm = fc.record({
  leechers: fc.array(
    fc.record({
      has: pieces,
      slots: fc.integer({ min: 0, max: 4 }),
      uplink: fc.constantFrom(50_000, 200_000, 2_000_000),
      latencyMs: fc.integer({ min: 1, max: 150 }),
      uploadRateBytesPerSec: fc.constantFrom(0, 0, 100_000),
      maxUploadRateBytesPerSec: fc.constantFrom(0, 0, 60_000),
      downloadRateBytesPerSec: fc.constantFrom(0, 0, 150_000),
      seeding: fc.constantFrom("round-robin" as const, "fastest-upload" as const, "anti-leech" as const),
    }),
    { minLength: 1, maxLength: 4 },
  ),
  seederSlots: fc.integer({ min: 1, max: 3 }),
})
type AnySwarm = typeof anySwarm extends fc.Arbitrary<infer A> ? A : never

const options = (
  slots: number,
  more: Partial<State.Options> = {},
  seeding: State.Options["choker"]["seeding"] = "round-robin",
) => ({
  choker: { leeching: "tit-for-tat", seeding, slots: { _tag: "Fixed", slots } },
  ...more,
} as const)

const network = (
  swarm: AnySwarm,
  more: { readonly tap?: Tap; readonly spuriousTicks?: boolean; readonly keepsCommands?: boolean } = {},
) => {
  const machines: Array<MachineOptions> = [
    { has: "all", uplink: 300_000, options: options(swarm.seederSlots) },
    ...swarm.leechers.map((leecher, at): MachineOptions => ({
      has: leecher.has,
      uplink: leecher.uplink,
      latencyMs: leecher.latencyMs,
      limits: leecher,
      dials: Array.from({ length: at + 1 }, (_, index) => index),
      options: options(
        leecher.slots,
        { maxUploadRateBytesPerSec: leecher.maxUploadRateBytesPerSec },
        leecher.seeding,
      ),
    })),
  ]
  return new CoreNetwork({ torrents: [small], machines, ...more })
}

const isOver = (swarm: CoreNetwork) => (): boolean =>
  swarm.machines.every(({ index }) => swarm.isComplete(index))

describe("a swarm of shoal alone", () => {
  it.prop("gets everything to everybody, and what was sent adds up to what came", [anySwarm], ([options]) => {
    const swarm = network(options)
    swarm.run(60 * MINUTES, isOver(swarm))
    for (const { index } of swarm.machines) expect(swarm.isIntact(index)).toBe(true)
    // What is under way when the last one completes has to arrive.
    swarm.run(swarm.now + 30_000)
    const total = (direction: "uploadRate" | "downloadRate"): number =>
      swarm.machines.reduce((sum, { index }) => sum + swarm.torrent(index)[direction].totalBytes, 0)
    const lost = swarm.machines.reduce((sum, machine) => sum + machine.lostBytes, 0)
    expect(total("uploadRate")).toBeGreaterThanOrEqual(total("downloadRate"))
    expect(total("uploadRate") - total("downloadRate")).toBeLessThanOrEqual(lost)
    const wasted = swarm.machines.reduce((sum, { index }) => sum + swarm.torrent(index).wastedBytes, 0)
    const missing = options.leechers.reduce((sum, { has }) => sum + (PIECES - has.length) * 32_768, 0)
    expect(total("downloadRate") - wasted).toBeLessThanOrEqual(missing)
    for (const { index } of swarm.machines) {
      const all = ["Failed", "PeerBanned"] as const
      for (const tag of all) expect(swarm.eventsOf(index, tag)).toEqual([])
      const reasons = swarm.eventsOf(index, "PeerDisconnected").map((event) => event.reason)
      expect(reasons.filter((reason) => reason.startsWith("protocol error"))).toEqual([])
    }
  }, { fastCheck: { numRuns: 25 } })

  it.prop("answers every request exactly once, and queues no more than it says", [anySwarm], ([options]) => {
    /** By direction: requests without an answer. */
    const open = new Map<string, Map<string, number>>()
    let most = 0
    const tap: Tap = (from, to, item) => {
      if (item._tag !== "Request" && item._tag !== "Reject" && item._tag !== "Fragment") return
      if (item._tag === "Fragment" && item.offset + item.bytes.length < item.length) return
      const asker = item._tag === "Request" ? `${from} of ${to}` : `${to} of ${from}`
      const requests = open.get(asker) ?? new Map<string, number>()
      open.set(asker, requests)
      const block = `${item.piece}:${item.begin}:${item.length}`
      const count = (requests.get(block) ?? 0) + (item._tag === "Request" ? 1 : -1)
      if (count < 0) throw new Error(`an answer of ${from} to ${to} that nobody asked for: ${block}`)
      if (count === 0) requests.delete(block)
      else requests.set(block, count)
      most = Math.max(most, requests.size)
    }
    const swarm = network(options, { tap })
    swarm.run(60 * MINUTES, isOver(swarm))
    expect(isOver(swarm)()).toBe(true)
    expect(most).toBeLessThanOrEqual(250)
    // Where both still are connected, nothing may be left open.
    swarm.run(swarm.now + 30_000)
    for (const { index } of swarm.machines) {
      for (const peer of swarm.torrent(index).peers.values()) {
        expect(peer.asked.size + peer.reading.size).toBe(0)
        expect(peer.readsInFlight).toBe(0)
      }
    }
  }, { fastCheck: { numRuns: 25 } })

  it.prop(
    "twin replay: the same journal gives the same commands and the same state",
    [anySwarm],
    ([options]) => {
      const swarm = network(options, { keepsCommands: true })
      swarm.run(60 * MINUTES, isOver(swarm))
      for (const machine of swarm.machines) {
        let twin = makeClient(machine.index)
        const digest = Digest.make()
        for (const input of machine.journal) {
          const [next, commands] = Client.step(twin, fresh(input, machine.options))
          twin = next
          for (const command of commands) Digest.add(digest, command)
        }
        const expected = Digest.make()
        for (const command of machine.commands) Digest.add(expected, command)
        expect(Digest.toHex(digest)).toBe(Digest.toHex(expected))
        expect(Digest.digest(twin.machine)).toBe(Digest.digest(machine.client.machine))
      }
    },
    { fastCheck: { numRuns: 10 } },
  )

  it.prop("spurious ticks change nothing", [anySwarm], ([options]) => {
    const swarm = network(options, { spuriousTicks: true })
    swarm.run(60 * MINUTES, isOver(swarm))
    expect(isOver(swarm)()).toBe(true)
  }, { fastCheck: { numRuns: 8 } })

  it("a fork of a seeder goes its own way", () => {
    const swarm = network({
      seederSlots: 2,
      leechers: [{
        has: [],
        slots: 1,
        uplink: 50_000,
        latencyMs: 20,
        uploadRateBytesPerSec: 0,
        maxUploadRateBytesPerSec: 0,
        downloadRateBytesPerSec: 0,
        seeding: "round-robin",
      }],
    }).run(1_000)
    const [seeder] = swarm.machines
    expect(swarm.torrent(0).uploadRate.totalBytes).toBeGreaterThan(0)
    const before = Digest.digest(seeder!.client.machine)
    const [forked] = Client.step(Client.fork(seeder!.client), { _tag: "Stop", now: swarm.now, torrent: 1 })
    expect(Client.torrents(forked).get(1)!.peers.size).toBe(0)
    expect(Digest.digest(seeder!.client.machine)).toBe(before)
    swarm.run(MINUTES, isOver(swarm))
    expect(swarm.isIntact(1)).toBe(true)
  })
})

/** The bitfield that came with `Add` was spent by the first run. */
const fresh = (input: Input, { has }: MachineOptions): Input => {
  if (input._tag !== "Add") return input
  const have = has === "all" ? Bitfield.full(PIECES) : Bitfield.make(PIECES)
  if (has !== "all") { for (const piece of has ?? []) Bitfield.set(have, piece) }
  return { ...input, options: { ...input.options, have } }
}
