/** Who announces what: a population of peers in swarms as uneven as real ones, the same for every tracker and run. */
import * as Rng from "../../../core/base/Rng.ts"

export interface WorkloadOptions {
  readonly swarms: number
  readonly peers: number
  /** Source addresses that the peers come from: 127.0.1.1 and so on. */
  readonly addresses: number
  readonly seed: number
}

export interface Workload extends WorkloadOptions {
  /** Of each peer: its swarm, its address, its port, what it has left. */
  readonly swarmOf: Uint32Array
  readonly addressOf: Uint8Array
  readonly portOf: Uint16Array
  readonly leftOf: Uint8Array
}

/** One peer in four has everything. */
const SEEDERS = 0.25

/** Peers of the n-th largest swarm are as 1/n (Zipf), but every swarm has one. */
export const make = (options: WorkloadOptions): Workload => {
  const { addresses, peers, seed, swarms } = options
  const rng = Rng.make(seed)
  const sums = new Float64Array(swarms)
  let sum = 0
  for (let i = 0; i < swarms; i++) sums[i] = sum += 1 / (i + 1)
  const swarmOf = new Uint32Array(peers)
  const addressOf = new Uint8Array(peers)
  const portOf = new Uint16Array(peers)
  const leftOf = new Uint8Array(peers)
  for (let i = 0; i < peers; i++) {
    swarmOf[i] = i < swarms ? i : find(sums, (Rng.next(rng) / 2 ** 32) * sum)
    addressOf[i] = i % addresses
    // No two peers have the same address and port: that would be one peer to most trackers.
    portOf[i] = 1024 + Math.floor(i / addresses) % 64_000
    leftOf[i] = Rng.next(rng) / 2 ** 32 < SEEDERS ? 0 : 1
  }
  return { ...options, swarmOf, addressOf, portOf, leftOf }
}

/** The first sum above `value`. */
const find = (sums: Float64Array, value: number): number => {
  let low = 0
  let high = sums.length - 1
  while (low < high) {
    const middle = (low + high) >> 1
    if (sums[middle]! > value) high = middle
    else low = middle + 1
  }
  return low
}

/** The info-hash of a swarm: 20 bytes that look like a hash. */
export const infoHash = (swarm: number): Uint8Array => Rng.fill(Rng.make(swarm + 1), new Uint8Array(20))

/** The id of a peer, 20 bytes. */
export const peerId = (peer: number): string => `-LG0001-${String(peer).padStart(12, "0")}`

/** The source address with this number. */
export const address = (number: number): string => `127.0.1.${number + 1}`
