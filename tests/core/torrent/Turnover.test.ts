import { describe, expect, it } from "@effect/vitest"
import * as fc from "effect/FastCheck"
import * as Turnover from "../../../core/torrent/Turnover.ts"

const MINUTES = 60_000
const NOW = 100 * MINUTES

/** A peer that has been idle for ten minutes, of use to nobody. */
const peer = (conn: number, standing: Partial<Turnover.Standing> = {}): Turnover.Standing => ({
  conn,
  connectedAt: NOW - 10 * MINUTES,
  exchangedAt: -Infinity,
  amInterested: false,
  isInterested: false,
  isSnubbed: false,
  ...standing,
})

const worst = (peers: ReadonlyArray<Turnover.Standing>, count = 9, isSeeding = false) =>
  Turnover.worst(peers, count, { now: NOW, isSeeding })

describe("who goes", () => {
  const table: ReadonlyArray<readonly [string, Turnover.Standing, boolean, boolean]> = [
    ["neither wants anything", peer(1), true, true],
    ["it snubs us", peer(1, { amInterested: true, isSnubbed: true }), true, false],
    ["only it wants something", peer(1, { isInterested: true }), true, false],
    ["we want something, and it chokes us", peer(1, { amInterested: true }), true, false],
    ["it has just come", peer(1, { connectedAt: NOW - MINUTES + 1 }), false, false],
    ["it has just exchanged", peer(1, { exchangedAt: NOW - MINUTES + 1 }), false, false],
    [
      "we want something, for less than three minutes",
      peer(1, { amInterested: true, connectedAt: NOW - 3 * MINUTES + 1 }),
      false,
      false,
    ],
    [
      "it wants something, for less than two minutes",
      peer(1, { isInterested: true, connectedAt: NOW - 2 * MINUTES + 1 }),
      false,
      false,
    ],
  ]
  for (const [name, standing, whileLeeching, whileSeeding] of table) {
    it(name, () => {
      expect(worst([standing])).toEqual(whileLeeching ? [1] : [])
      expect(worst([standing], 9, true)).toEqual(whileSeeding ? [1] : [])
    })
  }

  it("the worst first, then the longest idle, then the lower number", () => {
    const peers = [
      peer(1, { amInterested: true }),
      peer(2, { isInterested: true }),
      peer(3, { amInterested: true, isSnubbed: true }),
      peer(4, { exchangedAt: NOW - 2 * MINUTES }),
      peer(6),
      peer(5),
    ]
    expect(worst(peers)).toEqual([5, 6, 4, 3, 2, 1])
    expect(worst(peers, 2)).toEqual([5, 6])
  })
})

describe("who goes for a peer of higher priority (BEP 40)", () => {
  const waiting = (conn: number) => peer(conn, { isInterested: true, connectedAt: NOW - 2 * MINUTES })
  const outranked = (peers: ReadonlyArray<Turnover.Standing>, priority: number) =>
    Turnover.outranked(peers, priority, ({ conn }) => conn > 100 ? undefined : conn, NOW)

  it("is the one of the lowest, if that is lower", () => {
    expect(outranked([waiting(7), waiting(5), waiting(6)], 6)).toBe(5)
    expect(outranked([waiting(7), waiting(5), waiting(6)], 5)).toBeUndefined()
    expect(outranked([], 5)).toBeUndefined()
  })

  it("is nobody who exchanges, who has just come, or whose priority nobody knows", () => {
    const busy = { ...waiting(1), exchangedAt: NOW - 2 * MINUTES + 1 }
    const fresh = { ...waiting(2), connectedAt: NOW - 2 * MINUTES + 1 }
    expect(outranked([busy, fresh, waiting(101)], 99)).toBeUndefined()
    expect(outranked([busy, fresh, waiting(101), waiting(50)], 99)).toBe(50)
  })
})

describe("how many go", () => {
  it("none without anybody who waits, a small share, and at least one", () => {
    expect(Turnover.quota(50, 0)).toBe(0)
    expect(Turnover.quota(50, 100)).toBe(2)
    expect(Turnover.quota(5, 100)).toBe(1)
    expect(Turnover.quota(500, 7)).toBe(7)
  })

  it("and none while there is room", () => {
    expect(Turnover.isNearlyFull(44, 50)).toBe(false)
    expect(Turnover.isNearlyFull(45, 50)).toBe(true)
  })
})

describe("whatever the peers", () => {
  const standing = fc.record({
    connectedAt: fc.integer({ min: NOW - 10 * MINUTES, max: NOW }),
    exchangedAt: fc.oneof(fc.constant(-Infinity), fc.integer({ min: NOW - 10 * MINUTES, max: NOW })),
    amInterested: fc.boolean(),
    isInterested: fc.boolean(),
    isSnubbed: fc.boolean(),
  })
  const swarm = fc.tuple(fc.array(standing), fc.boolean())

  it.prop("nobody goes that is new or exchanges, and the order of asking is no matter", [swarm], ([
    [standings, isSeeding],
  ]) => {
    const peers = standings.map((one, conn) => ({ conn, ...one }))
    const gone = worst(peers, Infinity, isSeeding)
    for (const conn of gone) {
      expect(Math.max(peers[conn]!.connectedAt, peers[conn]!.exchangedAt)).toBeLessThanOrEqual(NOW - MINUTES)
    }
    expect(worst([...peers].reverse(), Infinity, isSeeding)).toEqual(gone)
    for (let count = 0; count < gone.length; count++) {
      expect(worst(peers, count, isSeeding)).toEqual(gone.slice(0, count))
    }
  })
})
