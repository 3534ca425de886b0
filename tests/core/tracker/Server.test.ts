import { describe, expect, it } from "vitest"
import { latin1, toHex } from "../../../core/base/Bytes.ts"
import * as Digest from "../../../core/base/Digest.ts"
import * as Rng from "../../../core/base/Rng.ts"
import { MINUTE, NEVER, SECOND } from "../../../core/base/Time.ts"
import * as Server from "../../../core/tracker/Server.ts"
import { JITTER, LIMITS, MAX_NUM_WANT, timeToLive } from "../../../core/tracker/ServerLimits.ts"
import * as ServerStep from "../../../core/tracker/ServerStep.ts"
import * as Scene from "./ServerScene.ts"

/** Announces `count` peers, numbered from `from`. */
const crowd = (server: Server.Server, count: number, leftBytes: number, from = 1): void => {
  for (let i = from; i < from + count; i++) {
    Scene.announce(server, { ip: Scene.v4(i), peerId: Scene.id(i), leftBytes })
  }
}

describe("an announce", () => {
  it("is told the others of its swarm, of its family", () => {
    const server = Scene.server()
    expect(Scene.peers(Scene.announce(server))).toEqual([])
    expect(Scene.peers(Scene.announce(server, { ip: Scene.v4(2), port: 80 }))).toEqual(["10.0.0.1:6881"])
    expect(Scene.peers(Scene.announce(server))).toEqual(["10.0.0.2:80"])
    expect(Scene.peers(Scene.announce(server, { ip: Scene.v6(3) }), 16)).toEqual([])
    expect(Scene.peers(Scene.announce(server, { infoHash: Scene.id(2) }))).toEqual([])
    expect(Server.scrape(server, [Scene.id(1), Scene.id(2), Scene.id(3)])).toEqual([
      { seeders: 0, leechers: 3, downloads: 0 },
      { seeders: 0, leechers: 1, downloads: 0 },
      { seeders: 0, leechers: 0, downloads: 0 },
    ])
  })

  it("takes another port for another peer, another peer id for the same one", () => {
    const server = Scene.server()
    Scene.announce(server, { peerId: Scene.id(1) })
    Scene.announce(server, { peerId: Scene.id(2) })
    const reply = Scene.announce(server, { port: 6882 })
    expect([Scene.peers(reply), Scene.peerIds(reply)]).toEqual([["10.0.0.1:6881"], [toHex(Scene.id(2))]])
  })

  it("is refused with port 0 and past the last one", () => {
    const server = Scene.server()
    for (const port of [0, -1, 65_536]) {
      expect(Scene.refusal(server, { port })).toBe("port must be from 1 to 65535")
    }
    expect(Server.stats(server)).toMatchObject({ announces: 3, refusals: 3, swarms: 0 })
  })

  it.each([[-1, 1], [1, 1], [2 ** 64, 1], [0, 0]])(
    "with %d bytes left makes %d leechers",
    (leftBytes, leechers) => {
      expect(Scene.announce(Scene.server(), { leftBytes })).toMatchObject({ leechers, seeders: 1 - leechers })
    },
  )

  it("gets as many peers as it wants, up to the most", () => {
    const server = Scene.server()
    crowd(server, 500, 1)
    for (const [numWant, count] of [[-1, 0], [0, 0], [1, 1], [50, 50], [200, 200], [2 ** 31, 200]] as const) {
      const peers = Scene.peers(Scene.announce(server, { ip: Scene.v4(9_999), numWant }))
      expect(new Set(peers).size).toBe(peers.length)
      expect(peers.length).toBe(Math.min(count, MAX_NUM_WANT))
    }
  })

  it("of a seeder hears of leechers only", () => {
    const server = Scene.server()
    crowd(server, 30, 0)
    crowd(server, 3, 1, 100)
    const reply = Scene.announce(server, { ip: Scene.v4(1), leftBytes: 0 })
    expect(Scene.peers(reply).sort()).toEqual(["10.0.0.100:6881", "10.0.0.101:6881", "10.0.0.102:6881"])
    expect(reply).toMatchObject({ seeders: 30, leechers: 3 })
  })

  it("of an aria2 that starts fills spare places with seeders, for with left=0 it may have nothing yet", () => {
    const server = Scene.server()
    crowd(server, 30, 0)
    crowd(server, 3, 1, 100)
    const hosts = new Set<string>()
    for (let i = 0; i < 200; i++) {
      const start = { ip: Scene.v4(1), leftBytes: 0, event: "started", numWant: 10 } as const
      expect(Scene.peers(Scene.announce(server, start)), "any other's doesn't").toHaveLength(3)
      const reply = Scene.announce(server, { ...start, peerId: latin1("A2-1-36-0-0123456789") })
      const peers = Scene.peers(reply)
      expect(peers.slice(0, 3).sort()).toEqual(["10.0.0.100:6881", "10.0.0.101:6881", "10.0.0.102:6881"])
      expect(new Set(peers).size).toBe(10)
      for (const peer of peers) hosts.add(peer)
    }
    expect(hosts.size, "every one but itself is told of").toBe(32)
    expect(hosts.has("10.0.0.1:6881")).toBe(false)
  })
})

describe("events", () => {
  const downloads = (server: Server.Server): number => Server.scrape(server, [Scene.id(1)])[0]!.downloads

  it("count a download once for each peer that was seen downloading", () => {
    const server = Scene.server()
    Scene.announce(server, { leftBytes: 0, event: "completed" })
    expect(downloads(server), "never downloaded here").toBe(0)
    Scene.announce(server, { ip: Scene.v4(2), event: "started" })
    Scene.announce(server, { ip: Scene.v4(2), event: "completed" })
    expect(downloads(server), "something is left").toBe(0)
    for (let i = 0; i < 3; i++) {
      Scene.announce(server, { ip: Scene.v4(2), leftBytes: 0, event: "completed" })
      expect(downloads(server), "once").toBe(1)
    }
    Scene.announce(server, { ip: Scene.v4(2) })
    Scene.announce(server, { ip: Scene.v4(2), leftBytes: 0, event: "completed" })
    expect(downloads(server), "downloading again").toBe(1)
    Scene.announce(server, { ip: Scene.v4(3) })
    Scene.announce(server, { ip: Scene.v4(3), leftBytes: 0 })
    expect(downloads(server), "without the event").toBe(1)
  })

  it("that stop make a peer go, and the swarm with the last one", () => {
    const server = Scene.server()
    expect(Scene.announce(server, { event: "stopped" })).toMatchObject({ leechers: 0, seeders: 0 })
    expect(Server.stats(server).swarms).toBe(0)
    crowd(server, 2, 1)
    const reply = Scene.announce(server, { event: "stopped" })
    expect([Scene.peers(reply), reply.leechers]).toEqual([[], 1])
    expect(Scene.announce(server, { ip: Scene.v4(2), event: "stopped" })).toMatchObject({ leechers: 0 })
    expect(Server.stats(server)).toMatchObject({ swarms: 0, leechers: 0 })
  })
})

describe("intervals", () => {
  it("are spread over the last tenth, and the minimum never above", () => {
    const server = Scene.server({ intervalSeconds: 1_000, minIntervalSeconds: 950 })
    const replies = Array.from({ length: 500 }, () => Scene.announce(server))
    const told = replies.map(({ intervalSeconds }) => intervalSeconds)
    expect(Math.min(...told)).toBeGreaterThanOrEqual(1_000 * (1 - JITTER))
    expect(Math.max(...told)).toBeLessThanOrEqual(1_000)
    expect(new Set(told).size).toBeGreaterThan(90)
    for (const { intervalSeconds, minIntervalSeconds } of replies) {
      expect(minIntervalSeconds).toBe(Math.min(950, intervalSeconds))
    }
  })

  it("twice without a word make a peer go, however late it looks", () => {
    const server = Server.make({ now: 12_345.678, seed: 1, secret: Scene.SECRET })
    expect(Server.nextWake(server)).toBe(NEVER)
    Server.announce(server, 12_345.678, Scene.query(), false)
    const due = Server.nextWake(server)
    expect(due).toBe(12_345 + timeToLive(LIMITS) * SECOND)
    expect(Server.expire(server, due - 1, 10)).toBe(0)
    expect(Server.expire(server, due, 10)).toBe(1)
    expect([Server.nextWake(server), Server.stats(server).expired]).toEqual([NEVER, 1])
  })

  it("begin anew with each announce", () => {
    const server = Scene.server()
    crowd(server, 3, 1)
    Scene.announce(server, { ip: Scene.v4(2) }, 59 * MINUTE)
    expect(Server.nextWake(server)).toBe(60 * MINUTE)
    expect(Server.expire(server, 60 * MINUTE, 10)).toBe(2)
    expect(Scene.members(server, Scene.id(1))).toEqual(["10.0.0.2:6881"])
    expect(Server.nextWake(server)).toBe(119 * MINUTE)
  })

  it("end for so many peers at a time as the budget says", () => {
    const server = Scene.server()
    crowd(server, 25, 1)
    expect([10, 10, 10].map((budget) => Server.expire(server, 60 * MINUTE, budget))).toEqual([10, 10, 5])
  })

  it("stand still with a clock that steps back", () => {
    const server = Scene.server()
    Scene.announce(server, {}, 10 * MINUTE)
    Scene.announce(server, { ip: Scene.v4(2) }, 0)
    expect(Server.expire(server, 69 * MINUTE, 10)).toBe(0)
    expect(Server.expire(server, 70 * MINUTE, 10)).toBe(2)
  })
})

describe("limits", () => {
  it("of torrents refuse new ones, of either family, and leave those alone whose peers stay", () => {
    const server = Scene.server({ maxSwarms: 2 })
    for (const now of [0, 15 * MINUTE]) {
      Scene.announce(server, {}, now)
      Scene.announce(server, { ip: Scene.v6(1) }, now)
    }
    expect(Scene.refusal(server, { infoHash: Scene.id(2) })).toBe("this tracker takes no more torrents")
    Scene.announce(server, { ip: Scene.v4(2) })
    Scene.announce(server, { ip: Scene.v6(1), event: "stopped" })
    Scene.announce(server, { infoHash: Scene.id(2) })
    expect(Server.stats(server)).toMatchObject({ swarms: 2, peers4: 3, peers6: 0 })
  })

  it("of torrents let one go that has a single new peer, and never one that is alive", () => {
    const server = Scene.server({ maxSwarms: 1_000, newSwarmsPerAddress: 900 })
    const alive = Array.from({ length: 100 }, (_, i) => Scene.id(1_000_000 + i))
    // One half by being two, one by having stayed.
    for (const now of [0, 15 * MINUTE]) {
      alive.forEach((infoHash, i) => {
        const isSecond = i % 2 === 0 && now > 0
        Scene.announce(server, { infoHash, ip: Scene.v4(i), ...(isSecond ? { port: 2 } : {}) }, now)
      })
    }
    const now = 16 * MINUTE
    let refused = 0
    for (let i = 0; i < 20_000; i++) {
      const ip = Scene.v4(10_000 + (i % 50))
      if (Scene.refusal(server, { infoHash: Scene.id(i), ip, numWant: 0 }, now) !== undefined) refused++
      expect(Server.stats(server).swarms).toBeLessThanOrEqual(1_000)
    }
    expect(refused).toBe(0)
    for (const [i, infoHash] of alive.entries()) {
      expect(Scene.members(server, infoHash)).toHaveLength(i % 2 === 0 ? 2 : 1)
    }
    // A newcomer among the flood gets in.
    const reply = Scene.announce(server, { infoHash: Scene.id(-9), ip: Scene.v4(77) }, now)
    expect(reply).toMatchObject({ leechers: 1 })
  })

  it.each([{ maxPeersPerSwarm: 2 }, { maxPeers: 2 }])(
    "of peers answer newcomers without telling of them: %j",
    (limits) => {
      const server = Scene.server(limits)
      crowd(server, 2, 1)
      const reply = Scene.announce(server, { ip: Scene.v4(3) })
      expect(Scene.peers(reply).sort()).toEqual(["10.0.0.1:6881", "10.0.0.2:6881"])
      expect(Scene.members(server, Scene.id(1))).toEqual(["10.0.0.1:6881", "10.0.0.2:6881"])
      expect(Scene.peers(Scene.announce(server, { ip: Scene.v4(1) })), "known ones go on").toHaveLength(1)
    },
  )

  it("keep a million torrents of one address from costing memory", () => {
    const server = Scene.server()
    let refused = 0
    const query = Scene.query({ numWant: 0 })
    for (let i = 0; i < 1_000_000; i++) {
      new DataView(query.infoHash.buffer).setInt32(16, i)
      if (!Server.announce(server, 0, query, false).ok) refused++
    }
    expect(refused).toBe(1_000_000 - LIMITS.newSwarmsPerAddress)
    expect(Server.stats(server).swarms).toBe(LIMITS.newSwarmsPerAddress)
    // Others, and what it has already, go on as before; and so does it after a while.
    Scene.announce(server, { ip: Scene.v4(2), infoHash: Scene.id(-1) })
    Scene.announce(server, { infoHash: Scene.id(0) })
    const reason = "too many new torrents from your address, try again later"
    expect(Scene.refusal(server, { infoHash: Scene.id(-2) })).toBe(reason)
    expect(Scene.refusal(server, { infoHash: Scene.id(-2) }, timeToLive(LIMITS) * SECOND)).toBeUndefined()
  })

  it("count the peers of one address, and a /64 of IPv6 as one", () => {
    const server = Scene.server({ newPeersPerAddress: 3 })
    const ip = Scene.v6(7)
    for (let i = 1; i <= 3; i++) Scene.announce(server, { ip: ip.with(15, i) })
    const reason = "too many new peers from your address, try again later"
    expect(Scene.refusal(server, { ip: ip.with(15, 4) })).toBe(reason)
    expect(Scene.refusal(server, { ip: ip.with(15, 3) })).toBeUndefined()
    expect(Scene.refusal(server, { ip: Scene.v6(8) })).toBeUndefined()
  })

  it("let thousands of other addresses come meanwhile", () => {
    const server = Scene.server({ newSwarmsPerAddress: 20 })
    for (let i = 0; i < 40; i++) {
      Server.announce(server, 0, Scene.query({ infoHash: Scene.id(-i - 1) }), false)
    }
    let refused = 0
    for (let i = 2; i < 20_000; i++) {
      if (Scene.refusal(server, { ip: Scene.v4(i), infoHash: Scene.id(i), numWant: 0 }) !== undefined) {
        refused++
      }
    }
    expect(refused).toBeLessThanOrEqual(1)
  })
})

describe("the machine", () => {
  /** A story by a seed: mostly announces, some of them completing and stopping, scrapes and ticks. */
  const story = (seed: number): Array<ServerStep.Input> => {
    const rng = Rng.make(seed)
    let now = 0
    return Array.from({ length: 2_000 }, (_, id): ServerStep.Input => {
      now += Rng.below(rng, 20 * SECOND)
      const kind = Rng.below(rng, 20)
      if (kind === 0) return { _tag: "Tick", now }
      if (kind === 1) return { _tag: "Scrape", now, id, infoHashes: [Scene.id(Rng.below(rng, 5))] }
      const n = Rng.below(rng, 200)
      const query = Scene.query({
        infoHash: Scene.id(Rng.below(rng, 5)),
        ip: n % 3 === 0 ? Scene.v6(n) : Scene.v4(n),
        leftBytes: Rng.below(rng, 2),
        event: ([undefined, "started", "completed", "stopped"] as const)[Rng.below(rng, 4)],
      })
      return { _tag: "Announce", now, id, query, withPeerIds: kind === 2 }
    })
  }

  const play = (server: Server.Server, inputs: ReadonlyArray<ServerStep.Input>): Array<string> =>
    inputs.map((input) => Digest.digest(ServerStep.step(server, input)[1]))

  it("tells the same to twins, and a fork lives its own life", () => {
    const inputs = story(7)
    const first = Scene.server()
    const heard = play(first, inputs)
    const second = Scene.server()
    expect(play(second, inputs.slice(0, 1_000))).toEqual(heard.slice(0, 1_000))
    const fork = Server.fork(second)
    play(fork, story(8).map((input) => ({ ...input, now: input.now + 100 * MINUTE })))
    expect(play(second, inputs.slice(1_000))).toEqual(heard.slice(1_000))
    expect(Digest.digest(second)).toBe(Digest.digest(first))
  })

  it("is the same after a tick that comes before it is due", () => {
    const server = Scene.server()
    play(server, story(9))
    const due = Server.nextWake(server)
    Server.expire(server, due, Infinity)
    const [before, next] = [Digest.digest(Server.stats(server)), Server.nextWake(server)]
    expect(next).toBeGreaterThan(due)
    ServerStep.step(server, { _tag: "Tick", now: next - 1 })
    expect([Digest.digest(Server.stats(server)), Server.nextWake(server)]).toEqual([before, next])
    ServerStep.step(server, { _tag: "Tick", now: next })
    expect(Server.nextWake(server)).toBeGreaterThan(next)
  })
})
