/** The tracker does what a few maps would do, whatever it is told and in which order. */
import { expect, it } from "@effect/vitest"
import * as fc from "effect/FastCheck"
import { toHex } from "../../../core/base/Bytes.ts"
import { NEVER, SECOND } from "../../../core/base/Time.ts"
import * as Server from "../../../core/tracker/Server.ts"
import * as Scene from "./ServerScene.ts"

const INTERVAL_SECONDS = 100
const TIME_TO_LIVE = 2 * INTERVAL_SECONDS
const TORRENTS = [1, 2, 3]

interface Peer {
  readonly ip: Uint8Array
  peerId: Uint8Array
  seeds: boolean
  counted: boolean
  /** In whole seconds. */
  seen: number
}

/** By endpoint. */
interface Swarm {
  readonly peers: Map<string, Peer>
  downloads: number
}

class Model {
  /** By family and torrent. */
  readonly swarms = new Map<string, Swarm>()

  swarm(ipBytes: number, torrent: number): Swarm | undefined {
    return this.swarms.get(`${ipBytes}/${torrent}`)
  }

  announce(torrent: number, query: Server.AnnounceQuery, second: number): void {
    const key = `${query.ip.length}/${torrent}`
    const endpoint = Scene.endpoint(query.ip, query.port)
    const swarm = this.swarms.get(key) ?? { peers: new Map(), downloads: 0 }
    const known = swarm.peers.get(endpoint)
    const seeds = query.leftBytes === 0
    if (query.event === "stopped") swarm.peers.delete(endpoint)
    else {
      const completes = query.event === "completed" && known?.seeds === false && seeds && !known.counted
      if (completes) swarm.downloads++
      const counted = completes || known?.counted === true
      swarm.peers.set(endpoint, { ip: query.ip, peerId: query.peerId, seeds, counted, seen: second })
    }
    if (swarm.peers.size > 0) this.swarms.set(key, swarm)
    else this.swarms.delete(key)
  }

  expire(second: number): number {
    let expired = 0
    for (const [key, { peers }] of this.swarms) {
      for (const [endpoint, { seen }] of peers) {
        if (seen + TIME_TO_LIVE <= second && peers.delete(endpoint)) expired++
      }
      if (peers.size === 0) this.swarms.delete(key)
    }
    return expired
  }

  peers(): Array<Peer> {
    return [...this.swarms.values()].flatMap(({ peers }) => [...peers.values()])
  }
}

const announce = fc.record({
  _tag: fc.constant("announce" as const),
  torrent: fc.constantFrom(...TORRENTS),
  host: fc.integer({ min: 1, max: 12 }),
  isV6: fc.boolean(),
  port: fc.constantFrom(1, 6881, 65_535),
  peerId: fc.integer({ min: 0, max: 3 }),
  leftBytes: fc.constantFrom(0, 1, 2 ** 60),
  event: fc.constantFrom("started" as const, "completed" as const, "stopped" as const, undefined, undefined),
  numWant: fc.constantFrom(0, 1, 5, 50, 200),
})
const step = fc.oneof(
  { weight: 12, arbitrary: announce },
  { weight: 2, arbitrary: fc.record({ _tag: fc.constant("pass" as const), ms: fc.nat(60 * SECOND) }) },
  { weight: 1, arbitrary: fc.record({ _tag: fc.constant("expire" as const) }) },
)

it.prop(
  "as the model",
  { seed: fc.integer(), steps: fc.array(step, { minLength: 30, maxLength: 250 }) },
  ({ seed, steps }) => {
    const server = Scene.server({ intervalSeconds: INTERVAL_SECONDS }, seed)
    const model = new Model()
    let now = 0
    for (const step of steps) {
      const second = Math.floor(now / SECOND)
      if (step._tag === "pass") now += step.ms
      else if (step._tag === "expire") {
        // With any budget: as often as needed, one at a time.
        let expired = 0
        while (Server.expire(server, now, 1) === 1) expired++
        expect(expired).toBe(model.expire(second))
      } else {
        const { torrent, host, isV6, port, leftBytes, event, numWant } = step
        const query = {
          infoHash: Scene.id(torrent),
          peerId: Scene.id(step.peerId),
          ip: isV6 ? Scene.v6(host) : Scene.v4(host),
          port,
          leftBytes,
          event,
          numWant,
        }
        const reply = Scene.announce(server, query, now)
        model.announce(torrent, query, second)
        checkReply(reply, query, model.swarm(query.ip.length, torrent))
      }
      checkWhole(server, model)
    }
    for (const torrent of TORRENTS) {
      for (const ipBytes of [4, 16] as const) {
        const endpoints = [...model.swarm(ipBytes, torrent)?.peers.keys() ?? []].sort()
        expect(Scene.members(server, Scene.id(torrent), ipBytes)).toEqual(endpoints)
      }
    }
    // Everyone goes in the end, and nothing is left of them.
    Server.expire(server, now + (TIME_TO_LIVE + 1) * SECOND, Infinity)
    expect(Server.stats(server)).toMatchObject({ swarms: 0, seeders: 0, leechers: 0, peers4: 0, peers6: 0 })
    for (const { members, peers, swarms } of [server.v4, server.v6]) {
      expect([peers.rows.chunks, swarms.chunks, ...members.sizes.map(({ chunks }) => chunks)].flat()).toEqual(
        [],
      )
    }
  },
)

const checkReply = (
  reply: Server.AnnounceReply,
  query: Server.AnnounceQuery,
  swarm: Swarm | undefined,
): void => {
  const all = [...swarm?.peers ?? []]
  const seeders = all.filter(([, { seeds }]) => seeds).length
  expect([reply.seeders, reply.leechers]).toEqual([seeders, all.length - seeders])
  const asker = Scene.endpoint(query.ip, query.port)
  // Never the asker, never a seeder to a seeder, nobody of the other family, nobody twice.
  const useful = new Map(
    all.filter(([endpoint, { seeds }]) => endpoint !== asker && !(seeds && query.leftBytes === 0)),
  )
  const told = Scene.peers(reply, query.ip.length)
  expect(told.filter((endpoint) => !useful.has(endpoint))).toEqual([])
  expect(new Set(told).size).toBe(told.length)
  expect(told.length).toBe(query.event === "stopped" ? 0 : Math.min(query.numWant, useful.size))
  expect(Scene.peerIds(reply)).toEqual(told.map((endpoint) => toHex(useful.get(endpoint)!.peerId)))
}

const checkWhole = (server: Server.Server, model: Model): void => {
  const peers = model.peers()
  const seeders = peers.filter(({ seeds }) => seeds).length
  expect(Server.stats(server)).toMatchObject({
    swarms: model.swarms.size,
    seeders,
    leechers: peers.length - seeders,
    peers4: peers.filter(({ ip }) => ip.length === 4).length,
    peers6: peers.filter(({ ip }) => ip.length === 16).length,
  })
  const entries = TORRENTS.map((torrent) => {
    const swarms = [4, 16].map((ipBytes) => model.swarm(ipBytes, torrent)).filter((one) => one !== undefined)
    const all = swarms.flatMap(({ peers }) => [...peers.values()])
    const seeders = all.filter(({ seeds }) => seeds).length
    return {
      seeders,
      leechers: all.length - seeders,
      downloads: swarms.reduce((sum, { downloads }) => sum + downloads, 0),
    }
  })
  expect(Server.scrape(server, TORRENTS.map(Scene.id))).toEqual(entries)
  const oldest = Math.min(...peers.map(({ seen }) => seen))
  expect(Server.nextWake(server)).toBe(peers.length === 0 ? NEVER : (oldest + TIME_TO_LIVE) * SECOND)
}
