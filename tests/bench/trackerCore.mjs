// What the tracker's core costs, without sockets: bytes a peer and nanoseconds an announce, with swarms as uneven as real ones.
//   node --expose-gc tests/bench/trackerCore.mjs [peers] [swarms]
import { register } from "node:module"
import process from "node:process"

register("./typescript.mjs", import.meta.url)
const core = (file) => import(new URL(`../../core/${file}.ts`, import.meta.url).href)
const Rng = await core("base/Rng")
const Server = await core("tracker/Server")
const ServerSnapshot = await core("tracker/ServerSnapshot")
const ServerUdp = await core("tracker/ServerUdp")
const Access = await core("tracker/Access")
const Udp = await core("tracker/Udp")

const peers = Number(process.argv[2] ?? 1_000_000)
const swarms = Number(process.argv[3] ?? 100_000)
const rng = Rng.make(1)

/** The info-hash of a swarm by its rank. */
const infoHash = (rank) => Rng.fill(Rng.make(rank), new Uint8Array(20))

/** Swarms by Zipf's law: the size is one by the rank, with one peer each at least. */
let harmonic = 0
for (let rank = 1; rank <= swarms; rank++) harmonic += 1 / rank
const scale = (peers - swarms) / harmonic
const sizeOf = (rank) => 1 + Math.round(scale / rank)

const used = () => {
  globalThis.gc?.()
  globalThis.gc?.()
  const { heapUsed, external, arrayBuffers, rss } = process.memoryUsage()
  return { inside: heapUsed + Math.max(external, arrayBuffers), rss }
}

const fill = (family) => {
  const ip = new Uint8Array(family)
  const peerId = new Uint8Array(20)
  const before = used()
  const server = Server.make({
    now: 0,
    seed: 1,
    secret: new Uint8Array(16),
    limits: { newSwarmsPerAddress: Infinity, newPeersPerAddress: Infinity },
  })
  let longestMs = 0
  const began = performance.now()
  for (let rank = 1; rank <= swarms; rank++) {
    const hash = infoHash(rank)
    for (let i = sizeOf(rank); i > 0; i--) {
      Rng.fill(rng, ip)
      const port = 1 + Rng.below(rng, 65_535)
      const leftBytes = Rng.below(rng, 2)
      const at = performance.now()
      Server.announce(
        server,
        0,
        { infoHash: hash, peerId, ip, port, leftBytes, event: "started", numWant: 0 },
        false,
      )
      longestMs = Math.max(longestMs, performance.now() - at)
    }
  }
  const seconds = (performance.now() - began) / 1_000
  const after = used()
  const stats = Server.stats(server)
  const count = stats.peers4 + stats.peers6
  console.log(
    `IPv${family === 4 ? 4 : 6}: ${count} peers in ${stats.swarms} swarms in ${seconds.toFixed(1)} s,`,
    `${((after.inside - before.inside) / count).toFixed(1)} bytes a peer`,
    `(resident ${((after.rss - before.rss) / count).toFixed(1)}), longest announce ${
      longestMs.toFixed(1)
    } ms`,
  )
  return server
}

/** Announces again and again by this many members of these swarms; the best of 100 rounds of 10,000, as others use the machine too. */
const measure = (name, server, ranks, members, numWant, run) => {
  const queries = []
  for (let i = 0; i < members; i++) {
    // New ones in the first round, known ones afterwards.
    queries.push({
      infoHash: infoHash(ranks[i % ranks.length]),
      peerId: new Uint8Array(20),
      ip: Rng.fill(rng, new Uint8Array(4)),
      port: 6881,
      leftBytes: 1,
      event: undefined,
      numWant,
    })
  }
  for (const query of queries) run(server, query)
  let best = Infinity
  for (let round = 0; round < 100; round++) {
    const began = performance.now()
    for (let i = 0; i < 10_000; i++) run(server, queries[i % members])
    best = Math.min(best, (performance.now() - began) * 1e6 / 10_000)
  }
  console.log(`${name}: ${best.toFixed(0)} ns`)
}

const announce = (server, query) => Server.announce(server, 0, query, false)

const server = fill(4)
measure("announce, 50 peers of the largest swarm", server, [1], 20_000, 50, announce)
measure("announce, 50 peers of a swarm of some 1,000", server, [Math.round(scale / 1_000)], 200, 50, announce)
measure("announce, none wanted, largest swarm", server, [1], 20_000, 0, announce)
const all = Array.from({ length: 50_000 }, (_, i) => 1 + (i * 7_919) % swarms)
measure("announce, 50 peers, swarms all over", server, all, 50_000, 50, announce)

const options = { key: new Uint8Array(16), access: Access.OPEN, trustsIp: true }
const from = new Uint8Array([127, 0, 0, 1])
const id = ServerUdp.handle(options, server, 0, Udp.encodeConnect(1), from).subarray(8, 16)
const toPacket = (query) => {
  const asked = { ...query, uploadedBytes: 0, downloadedBytes: 0, key: 0 }
  const packet = Udp.encodeAnnounce(id, 1, asked, new Uint8Array(0))
  packet.set(query.ip, 84)
  return packet
}
measure(
  "datagram to datagram, 50 peers of a swarm of some 1,000",
  server,
  [Math.round(scale / 1_000)],
  200,
  50,
  (server, query) => {
    query.packet ??= toPacket(query)
    ServerUdp.handle(options, server, 0, query.packet, from)
  },
)

let began = performance.now()
const bytes = ServerSnapshot.snapshot(server, 0)
console.log(`snapshot: ${(performance.now() - began).toFixed(0)} ms, ${bytes.length} bytes`)
began = performance.now()
const copy = Server.make({ now: 0, seed: 2, secret: new Uint8Array(16) })
console.log(
  `restore: ${ServerSnapshot.restore(copy, 0, bytes)} peers in ${(performance.now() - began).toFixed(0)} ms`,
)
began = performance.now()
const expired = Server.expire(server, 4_000_000, Infinity)
console.log(`expire: ${((performance.now() - began) * 1e6 / expired).toFixed(0)} ns a peer`)
fill(16)
