// What the core needs for each peer: fills the built machine with as many as it is told, in a process of its own, and
// prints what it took as JSON. Arguments: peers, swarms, 4 or 6.
import process from "node:process"
import * as Server from "../../../dist/core/tracker/Server.js"

const [peers, swarms, family] = process.argv.slice(2).map(Number)
const settle = () => {
  for (let i = 0; i < 4; i++) globalThis.gc()
  return process.memoryUsage()
}
const total = ({ arrayBuffers, external, heapUsed }) => heapUsed + Math.max(external, arrayBuffers)

const limits = {
  maxSwarms: Infinity,
  maxPeers: Infinity,
  newPeersPerAddress: Infinity,
  newSwarmsPerAddress: Infinity,
}
const server = Server.make({ now: 0, seed: 1, secret: new Uint8Array(8).fill(7), limits })
const infoHash = new Uint8Array(20)
const hashes = new DataView(infoHash.buffer)
const ip = new Uint8Array(family === 6 ? 16 : 4)
const ips = new DataView(ip.buffer)
const peerId = new Uint8Array(20)
const ids = new DataView(peerId.buffer)
const announce = (peer, swarm, numWant) => {
  // Multiplied by the golden ratio, so that hashes look like hashes.
  for (let i = 0; i < 20; i += 4) hashes.setUint32(i, Math.imul(swarm * 5 + i + 1, 0x9e3779b1) >>> 0)
  ips.setUint32(ip.length - 4, peer)
  ids.setUint32(0, peer)
  const query = { infoHash, peerId, ip, port: 6881, leftBytes: peer % 4, event: undefined, numWant }
  const result = Server.announce(server, 0, query, false)
  if (!result.ok) throw new Error(result.error)
}

// A first one, so that what is compiled and allocated once does not count.
announce(0, 0, 0)
const before = settle()
let started = performance.now()
for (let peer = 1; peer <= peers; peer++) announce(peer, peer % swarms, 0)
const fillSeconds = (performance.now() - started) / 1000
const after = settle()

const rounds = Math.min(peers, 1_000_000)
started = performance.now()
for (let i = 0; i < rounds; i++) {
  const peer = 1 + (i * 7919) % peers
  announce(peer, peer % swarms, 50)
}
const announceMicros = (performance.now() - started) * 1000 / rounds
const stats = Server.stats(server)
console.log(JSON.stringify({
  peers: stats.peers4 + stats.peers6,
  swarms: stats.swarms,
  bytesPerPeer: (total(after) - total(before)) / peers,
  residentBytes: after.rss,
  fillMicros: fillSeconds * 1e6 / peers,
  announceMicros,
}))
