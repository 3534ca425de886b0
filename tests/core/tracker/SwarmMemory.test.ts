/** What swarms cost, and that they give it back: counted in bytes of arrays, so that it is the same on every machine. */
import { describe, expect, it } from "vitest"
import * as Rng from "../../../core/base/Rng.ts"
import * as Server from "../../../core/tracker/Server.ts"
import * as Scene from "./ServerScene.ts"

/** Bytes of all typed arrays in a value. */
const bytesIn = (value: unknown): number => {
  if (ArrayBuffer.isView(value)) return value.byteLength
  if (typeof value !== "object" || value === null) return 0
  return Object.values(value).reduce((sum: number, member) => sum + bytesIn(member), 0)
}

const UNLIMITED = { newPeersPerAddress: Infinity, newSwarmsPerAddress: Infinity }

/** Swarms as uneven as real ones: the size goes down by the rank (Zipf), and most have few peers. */
const fill = (
  server: Server.Server,
  ip: (n: number) => Uint8Array,
  swarms: number,
  largest: number,
): number => {
  let peers = 0
  for (let rank = 1; rank <= swarms; rank++) {
    const infoHash = Scene.id(rank)
    const peerId = Scene.id(-rank)
    for (let i = Math.ceil(largest / rank); i > 0; i--) {
      const query = Scene.query({ infoHash, peerId, ip: ip(++peers), leftBytes: i % 2, numWant: 0 })
      expect(Server.announce(server, 0, query, false).ok).toBe(true)
    }
  }
  return peers
}

describe("a peer", () => {
  it.each([["IPv4", Scene.v4], ["IPv6", Scene.v6]] as const)(
    "of %s costs at most 150 bytes, its part of the swarms and indexes included",
    (_name, ip) => {
      const server = Scene.server(UNLIMITED)
      const before = bytesIn(server)
      const peers = fill(server, ip, 5_000, 6_000)
      expect(peers).toBeGreaterThan(50_000)
      expect(Server.stats(server).swarms).toBe(5_000)
      expect((bytesIn(server) - before) / peers).toBeLessThan(150)
    },
  )
})

describe("a large swarm", () => {
  it("keeps everyone while it grows and shrinks, and its memory follows", () => {
    const server = Scene.server(UNLIMITED)
    const empty = bytesIn(server)
    const rng = Rng.make(5)
    const numbers = Array.from({ length: 10_000 }, (_, i) => i + 1)
    let seeders = 0
    for (const n of numbers) {
      seeders += n % 3 === 0 ? 1 : 0
      const reply = Scene.announce(server, { ip: Scene.v4(n), leftBytes: n % 3, numWant: 0 })
      expect(reply).toMatchObject({ seeders, leechers: n - seeders })
    }
    const full = bytesIn(server.v4.members)
    // In no order, so that members move about.
    Rng.shuffle(rng, numbers)
    for (const n of numbers.slice(150)) {
      seeders -= n % 3 === 0 ? 1 : 0
      expect(Scene.announce(server, { ip: Scene.v4(n), event: "stopped" }).seeders).toBe(seeders)
    }
    const left = numbers.slice(0, 150).map((n) => Scene.endpoint(Scene.v4(n), 6881)).sort()
    expect(Scene.members(server, Scene.id(1))).toEqual(left)
    expect(bytesIn(server.v4.members)).toBeLessThan(full / 4)
    for (const n of numbers.slice(0, 150)) Scene.announce(server, { ip: Scene.v4(n), event: "stopped" })
    expect(bytesIn(server)).toBeLessThan(empty * 1.1)
  })

  it("gives its memory back though another one as large stays", () => {
    const server = Scene.server(UNLIMITED)
    const crowd = (infoHash: Uint8Array, event: "stopped" | undefined): void => {
      for (let n = 1; n <= 3_000; n++) {
        Server.announce(server, 0, Scene.query({ infoHash, ip: Scene.v4(n), numWant: 0, event }), false)
      }
    }
    crowd(Scene.id(1), undefined)
    const one = bytesIn(server.v4.members)
    for (let round = 0; round < 3; round++) {
      crowd(Scene.id(2), undefined)
      expect(bytesIn(server.v4.members)).toBeGreaterThan(one * 1.5)
      crowd(Scene.id(2), "stopped")
      expect(bytesIn(server.v4.members)).toBeLessThan(one * 1.2)
    }
    expect(Server.scrape(server, [Scene.id(1)])[0]).toMatchObject({ leechers: 3_000 })
  })
})
