import { describe, expect, it } from "@effect/vitest"
import * as fc from "effect/FastCheck"
import * as Rng from "../../../core/base/Rng.ts"
import { MINUTE, SECOND } from "../../../core/base/Time.ts"
import * as Server from "../../../core/tracker/Server.ts"
import * as ServerSnapshot from "../../../core/tracker/ServerSnapshot.ts"
import * as Scene from "./ServerScene.ts"

/** Some 300 peers of both families in 20 torrents, announced over an hour. */
const busy = (seed: number): Server.Server => {
  const server = Scene.server()
  const rng = Rng.make(seed)
  for (let i = 0; i < 400; i++) {
    const n = Rng.below(rng, 300)
    const overrides = {
      infoHash: Scene.id(Rng.below(rng, 20)),
      ip: n % 2 === 0 ? Scene.v4(n) : Scene.v6(n),
      peerId: Scene.id(n),
    }
    Scene.announce(server, { ...overrides, leftBytes: Rng.below(rng, 2) }, i * 9 * SECOND)
    if (i % 5 === 0) {
      Scene.announce(server, { ...overrides, leftBytes: 0, event: "completed" }, i * 9 * SECOND)
    }
  }
  return server
}
/** When the last one has announced, and the first one is about to go. */
const NOW = 60 * MINUTE - 5 * SECOND
const TORRENTS = Array.from({ length: 20 }, (_, n) => Scene.id(n))

/** All that can be seen of a server from `now` on, until everyone is gone. */
const future = (server: Server.Server, now: number): Array<unknown> => {
  const seen: Array<unknown> = []
  for (let at = now; at <= now + 60 * MINUTE; at += 5 * MINUTE) {
    Server.expire(server, at, Infinity)
    const { leechers, peers4, peers6, seeders, swarms } = Server.stats(server)
    seen.push({ leechers, peers4, peers6, seeders, swarms })
    seen.push(Server.scrape(server, TORRENTS), Server.nextWake(server) - now)
    seen.push(TORRENTS.map((torrent) => [Scene.members(server, torrent), Scene.members(server, torrent, 16)]))
  }
  return seen
}

describe("a snapshot", () => {
  it.each([1, 2, 3])("has everything that counts (seed %i)", (seed) => {
    const before = busy(seed)
    const bytes = ServerSnapshot.snapshot(before, NOW)
    // Another process has another clock.
    const after = Server.make({ now: -5_000_000, seed: 9, secret: Scene.SECRET.toReversed() })
    const { peers4, peers6 } = Server.stats(before)
    expect(ServerSnapshot.restore(after, -5_000_000, bytes)).toBe(peers4 + peers6)
    expect(ServerSnapshot.snapshot(after, -5_000_000)).toEqual(bytes)
    expect(future(after, -5_000_000)).toEqual(future(before, NOW))
  })

  it("keeps who was counted as a download", () => {
    const before = Scene.server()
    Scene.announce(before)
    Scene.announce(before, { leftBytes: 0, event: "completed" })
    const after = Scene.server()
    ServerSnapshot.restore(after, 0, ServerSnapshot.snapshot(before, 0))
    Scene.announce(after)
    Scene.announce(after, { leftBytes: 0, event: "completed" })
    expect(Server.scrape(after, [Scene.id(1)])).toEqual([{ seeders: 1, leechers: 0, downloads: 1 }])
  })

  it("leaves alone whoever has announced since", () => {
    const before = Scene.server()
    Scene.announce(before, { peerId: Scene.id(1), leftBytes: 0 })
    Scene.announce(before, { ip: Scene.v4(2) }, 10 * MINUTE)
    const bytes = ServerSnapshot.snapshot(before, 10 * MINUTE)
    const after = Scene.server()
    Scene.announce(after, { peerId: Scene.id(2) }, 0)
    expect(ServerSnapshot.restore(after, 5 * MINUTE, bytes)).toBe(1)
    expect(Scene.members(after, Scene.id(1))).toEqual(["10.0.0.1:6881", "10.0.0.2:6881"])
    const reply = Scene.announce(Server.fork(after), { ip: Scene.v4(3) }, 5 * MINUTE)
    expect(Scene.peerIds(reply)).toContain(Scene.peerIds({ ...reply, peerIds: [Scene.id(2)] })[0])
    // The list stays in the order of time: the restored one goes no later than the one that was there.
    expect(Server.expire(after, 60 * MINUTE, Infinity)).toBe(2)
  })

  it("keeps to the limits of the server that it is given to", () => {
    const bytes = ServerSnapshot.snapshot(busy(4), NOW)
    const few = Scene.server({ maxSwarms: 3, maxPeersPerSwarm: 5 })
    ServerSnapshot.restore(few, 0, bytes)
    const { peers4, peers6, swarms } = Server.stats(few)
    expect(swarms).toBe(3)
    expect(peers4 + peers6).toBeLessThanOrEqual(15)
    const none = Scene.server({ intervalSeconds: 1 })
    expect(ServerSnapshot.restore(none, 0, ServerSnapshot.snapshot(busy(5), NOW))).toBe(0)
  })

  it("that ends too early gives what it has", () => {
    const bytes = ServerSnapshot.snapshot(busy(6), NOW)
    let last = 0
    for (let length = 0; length < bytes.length; length += 61) {
      const server = Scene.server()
      const restored = ServerSnapshot.restore(server, 0, bytes.subarray(0, length))
      expect(restored).toBeGreaterThanOrEqual(last)
      last = restored
      const { peers4, peers6 } = Server.stats(server)
      expect(restored).toBe(peers4 + peers6)
    }
    expect(last).toBeGreaterThan(100)
  })

  it.prop("that is damaged never throws, and leaves a server that works", {
    seed: fc.integer({ min: 1, max: 5 }),
    damages: fc.array(fc.tuple(fc.nat(20_000), fc.nat(255)), { maxLength: 40 }),
  }, ({ seed, damages }) => {
    const bytes = ServerSnapshot.snapshot(busy(seed), NOW)
    for (const [at, value] of damages) bytes[16 + at % (bytes.length - 16)] = value
    const server = Scene.server()
    ServerSnapshot.restore(server, 0, bytes)
    Scene.announce(server)
    Server.expire(server, 3 * 60 * MINUTE, Infinity)
    expect(Server.stats(server)).toMatchObject({ swarms: 0, seeders: 0, peers4: 0, peers6: 0 })
  })

  it.prop("that is none is nothing", { bytes: fc.uint8Array({ maxLength: 200 }) }, ({ bytes }) => {
    expect(ServerSnapshot.restore(Scene.server(), 0, bytes)).toBe(0)
    const titled = Uint8Array.from([...ServerSnapshot.snapshot(Scene.server(), 0).subarray(0, 16), ...bytes])
    ServerSnapshot.restore(Scene.server(), 0, titled)
  })
})
