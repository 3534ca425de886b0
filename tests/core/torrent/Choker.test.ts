import { describe, expect, it } from "@effect/vitest"
import * as fc from "effect/FastCheck"
import * as Rng from "../../../core/base/Rng.ts"
import * as Choker from "../../../core/torrent/Choker.ts"
import * as ChokeSwarm from "./ChokeSwarm.ts"

const KIB = 1024

type Row = readonly [key: number, traits: string, reason: Choker.Reason]

/**
 * A peer in words: `i`nterested, `u`nchoked, `o`ptimistic (and unchoked), `s`nubbed, `c`omplete; `↓4` gives us 4 KiB/s,
 * `↑4` takes as much, `+300` KiB since it was unchoked, `@20` unchoked 20 s ago, `%75` has 75 % of the pieces.
 */
const peer = (key: number, traits: string): Choker.ChokePeer => {
  const number = (sign: string): number | undefined => {
    const word = traits.split(" ").find((word) => word.startsWith(sign))
    return word === undefined ? undefined : Number(word.slice(1))
  }
  const ago = number("@")
  return {
    key,
    isInterested: traits.includes("i"),
    isUnchoked: /[uo]/.test(traits),
    isOptimistic: traits.includes("o"),
    isSnubbed: traits.includes("s"),
    downloadRateBytesPerSec: (number("↓") ?? 0) * KIB,
    uploadRateBytesPerSec: (number("↑") ?? 0) * KIB,
    uploadedSinceUnchokeBytes: (number("+") ?? 0) * KIB,
    lastUnchokedAt: ago === undefined ? -Infinity : NOW - ago * 1_000,
    connectedAt: NOW - 600_000,
    isSeedOrUploadOnly: traits.includes("c"),
    pieceFraction: (number("%") ?? 0) / 100,
  }
}

const NOW = 1_000_000

const decide = (
  name: Choker.PolicyName,
  slots: number,
  rows: ReadonlyArray<readonly [key: number, traits: string, ...rest: ReadonlyArray<unknown>]>,
  seed = 1,
): Choker.Decision =>
  Choker.decide(Choker.policies[name], {
    now: NOW,
    isSeeding: name !== "tit-for-tat",
    slots,
    pieceBytes: 512 * KIB,
    peers: rows.map(([key, traits]) => peer(key, traits)),
    rng: Rng.make(seed),
  })

const TABLES: ReadonlyArray<
  readonly [name: string, policy: Choker.PolicyName, slots: number, rows: ReadonlyArray<Row>]
> = [
  ["the example of core/torrent/README.md", "tit-for-tat", 4, [
    [1, "i u @50 ↓40", "best-uploader"],
    [2, "i u @50 ↓25", "best-uploader"],
    [3, "i u @50 ↓10", "no-slot"],
    [4, "i o @30 ↓30", "best-uploader"],
    [5, "i", "optimistic"],
    [6, "i u s @90 ↓15", "snubbed"],
    [7, "↓60", "not-interested"],
    [8, "i c", "seed"],
  ]],
  ["there is room for all who want something", "tit-for-tat", 4, [
    [1, "i ↓5", "best-uploader"],
    [2, "i", "optimistic"],
    [3, "↓9", "not-interested"],
    [4, "i c ↓9", "seed"],
  ]],
  ["the best uploaders keep their slots", "tit-for-tat", 4, [
    [1, "i u @50 ↓5", "best-uploader"],
    [2, "i u @50 ↓9", "best-uploader"],
    [3, "i u @50 ↓7", "best-uploader"],
    [4, "i o @10 ↓4", "optimistic"],
    [5, "i ↓4", "no-slot"],
    [6, "i ↓3", "no-slot"],
  ]],
  ["a better one takes the slot of the worst, and keeps it by merit", "tit-for-tat", 4, [
    [1, "i u @50 ↓5", "no-slot"],
    [2, "i u @50 ↓9", "best-uploader"],
    [3, "i u @50 ↓7", "best-uploader"],
    [4, "i o @20 ↓8", "best-uploader"],
    [5, "i", "optimistic"],
  ]],
  ["equal uploaders: who has a slot keeps it", "tit-for-tat", 3, [
    [1, "i ↓5", "no-slot"],
    [2, "i u @50 ↓5", "best-uploader"],
    [3, "i u @40 ↓5", "best-uploader"],
    [4, "i o @10", "optimistic"],
  ]],
  ["a free rider never gets a slot by merit, not even a spare one", "tit-for-tat", 3, [
    [1, "i ↓5", "best-uploader"],
    [2, "i u @50", "optimistic"],
    [3, "i o @50", "optimistic"],
  ]],
  ["a snubbing peer loses its slot, however fast it was", "tit-for-tat", 3, [
    [1, "i u s @90 ↓9", "snubbed"],
    [2, "i u @90 ↓2", "best-uploader"],
    [3, "i ↓1", "best-uploader"],
    [4, "i o @10", "optimistic"],
  ]],
  ["a snubbing peer may have the optimistic slot that nobody else wants", "tit-for-tat", 3, [
    [1, "i u s @90 ↓9", "optimistic"],
    [2, "i ↓2", "best-uploader"],
    [3, "i ↓1", "best-uploader"],
  ]],
  ["no slots: nobody", "tit-for-tat", 0, [
    [1, "i u @9 ↓5", "no-slot"],
    [2, "i o @9", "no-slot"],
  ]],
  ["an optimistic turn lasts 30 s", "tit-for-tat", 2, [
    [1, "i ↓5", "best-uploader"],
    [2, "i o @29", "optimistic"],
    [3, "i", "no-slot"],
  ]],
  ["and then goes on to somebody else", "tit-for-tat", 2, [
    [1, "i ↓5", "best-uploader"],
    [2, "i o @30", "no-slot"],
    [3, "i", "optimistic"],
  ]],
  ["a fifth of many slots is optimistic", "tit-for-tat", 10, [
    ...[1, 2, 3, 4, 5, 6, 7, 8].map((key): Row => [key, "i ↓5", "best-uploader"]),
    [9, "i o @5 ↓1", "optimistic"],
    [10, "i o @5 ↓1", "optimistic"],
    [11, "i u @50 ↓1", "no-slot"],
    [12, "i @50 ↓2", "no-slot"],
  ]],
  ["nobody else wants it: merit takes the optimistic slot as well", "tit-for-tat", 3, [
    [1, "i ↓5", "best-uploader"],
    [2, "i ↓5", "best-uploader"],
    [3, "i ↓5", "best-uploader"],
  ]],
  ["a turn goes on until the quota is uploaded", "round-robin", 3, [
    [1, "i u @20 +511", "round-robin"],
    [2, "i u @20 +512", "no-slot"],
    [3, "i @300", "round-robin"],
    [4, "i o @5", "optimistic"],
    [5, "i @200", "no-slot"],
  ]],
  ["or a minute is over; then it is the longest-waiting's", "round-robin", 3, [
    [1, "i u @59 +1", "round-robin"],
    [2, "i u @60 +1", "no-slot"],
    [3, "i @200", "no-slot"],
    [4, "i @300", "round-robin"],
    [5, "i o @5", "optimistic"],
  ]],
  ["who has had its turn goes on if nobody waits", "round-robin", 3, [
    [1, "i u @90 +900", "round-robin"],
    [2, "i u @80 +900", "round-robin"],
  ]],
  ["a seed doesn't mind being snubbed", "round-robin", 2, [
    [1, "i s", "round-robin"],
    [2, "c", "not-interested"],
  ]],
  ["the fastest takers keep their slots", "fastest-upload", 3, [
    [1, "i u @90 ↑5", "no-slot"],
    [2, "i u @90 ↑9", "fastest-upload"],
    [3, "i o @20 ↑7", "fastest-upload"],
    [4, "i @500", "optimistic"],
  ]],
  ["beginners and finishers come before the middle", "anti-leech", 4, [
    [1, "i %1", "anti-leech"],
    [2, "i %50", "no-slot"],
    [3, "i %97", "anti-leech"],
    [4, "i %90", "anti-leech"],
    [5, "i %60", "no-slot"],
    [6, "i o @5 %45", "optimistic"],
  ]],
  ["who claims to have nothing for ever has a turn like all others", "anti-leech", 2, [
    [1, "i u @20 +600 %0", "no-slot"],
    [2, "i %50", "anti-leech"],
    [3, "i o @5 %50", "optimistic"],
  ]],
]

describe("Choker", () => {
  it.each(TABLES)("%s (%s, %i slots)", (_, policy, slots, rows) => {
    const decision = decide(policy, slots, rows)
    expect([...decision.reasons]).toEqual(rows.map(([key, , reason]) => [key, reason]))
    const unchoked = rows.filter(([, , reason]) => !CHOKED.has(reason)).map(([key]) => key)
    expect([...decision.unchoked].sort((a, b) => a - b)).toEqual(unchoked)
  })

  it.each(Object.keys(Choker.policies) as Array<Choker.PolicyName>)(
    "the order of the peers makes no difference to %s",
    (policy) => {
      const rows = [1, 2, 3, 4, 5, 6, 7, 8].map((key) => [key, "i ↓5 ↑5 %20"] as const)
      const sorted = (decision: Choker.Decision) => [[...decision.unchoked], [...decision.optimistic]]
      expect(sorted(decide(policy, 4, [...rows].reverse()))).toEqual(sorted(decide(policy, 4, rows)))
    },
  )

  it("chooses a new peer three times as often", () => {
    const rng = Rng.make(7)
    let fresh = 0
    for (let i = 0; i < 4_000; i++) {
      const old = peer(1, "i @1")
      const peers = [old, { ...peer(2, "i"), connectedAt: NOW - 59_000 }]
      const context = { now: NOW, isSeeding: false, slots: 1, pieceBytes: 1, peers, rng }
      if (Choker.decide(Choker.policies["tit-for-tat"], context).unchoked.has(2)) fresh++
    }
    expect(Math.abs(fresh / 4_000 - 0.75)).toBeLessThan(0.03)
  })

  it("starts a new peer within three rounds, in a small swarm of givers and one free rider", () => {
    for (let seed = 0; seed < 50; seed++) {
      const swarm = ChokeSwarm.make("tit-for-tat", 4, seed)
      for (const key of [1, 2, 3]) ChokeSwarm.join(swarm, key, { downloadRateBytesPerSec: 100 })
      ChokeSwarm.join(swarm, 4, { downloadRateBytesPerSec: 0 })
      ChokeSwarm.run(swarm, 10)
      ChokeSwarm.join(swarm, 5, { downloadRateBytesPerSec: 0 })
      ChokeSwarm.run(swarm, 3)
      expect(swarm.rounds.get(5)).toBeGreaterThan(0)
      expect(swarm.rounds.get(1)).toBe(13)
    }
  })

  it("gives a free rider optimistic slots only, and a giver many times as much", () => {
    const swarm = ChokeSwarm.make("tit-for-tat", 5, 3)
    for (let key = 0; key < 6; key++) ChokeSwarm.join(swarm, key, { downloadRateBytesPerSec: 100 + key })
    for (let key = 6; key < 12; key++) ChokeSwarm.join(swarm, key, { downloadRateBytesPerSec: 0 })
    ChokeSwarm.run(swarm, 1_000)
    for (let key = 6; key < 12; key++) {
      expect(swarm.merits.get(key) ?? 0).toBe(0)
      expect(swarm.rounds.get(key)).toBeGreaterThan(0)
      expect(swarm.rounds.get(key)! * 4).toBeLessThan(swarm.rounds.get(2)!)
    }
  })

  it("serves everybody equally in turn when seeding round-robin", () => {
    const swarm = ChokeSwarm.make("round-robin", 4, 3)
    for (let key = 0; key < 20; key++) ChokeSwarm.join(swarm, key, { uploadPerRoundBytes: 64 * KIB })
    ChokeSwarm.run(swarm, 2_000)
    const shares = [...swarm.rounds.values()]
    expect(Math.max(...shares) / Math.min(...shares)).toBeLessThan(1.25)
  })

  it.prop(
    "starves nobody, whatever the policy: all are served within three times their number of turns",
    [
      fc.constantFrom(...Object.keys(Choker.policies) as Array<Choker.PolicyName>),
      fc.integer({ min: 1, max: 10 }),
      fc.integer({ min: 1, max: 25 }),
      fc.constantFrom(0, 1_000),
      fc.integer(),
    ],
    ([policy, slots, count, rate, seed]) => {
      const swarm = ChokeSwarm.make(policy, slots, seed)
      for (let key = 0; key < count; key++) {
        ChokeSwarm.join(swarm, key, {
          downloadRateBytesPerSec: rate,
          uploadPerRoundBytes: rate * 10,
          pieceFraction: key / count,
        })
      }
      // Three rounds a turn.
      ChokeSwarm.run(swarm, 3 * (3 * count + 1))
      expect(swarm.rounds.size).toBe(count)
      ChokeSwarm.run(swarm, 500)
      expect(swarm.longestWaitMs).toBeLessThanOrEqual((3 * count + 1) * 30_000)
    },
  )

  it.prop(
    "never unchokes more than the slots nor anybody who wants nothing, and leaves no slot empty that somebody wants",
    [
      fc.constantFrom(...Object.keys(Choker.policies) as Array<Choker.PolicyName>),
      fc.nat(8),
      fc.uniqueArray(
        fc.record({
          key: fc.nat(100),
          isInterested: fc.boolean(),
          isUnchoked: fc.boolean(),
          isOptimistic: fc.boolean(),
          isSnubbed: fc.boolean(),
          downloadRateBytesPerSec: fc.nat(3),
          uploadRateBytesPerSec: fc.nat(3),
          uploadedSinceUnchokeBytes: fc.nat(2 ** 20),
          lastUnchokedAt: fc.oneof(fc.constant(-Infinity), fc.nat(100_000)),
          connectedAt: fc.nat(100_000),
          isSeedOrUploadOnly: fc.boolean(),
          pieceFraction: fc.double({ min: 0, max: 1, noNaN: true }),
        }),
        { selector: ({ key }) => key, maxLength: 20, size: "max" },
      ),
      fc.boolean(),
      fc.integer(),
    ],
    ([policy, slots, peers, isSeeding, seed]) => {
      const before = JSON.stringify(peers)
      const context = { now: 100_000, isSeeding, slots, pieceBytes: 2 ** 18, peers, rng: Rng.make(seed) }
      const { optimistic, reasons, unchoked } = Choker.decide(Choker.policies[policy], context)
      const wanting = peers.filter((peer) => peer.isInterested && !peer.isSeedOrUploadOnly)
      expect(unchoked.size).toBe(Math.min(slots, wanting.length))
      for (const key of unchoked) expect(wanting.some((peer) => peer.key === key)).toBe(true)
      for (const key of optimistic) expect(unchoked.has(key)).toBe(true)
      expect([...reasons.keys()]).toEqual(peers.map(({ key }) => key))
      for (const [key, reason] of reasons) {
        expect(unchoked.has(key)).toBe(!CHOKED.has(reason))
        expect(optimistic.has(key)).toBe(reason === "optimistic")
      }
      expect(JSON.stringify(peers)).toBe(before)
    },
  )
})

const CHOKED: ReadonlySet<Choker.Reason> = new Set(["not-interested", "seed", "snubbed", "no-slot"] as const)
