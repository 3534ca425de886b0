import { it } from "@effect/vitest"
import * as fc from "effect/FastCheck"
import { describe, expect } from "vitest"
import * as Bytes from "../../../core/base/Bytes.ts"
import { clone } from "../../../core/base/Clone.ts"
import { digest } from "../../../core/base/Digest.ts"
import * as Rng from "../../../core/base/Rng.ts"
import { MINUTE, NEVER } from "../../../core/base/Time.ts"
import * as Compact from "../../../core/dht/Compact.ts"
import * as Filters from "../../../core/dht/Filters.ts"
import {
  MAX_PEERS_PER_ADDRESS,
  MAX_PEERS_PER_TORRENT,
  MAX_PORTS_PER_ADDRESS,
  MAX_TORRENTS,
  PEER_LIFETIME_MS,
} from "../../../core/dht/Limits.ts"
import * as PeerStore from "../../../core/dht/PeerStore.ts"

const hash = (n: number): Bytes.Bytes => {
  const bytes = new Uint8Array(20)
  new DataView(bytes.buffer).setUint32(0, n)
  return bytes
}

const peer = (host: string, port = 6_881): Bytes.Bytes => Compact.fromAddress({ host, port })!
/** A public address for every number below 2^24. */
const host = (n: number): string => `${20 + (n >> 16 & 63)}.${n >> 8 & 255}.${n & 255}.7`

const rng = Rng.make(1)

/** What the store gives of a torrent, as text, in order. */
const all = (
  store: PeerStore.PeerStore,
  infoHash: Bytes.Bytes,
  family: Compact.Family = "ipv4",
  withoutSeeds = false,
): ReadonlyArray<string> | undefined =>
  PeerStore.sample(store, infoHash, 1_000, Rng.make(1), family, withoutSeeds)?.map(Bytes.toHex).sort()

const texts = (peers: ReadonlyArray<Bytes.Bytes>): ReadonlyArray<string> => peers.map(Bytes.toHex).sort()

describe("what was announced", () => {
  it("is found by its torrent and family", () => {
    const store = PeerStore.make()
    const [a, b, c] = [peer("1.2.3.4"), peer("5.6.7.8", 1), peer("2001:db8::1")]
    for (const one of [a, b, c]) expect(PeerStore.announce(store, hash(1), one, false, 0, rng)).toBe(true)
    PeerStore.announce(store, hash(2), a, false, 0, rng)
    expect(all(store, hash(1))).toEqual(texts([a, b]))
    expect(all(store, hash(1), "ipv6")).toEqual(texts([c]))
    expect(all(store, hash(2))).toEqual(texts([a]))
    expect(all(store, hash(2), "ipv6")).toBeUndefined()
    expect(all(store, hash(3))).toBeUndefined()
    expect(store.peers).toBe(4)
    expect(PeerStore.torrentCount(store)).toBe(2)
  })

  it("is one peer however often it comes, and a seed when it last said so", () => {
    const store = PeerStore.make()
    const a = peer("1.2.3.4")
    PeerStore.announce(store, hash(1), a, true, 0, rng)
    expect(all(store, hash(1), "ipv4", true)).toEqual([])
    PeerStore.announce(store, hash(1), a, false, 1, rng)
    expect(all(store, hash(1), "ipv4", true)).toEqual(texts([a]))
    PeerStore.announce(store, hash(1), a, true, 2, rng)
    expect(all(store, hash(1), "ipv4", true)).toEqual([])
    expect(all(store, hash(1))).toEqual(texts([a]))
    expect(store.peers).toBe(1)
  })

  it("is copied: packets go", () => {
    const store = PeerStore.make()
    const infoHash = hash(1)
    const a = peer("1.2.3.4")
    PeerStore.announce(store, infoHash, a, false, 0, rng)
    const before = a.slice()
    a.fill(0)
    infoHash.fill(9)
    expect(all(store, hash(1))).toEqual(texts([before]))
    expect(PeerStore.infoHashAt(store, 0)).toEqual(hash(1))
  })

  it("is given out a few at a time, all of them equally often", () => {
    const store = PeerStore.make()
    const peers = Array.from({ length: 10 }, (_, i) => peer(host(i)))
    for (const one of peers) PeerStore.announce(store, hash(1), one, false, 0, rng)
    const counts = new Map<string, number>()
    const firsts = new Map<string, number>()
    for (let i = 0; i < 3_000; i++) {
      const drawn = PeerStore.sample(store, hash(1), 3, rng, "ipv4")!.map(Bytes.toHex)
      expect(new Set(drawn).size).toBe(3)
      for (const one of drawn) counts.set(one, (counts.get(one) ?? 0) + 1)
      firsts.set(drawn[0]!, (firsts.get(drawn[0]!) ?? 0) + 1)
    }
    // 900 and 300 expected, with standard deviations of 25 and 16.
    for (const one of texts(peers)) {
      expect(Math.abs(counts.get(one)! - 900)).toBeLessThan(150)
      expect(Math.abs(firsts.get(one)! - 300)).toBeLessThan(100)
    }
  })
})

describe("time", () => {
  it("forgets a peer half an hour after its last announce", () => {
    const store = PeerStore.make()
    const [a, b] = [peer("1.2.3.4"), peer("5.6.7.8")]
    PeerStore.announce(store, hash(1), a, false, 0, rng)
    PeerStore.announce(store, hash(1), b, false, 0, rng)
    PeerStore.announce(store, hash(1), a, false, 10 * MINUTE, rng)
    expect(PeerStore.nextExpiry(store)).toBe(PEER_LIFETIME_MS)
    PeerStore.expire(store, PEER_LIFETIME_MS - 1)
    expect(all(store, hash(1))).toEqual(texts([a, b]))
    PeerStore.expire(store, PEER_LIFETIME_MS)
    expect(all(store, hash(1))).toEqual(texts([a]))
    expect(PeerStore.nextExpiry(store)).toBe(10 * MINUTE + PEER_LIFETIME_MS)
    PeerStore.expire(store, 10 * MINUTE + PEER_LIFETIME_MS)
    expect(all(store, hash(1))).toBeUndefined()
    expect(PeerStore.nextExpiry(store)).toBe(NEVER)
    expect({ ...store, sweptAt: 0, oldestSeconds: 0 }).toEqual({
      ...PeerStore.make(),
      sweptAt: 0,
      oldestSeconds: 0,
    })
  })

  it("is looked at no more than once a minute, and not before it is time", () => {
    const store = PeerStore.make()
    for (let i = 0; i < 100; i++) {
      PeerStore.announce(store, hash(i), peer(host(i)), false, i * 1_000, rng)
    }
    PeerStore.expire(store, PEER_LIFETIME_MS)
    expect(store.peers).toBe(99)
    expect(PeerStore.nextExpiry(store)).toBe(PEER_LIFETIME_MS + MINUTE)
    const before = digest(store)
    PeerStore.expire(store, PEER_LIFETIME_MS + MINUTE - 1)
    expect(digest(store)).toBe(before)
    PeerStore.expire(store, PEER_LIFETIME_MS + MINUTE)
    expect(store.peers).toBe(39)
  })
})

describe("filters (BEP 33)", () => {
  it("are of seeds and of the others, by address", () => {
    const store = PeerStore.make()
    const seeds = Filters.make()
    const peers = Filters.make()
    for (let i = 0; i < 40; i++) {
      PeerStore.announce(store, hash(1), peer(host(i)), i % 4 === 0, 0, rng)
      PeerStore.announce(store, hash(1), peer(host(i), 1), i % 4 === 0, 0, rng)
      Filters.add(i % 4 === 0 ? seeds : peers, peer(host(i)).subarray(0, 4))
    }
    expect(PeerStore.filters(store, hash(1), "ipv4")).toEqual({ seeds, peers })
    expect(PeerStore.filters(store, hash(1), "ipv6")).toBeUndefined()
  })

  it("are of all 16 bytes of an IPv6 address", () => {
    const store = PeerStore.make()
    const peers = Filters.make()
    for (let i = 1; i < 30; i++) {
      const one = peer(`2001:db8::${i}`)
      PeerStore.announce(store, hash(1), one, false, 0, rng)
      Filters.add(peers, one.subarray(0, 16))
    }
    expect(PeerStore.filters(store, hash(1), "ipv6")).toEqual({ seeds: Filters.make(), peers })
  })
})

describe("limits", () => {
  it("give an address a few ports in a torrent, the latest ones", () => {
    const store = PeerStore.make()
    const ports = Array.from({ length: MAX_PORTS_PER_ADDRESS + 3 }, (_, i) => peer("1.2.3.4", i + 1))
    ports.forEach((one, i) =>
      expect(PeerStore.announce(store, hash(1), one, false, i * 1_000, rng)).toBe(true)
    )
    expect(all(store, hash(1))).toEqual(texts(ports.slice(3)))
    expect(store.peers).toBe(MAX_PORTS_PER_ADDRESS)
  })

  it("give an address a share of the store", () => {
    const store = PeerStore.make()
    for (let i = 0; i < MAX_PEERS_PER_ADDRESS; i++) {
      expect(PeerStore.announce(store, hash(i), peer("1.2.3.4"), false, 0, rng)).toBe(true)
    }
    const before = digest(store)
    expect(PeerStore.announce(store, hash(1_000), peer("1.2.3.4"), false, 0, rng)).toBe(false)
    expect(digest(store)).toBe(before)
    expect(PeerStore.announce(store, hash(1_000), peer("1.2.3.5"), false, 0, rng)).toBe(true)
    // What it has already, it may renew, and what has gone, it may replace.
    expect(PeerStore.announce(store, hash(3), peer("1.2.3.4"), true, MINUTE, rng)).toBe(true)
    PeerStore.expire(store, PEER_LIFETIME_MS)
    expect(PeerStore.announce(store, hash(1_000), peer("1.2.3.4"), false, PEER_LIFETIME_MS, rng)).toBe(true)
  })

  it("take all addresses of an IPv6 customer for one", () => {
    const store = PeerStore.make()
    for (let i = 0; i < MAX_PEERS_PER_ADDRESS; i++) {
      PeerStore.announce(store, hash(1), peer(`2001:db8:0:1::${(i + 1).toString(16)}`), false, 0, rng)
    }
    expect(PeerStore.announce(store, hash(2), peer("2001:db8:0:1::ffff"), false, 0, rng)).toBe(false)
    expect(PeerStore.announce(store, hash(2), peer("2001:db8:0:2::1"), false, 0, rng)).toBe(true)
  })

  it("are none for a local network", () => {
    const store = PeerStore.make()
    for (let i = 1; i <= MAX_PEERS_PER_ADDRESS + 50; i++) {
      expect(PeerStore.announce(store, hash(1), peer("127.0.0.1", i), false, 0, rng)).toBe(true)
    }
    expect(all(store, hash(1))!.length).toBe(MAX_PEERS_PER_ADDRESS + 50)
  })

  it("let chance decide who leaves a full torrent", () => {
    const store = PeerStore.make()
    for (let i = 0; i < 2 * MAX_PEERS_PER_TORRENT; i++) {
      PeerStore.announce(store, hash(1), peer(host(i)), false, 0, rng)
      if (i === MAX_PEERS_PER_TORRENT) expect(all(store, hash(1))).toContain(Bytes.toHex(peer(host(i))))
    }
    const left = new Set(all(store, hash(1)))
    expect(left.size).toBe(MAX_PEERS_PER_TORRENT)
    const old = Array.from({ length: MAX_PEERS_PER_TORRENT }, (_, i) => Bytes.toHex(peer(host(i))))
      .filter((one) => left.has(one)).length
    // (1 - 1/500)^500 of the first 500: 184, with a standard deviation of some 10.
    expect(old).toBeGreaterThan(130)
    expect(old).toBeLessThan(240)
  })

  it("let small torrents go first", () => {
    const store = PeerStore.make()
    for (let i = 0; i < 100; i++) PeerStore.announce(store, hash(0), peer(host(i)), false, 0, rng)
    for (let i = 1; i <= 2 * MAX_TORRENTS; i++) {
      PeerStore.announce(store, hash(i), peer(host(i * 3)), false, 0, rng)
    }
    expect(PeerStore.torrentCount(store)).toBe(MAX_TORRENTS)
    expect(all(store, hash(0))!.length).toBe(100)
    expect(all(store, hash(2 * MAX_TORRENTS))).toBeDefined()
  })
})

describe("any history", () => {
  const action = fc.record({
    torrent: fc.nat({ max: 5 }),
    host: fc.constantFrom("1.2.3.4", "1.2.3.5", "9.9.9.9", "127.0.0.1", "2001:db8::1", "2001:db8::2", "::1"),
    port: fc.integer({ min: 1, max: 6 }),
    isSeed: fc.boolean(),
    waitMs: fc.oneof(fc.constant(0), fc.nat({ max: 20 * MINUTE })),
  })

  it.prop("is what a simple table remembers, and is forgotten", [fc.array(action, { maxLength: 80 })], ([
    actions,
  ]) => {
    const store = PeerStore.make()
    /** By torrent and compact address: when, and whether it seeds. */
    const model = new Map<string, { torrent: number; peer: Bytes.Bytes; at: number; isSeed: boolean }>()
    let now = 0
    for (const { host, isSeed, port, torrent, waitMs } of actions) {
      now += waitMs
      const sweeps = now >= PeerStore.nextExpiry(store)
      PeerStore.expire(store, now)
      const seconds = (ms: number) => Math.floor(ms / 1_000)
      for (const [key, { at }] of model) {
        if (sweeps && seconds(now) - seconds(at) >= PEER_LIFETIME_MS / 1_000) model.delete(key)
      }
      const one = peer(host, port)
      const key = `${torrent} ${Bytes.toHex(one)}`
      const others = [...model].filter(([, { peer, torrent: of }]) =>
        of === torrent && Bytes.equals(peer.subarray(0, -2), one.subarray(0, -2))
      )
      const isLocal = host === "127.0.0.1" || host === "::1"
      if (!isLocal && !model.has(key) && others.length >= MAX_PORTS_PER_ADDRESS) {
        const oldest = Math.min(...others.map(([, { at }]) => seconds(at)))
        // Of those of the same second, any may have gone.
        const gone = others.filter(([, { at }]) => seconds(at) === oldest)
        PeerStore.announce(store, hash(torrent), one, isSeed, now, rng)
        const left = new Set(all(store, hash(torrent), Compact.familyOf(one)))
        const missing = gone.filter(([, { peer }]) => !left.has(Bytes.toHex(peer)))
        expect(missing.length).toBe(1)
        model.delete(missing[0]![0])
      } else expect(PeerStore.announce(store, hash(torrent), one, isSeed, now, rng)).toBe(true)
      model.set(key, { torrent, peer: one, at: now, isSeed })

      expect(store.peers).toBe(model.size)
      for (let t = 0; t <= 5; t++) {
        for (const family of ["ipv4", "ipv6"] as const) {
          const of = [...model.values()].filter(({ peer, torrent }) =>
            torrent === t && Compact.familyOf(peer) === family
          )
          expect(all(store, hash(t), family) ?? []).toEqual(texts(of.map(({ peer }) => peer)))
          expect(all(store, hash(t), family, true) ?? []).toEqual(
            texts(of.filter(({ isSeed }) => !isSeed).map(({ peer }) => peer)),
          )
        }
      }
      expect([...store.byAddress.values()].reduce((a, b) => a + b, 0)).toBe(store.peers)
    }
    const fork = clone(store)
    PeerStore.expire(store, Math.max(PeerStore.nextExpiry(store), now + 2 * PEER_LIFETIME_MS))
    expect(store.peers).toBe(0)
    expect(store.byAddress.size).toBe(0)
    expect(PeerStore.torrentCount(store)).toBe(0)
    expect(fork.peers).toBe(model.size)
  })
})
