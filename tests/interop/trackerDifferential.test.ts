/**
 * The same announces and scrapes to shoal, to opentracker and to npm's bittorrent-tracker, over HTTP and UDP: whoever
 * changes from one to the other notices nothing. Intervals may differ, and which peers of many are chosen.
 */
import { Buffer } from "node:buffer"
import { createSocket, type Socket } from "node:dgram"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import * as Rng from "../../core/base/Rng.ts"
import type * as Bencode from "../support/Bencode.ts"
import * as Http from "../support/Http.ts"
import * as NpmTracker from "../support/NpmTracker.ts"
import * as Shoal from "../support/Shoal.ts"
import * as Tracker from "../support/Tracker.ts"

// Without bytes above 7f: bittorrent-tracker 11.2.3 writes the keys of an HTTP scrape as UTF-8, and these become two.
const HASH = "5e21".repeat(10)
const OTHER_HASH = "0ce4".repeat(10)

interface Announce {
  /** Says who it is: its port and its peer id. */
  readonly peer: number
  readonly event: "" | "started" | "completed" | "stopped"
  readonly left: number
  readonly numWant: number
}

/** What every tracker says in some way. */
interface Answer {
  readonly seeders: number
  readonly leechers: number
  /** Ports of the others, sorted. */
  readonly peers: ReadonlyArray<number>
}

interface Contestant {
  readonly name: string
  readonly http: string
  readonly udpPort: number
  readonly stop: () => Promise<void>
}

const portOf = (peer: number): number => 10_000 + peer
const peerIdOf = (peer: number): string => `-XX0001-${String(peer).padStart(12, "0")}`
const escape = (hex: string): string => hex.replace(/../g, "%$&")

const startShoal = async (): Promise<Contestant> => {
  const run = Shoal.start([
    ...["tracker", "--json", "--host", "127.0.0.1", "--http-port", "0", "--udp-port", "0"],
  ])
  const { http, udp } = await run.event("listening")
  return { name: "shoal", http: String(http), udpPort: Number(new URL(String(udp)).port), stop: run.stop }
}

const startOpenTracker = async (): Promise<Contestant> => {
  const tracker = await Tracker.openTracker([HASH, OTHER_HASH])
  return {
    name: "opentracker",
    http: tracker.http,
    udpPort: Number(new URL(tracker.http).port),
    stop: tracker.stop,
  }
}

const startNpm = async (): Promise<Contestant> => {
  const { httpPort, stop, udpPort } = await NpmTracker.start()
  return { name: "bittorrent-tracker", http: `http://127.0.0.1:${httpPort}/announce`, udpPort, stop }
}

const missing = Tracker.openTrackerMissing() ?? NpmTracker.missing()
let contestants: ReadonlyArray<Contestant> = []
let socket: Socket
const packets = new Map<number, (packet: Buffer) => void>()

beforeAll(async () => {
  if (missing === undefined) contestants = await Promise.all([startShoal(), startNpm(), startOpenTracker()])
  socket = createSocket("udp4")
  socket.on("message", (packet) => packets.get(packet.readUInt32BE(4))?.(packet))
  await new Promise<void>((resolve) => socket.bind(0, "127.0.0.1", resolve))
})
afterAll(async () => {
  socket.close()
  await Promise.all(contestants.map(({ stop }) => stop()))
})

/** The ports of compact peers; all of them are on this machine. */
const portsOf = (compact: Buffer): ReadonlyArray<number> => {
  expect(compact.length % 6).toBe(0)
  return Array.from({ length: compact.length / 6 }, (_, i) => {
    expect([...compact.subarray(i * 6, i * 6 + 4)]).toEqual([127, 0, 0, 1])
    return compact.readUInt16BE(i * 6 + 4)
  })
}

/** Some trackers tell the asker of itself, or of a peer twice; no client minds. */
const others = (ports: ReadonlyArray<number>, asker: number): ReadonlyArray<number> =>
  [...new Set(ports)].filter((port) => port !== portOf(asker)).sort((a, b) => a - b)

const announceUrl = (at: Contestant, hash: string, { event, left, numWant, peer }: Announce): string =>
  `${at.http}?info_hash=${escape(hash)}&peer_id=${peerIdOf(peer)}&port=${portOf(peer)}&uploaded=0` +
  `&downloaded=0&left=${left}&compact=1&numwant=${numWant}${event === "" ? "" : `&event=${event}`}`

const overHttp = {
  announce: async (at: Contestant, hash: string, announce: Announce): Promise<Answer> => {
    const reply = await Http.getDict(announceUrl(at, hash, announce))
    for (const key of ["complete", "incomplete", "interval", "peers"]) {
      expect(reply, `${at.name}: ${key}`).toHaveProperty(key)
    }
    expect(reply["interval"]).toBeGreaterThan(0)
    return {
      seeders: reply["complete"] as number,
      leechers: reply["incomplete"] as number,
      peers: others(portsOf(reply["peers"] as Buffer), announce.peer),
    }
  },
  scrape: async (at: Contestant, hashes: ReadonlyArray<string>) => {
    const query = hashes.map((hash) => `info_hash=${escape(hash)}`).join("&")
    const reply = await Http.getDict(`${at.http.replace("announce", "scrape")}?${query}`)
    const files = reply["files"] as Record<string, Bencode.Dict>
    return hashes.map((hash) => {
      // opentracker leaves out what nobody is in
      const entry = files[Buffer.from(hash, "hex").toString("latin1")] ?? {}
      return {
        seeders: entry["complete"] ?? 0,
        leechers: entry["incomplete"] ?? 0,
        downloads: entry["downloaded"] ?? 0,
      }
    })
  },
}

let transaction = 1

/** One packet there and one back; asked again if it gets lost. */
const exchange = async (
  at: Contestant,
  action: number,
  connection: Buffer,
  body: Buffer,
): Promise<Buffer> => {
  const id = transaction++
  const head = Buffer.alloc(16)
  connection.copy(head)
  head.writeUInt32BE(action, 8)
  head.writeUInt32BE(id, 12)
  const packet = Buffer.concat([head, body])
  const reply = await new Promise<Buffer>((resolve, reject) => {
    const ask = (): void => socket.send(packet, at.udpPort, "127.0.0.1")
    const again = setInterval(ask, 1_000)
    const late = setTimeout(() => {
      clearInterval(again)
      reject(new Error(`${at.name} does not answer over UDP`))
    }, 10_000)
    packets.set(id, (packet) => {
      clearInterval(again)
      clearTimeout(late)
      packets.delete(id)
      resolve(packet)
    })
    ask()
  })
  expect(reply.readUInt32BE(0), `${at.name}: ${reply.toString("latin1", 8)}`).toBe(action)
  return reply
}

const connect = async (at: Contestant): Promise<Buffer> =>
  (await exchange(at, 0, Buffer.from("0000041727101980", "hex"), Buffer.alloc(0))).subarray(8, 16)

const EVENTS = ["", "completed", "started", "stopped"]

const overUdp: typeof overHttp = {
  announce: async (at, hash, { event, left, numWant, peer }) => {
    const body = Buffer.alloc(82)
    body.write(hash, 0, "hex")
    body.write(peerIdOf(peer), 20, "latin1")
    body.writeBigUInt64BE(BigInt(left), 48)
    body.writeUInt32BE(EVENTS.indexOf(event), 64)
    body.writeInt32BE(numWant, 76)
    body.writeUInt16BE(portOf(peer), 80)
    const reply = await exchange(at, 1, await connect(at), body)
    expect(reply.readUInt32BE(8)).toBeGreaterThan(0)
    return {
      leechers: reply.readUInt32BE(12),
      seeders: reply.readUInt32BE(16),
      peers: others(portsOf(reply.subarray(20)), peer),
    }
  },
  scrape: async (at, hashes) => {
    const reply = await exchange(at, 2, await connect(at), Buffer.from(hashes.join(""), "hex"))
    expect(reply.length).toBe(8 + 12 * hashes.length)
    return hashes.map((_, i) => ({
      seeders: reply.readUInt32BE(8 + 12 * i),
      downloads: reply.readUInt32BE(12 + 12 * i),
      leechers: reply.readUInt32BE(16 + 12 * i),
    }))
  },
}

/** What one peer knows of the swarm, for a model of who is in it. */
type Swarm = Map<number, "seeder" | "leecher">

const seedersOf = (swarm: Swarm): number => [...swarm.values()].filter((kind) => kind === "seeder").length

/** A swarm's life: joining, going on, completing, leaving, in an order that `seed` decides. */
const story = (seed: number, length: number): ReadonlyArray<Announce> => {
  const rng = Rng.make(seed)
  const swarm: Swarm = new Map()
  return Array.from({ length }, (): Announce => {
    const peer = Rng.below(rng, 12)
    const numWant = 50
    const kind = swarm.get(peer)
    if (kind === undefined) {
      const seeds = Rng.below(rng, 3) === 0
      swarm.set(peer, seeds ? "seeder" : "leecher")
      return { peer, event: "started", left: seeds ? 0 : 1_000, numWant }
    }
    const dice = Rng.below(rng, 4)
    if (dice === 0) {
      swarm.delete(peer)
      return { peer, event: "stopped", left: kind === "seeder" ? 0 : 500, numWant: 0 }
    }
    if (dice === 1 && kind === "leecher") {
      swarm.set(peer, "seeder")
      return { peer, event: "completed", left: 0, numWant }
    }
    return { peer, event: "", left: kind === "seeder" ? 0 : 500, numWant }
  })
}

const follow = (swarm: Swarm, { event, left, peer }: Announce): void => {
  if (event === "stopped") swarm.delete(peer)
  else swarm.set(peer, left === 0 ? "seeder" : "leecher")
}

describe.each([["http", overHttp, HASH], ["udp", overUdp, OTHER_HASH]] as const)(
  "over %s",
  (_, over, hash) => {
    test("all tell the same counts and peers after every announce, and the same scrape", async (context) => {
      if (missing !== undefined) return context.skip(missing)
      const swarm: Swarm = new Map()
      let downloads = 0
      for (const [step, announce] of story(hash === HASH ? 1 : 2, 120).entries()) {
        follow(swarm, announce)
        if (announce.event === "completed") downloads++
        const seeders = seedersOf(swarm)
        const leechers = swarm.size - seeders
        const strangers = [...swarm.keys()].filter((peer) => peer !== announce.peer)
        const leeching = strangers.filter((peer) => swarm.get(peer) === "leecher").map(portOf)
        for (const at of contestants) {
          const where = `${at.name}, step ${step}: ${JSON.stringify(announce)}`
          const answer = await over.announce(at, hash, announce)
          // opentracker answers who leaves with what was before
          if (announce.event !== "stopped") {
            expect(answer, where).toMatchObject({ seeders, leechers })
            expect(answer.peers, where).toEqual(expect.arrayContaining(leeching))
            // seeders have nothing for each other, so that a tracker need not tell one of another
            const wanted = announce.left > 0 ? strangers.map(portOf).sort((a, b) => a - b) : answer.peers
            expect(answer.peers, where).toEqual(wanted)
          }
        }
        if (step % 10 !== 9) continue
        for (const at of contestants) {
          const [entry, nobody] = await over.scrape(at, [hash, "ff".repeat(20)])
          expect(entry, at.name).toMatchObject({ seeders, leechers })
          expect(nobody, at.name).toMatchObject({ seeders: 0, leechers: 0 })
          // npm's counts who is a seeder now
          if (at.name !== "bittorrent-tracker") expect(entry!.downloads, at.name).toBe(downloads)
        }
      }
      expect(swarm.size).toBeGreaterThan(3)
      expect(downloads).toBeGreaterThan(1)
    })
  },
)

test("all refuse what is no announce", async (context) => {
  if (missing !== undefined) return context.skip(missing)
  const good = (at: Contestant) => announceUrl(at, HASH, { peer: 99, event: "", left: 1, numWant: 5 })
  const spoiled: ReadonlyArray<readonly [string, (url: string) => string]> = [
    ["no info_hash", (url) => url.replace(/info_hash=[^&]*&/, "")],
    ["an info_hash of 19 bytes", (url) => url.replace(/%..&peer_id/, "&peer_id")],
    ["no port", (url) => url.replace(/&port=\d+/, "")],
    ["port 0", (url) => url.replace(/&port=\d+/, "&port=0")],
  ]
  for (const [what, spoil] of spoiled) {
    for (const at of contestants) {
      // opentracker takes these two for an announce whose answer reaches nobody
      if (at.name === "opentracker" && what.includes("port")) continue
      const response = await Http.get(spoil(good(at)))
      const body = Buffer.from(await response.arrayBuffer()).toString("latin1")
      const refused = response.status >= 400 || body.includes("14:failure reason")
      expect(refused, `${at.name}, ${what}: ${response.status} ${body}`).toBe(true)
    }
  }
})

test("shoal tells no more than the others in the bytes that clients read", async () => {
  const shoal = contestants.find(({ name }) => name === "shoal")!
  const reply = await Http.getDict(
    announceUrl(shoal, "aa".repeat(20), { peer: 1, event: "", left: 1, numWant: 5 }),
  )
  const known = ["complete", "external ip", "incomplete", "interval", "min interval", "peers"]
  expect(Object.keys(reply).sort()).toEqual(known)
})
