import { describe, expect, it } from "@effect/vitest"
import * as fc from "effect/FastCheck"
import type { Address } from "../../../core/base/Address.ts"
import * as Clone from "../../../core/base/Clone.ts"
import * as Rng from "../../../core/base/Rng.ts"
import { NEVER } from "../../../core/base/Time.ts"
import * as Candidates from "../../../core/torrent/Candidates.ts"
import { isDialable } from "../../../core/torrent/Dialable.ts"
import * as PeerPriority from "../../../core/torrent/PeerPriority.ts"

const rng = Rng.make(1)
const at = (host: string, port = 6881): Address => ({ host, port })
/** A different host for each number. */
const host = (n: number): Address => at(`10.${n >> 16}.${(n >> 8) & 255}.${n & 255}`)

const of = (...entries: ReadonlyArray<readonly [Address, Candidates.Source]>): Candidates.Candidates => {
  const candidates = Candidates.make()
  for (const [address, source] of entries) Candidates.add(candidates, address, source, rng)
  return candidates
}

/** Everything that may be dialled at `now`, in order; all of it is being connected afterwards. */
const dialAll = (candidates: Candidates.Candidates, now: number): Array<Address> => {
  const dialled: Array<Address> = []
  for (;;) {
    const address = Candidates.next(candidates, now)
    if (address === undefined) return dialled
    Candidates.connecting(candidates, address)
    dialled.push(address)
  }
}

describe("Candidates", () => {
  it("know nobody to begin with", () => {
    expect(Candidates.next(Candidates.make(), 0)).toBeUndefined()
    expect(Candidates.nextDialAt(Candidates.make(), 0)).toBe(NEVER)
  })

  it("offer an address until it is being dialled", () => {
    const candidates = of([host(1), "tracker"])
    expect(Candidates.nextDialAt(candidates, 5)).toBe(5)
    expect(Candidates.next(candidates, 5)).toEqual(host(1))
    expect(Candidates.next(candidates, 5)).toEqual(host(1))
    Candidates.connecting(candidates, host(1))
    expect(Candidates.next(candidates, 5)).toBeUndefined()
    expect(Candidates.nextDialAt(candidates, 5)).toBe(NEVER)
    Candidates.connected(candidates, host(1))
    expect(Candidates.next(candidates, 1e9)).toBeUndefined()
    expect(Candidates.size(candidates)).toBe(1)
  })

  it("know an address once, whoever tells, and keep the state that it is in", () => {
    const candidates = of([host(1), "pex"])
    Candidates.connecting(candidates, host(1))
    expect(Candidates.add(candidates, { ...host(1) }, "tracker", rng)).toBe(true)
    expect(Candidates.size(candidates)).toBe(1)
    expect(Candidates.next(candidates, 0)).toBeUndefined()
    Candidates.add(candidates, at(host(1).host, 6882), "tracker", rng)
    expect(Candidates.next(candidates, 0)).toEqual(at(host(1).host, 6882))
  })

  it("offer the user's first, then those with the fewest failures, then by luck", () => {
    const candidates = of([host(1), "tracker"], [host(2), "pex"], [host(3), "user"], [host(4), "user"])
    for (const n of [1, 4]) {
      Candidates.connecting(candidates, host(n))
      Candidates.failed(candidates, host(n), 0)
    }
    expect(dialAll(candidates, 60_000)).toEqual([host(3), host(4), host(2), host(1)])

    const firsts = new Set<string>()
    for (let seed = 0; seed < 50; seed++) {
      const three = Candidates.make()
      const own = Rng.make(seed)
      for (const n of [1, 2, 3]) Candidates.add(three, host(n), "tracker", own)
      firsts.add(Candidates.next(three, 0)!.host)
    }
    expect(firsts.size).toBe(3)
  })

  it.each(
    [
      ["tracker", [15, 30, 60, 120, 240, 480, 960, 1800, 1800]],
      ["user", [5, 10, 20, 40, 60, 60]],
    ] as const,
  )("let a failing %s's address rest longer and longer", (source, rests) => {
    const candidates = of([host(1), source])
    let now = 1_000
    for (const seconds of rests) {
      Candidates.connecting(candidates, host(1))
      Candidates.failed(candidates, host(1), now)
      const due = now + seconds * 1_000
      expect(Candidates.nextDialAt(candidates, now)).toBe(due)
      expect(Candidates.next(candidates, due - 1)).toBeUndefined()
      expect(Candidates.dialableCount(candidates, due - 1)).toBe(0)
      expect(Candidates.dialableCount(candidates, due)).toBe(1)
      expect(Candidates.next(candidates, due)).toEqual(host(1))
      now = due
    }
  })

  it("forgive a peer that was of use, and count against one that wasn't", () => {
    const candidates = of([host(1), "tracker"])
    const connection = (now: number, wasUseful: boolean): number => {
      Candidates.connecting(candidates, host(1))
      Candidates.connected(candidates, host(1))
      Candidates.disconnected(candidates, host(1), now, wasUseful)
      return Candidates.nextDialAt(candidates, now) - now
    }
    expect(connection(0, false)).toBe(15_000)
    expect(connection(0, false)).toBe(30_000)
    expect(connection(0, true)).toBe(15_000)
    expect(connection(0, false)).toBe(15_000)
  })

  it("don't dial a resting peer that has come by itself", () => {
    const candidates = of([host(1), "tracker"])
    Candidates.failed(candidates, host(1), 0)
    Candidates.connected(candidates, host(1))
    expect(Candidates.nextDialAt(candidates, 0)).toBe(NEVER)
    expect(Candidates.next(candidates, 60_000)).toBeUndefined()
  })

  it("try a resting peer at once when the user names it", () => {
    const candidates = of([host(1), "pex"])
    for (let i = 0; i < 9; i++) Candidates.failed(candidates, host(1), 0)
    expect(Candidates.nextDialAt(candidates, 0)).toBe(1_800_000)
    Candidates.add(candidates, host(1), "user", rng)
    expect(Candidates.next(candidates, 0)).toEqual(host(1))
    Candidates.failed(candidates, host(1), 0)
    expect(Candidates.nextDialAt(candidates, 0)).toBe(60_000)
  })

  it("never dial a banned host again, on any port, and take back nothing of it", () => {
    const candidates = of([host(1), "user"], [at(host(1).host, 7), "pex"], [host(2), "pex"])
    Candidates.connected(candidates, host(1))
    Candidates.ban(candidates, host(1))
    expect(Candidates.isBanned(candidates, host(1).host)).toBe(true)
    expect(Candidates.isBanned(candidates, host(2).host)).toBe(false)
    expect(Candidates.add(candidates, at(host(1).host, 8), "user", rng)).toBe(false)
    Candidates.disconnected(candidates, host(1), 0, true)
    expect(Candidates.size(candidates)).toBe(1)
    expect(dialAll(candidates, 1e9)).toEqual([host(2)])
  })

  it("remember a bounded number of bans, the latest", () => {
    const candidates = Candidates.make()
    for (let n = 0; n <= Candidates.MAX_BANNED_HOSTS; n++) Candidates.ban(candidates, host(n))
    expect(candidates.banned.size).toBe(Candidates.MAX_BANNED_HOSTS)
    expect(Candidates.isBanned(candidates, host(0).host)).toBe(false)
    expect(Candidates.isBanned(candidates, host(Candidates.MAX_BANNED_HOSTS).host)).toBe(true)
  })

  it("never dial ourselves, though others on our host", () => {
    const candidates = of([host(1), "tracker"], [at(host(1).host, 7), "tracker"])
    Candidates.connecting(candidates, host(1))
    Candidates.exclude(candidates, host(1))
    Candidates.disconnected(candidates, host(1), 0, false)
    Candidates.add(candidates, host(1), "user", rng)
    expect(dialAll(candidates, 1e9)).toEqual([at(host(1).host, 7)])
  })

  it("know where a ban or we ourselves are met, and which addresses are in use", () => {
    const candidates = of([host(1), "tracker"], [host(2), "tracker"])
    Candidates.exclude(candidates, host(1))
    Candidates.connecting(candidates, host(2))
    const of2 = (ask: typeof Candidates.isExcluded) => [1, 2, 3].map((n) => ask(candidates, host(n)))
    expect(of2(Candidates.isExcluded)).toEqual([true, false, false])
    expect(of2(Candidates.isInUse)).toEqual([false, true, false])
    Candidates.connected(candidates, host(2))
    expect(of2(Candidates.isInUse)).toEqual([false, true, false])
    Candidates.disconnected(candidates, host(2), 0, true)
    expect(of2(Candidates.isInUse)).toEqual([false, false, false])
  })

  it("leave known seeds alone once we seed, whatever becomes of them", () => {
    const candidates = of([host(1), "tracker"], [host(2), "tracker"], [host(3), "tracker"], [
      host(4),
      "tracker",
    ])
    for (const n of [1, 2]) {
      Candidates.connecting(candidates, host(n))
      Candidates.markSeed(candidates, host(n))
    }
    Candidates.disconnected(candidates, host(1), 0, true)
    // While something is missing, a seed is as welcome as anybody.
    expect(Candidates.nextDialAt(candidates, 0)).toBe(0)
    Candidates.seeding(candidates)
    Candidates.disconnected(candidates, host(2), 0, true)
    Candidates.markSeed(candidates, host(3))
    Candidates.add(candidates, host(1), "user", rng)
    expect(dialAll(candidates, 1e9)).toEqual([host(4)])
    Candidates.failed(candidates, host(3), 0)
    expect(dialAll(candidates, 2e9)).toEqual([])
    expect(Candidates.size(candidates)).toBe(4)
  })

  it("may dial a seed again before we seed", () => {
    const candidates = of([host(1), "tracker"])
    Candidates.connecting(candidates, host(1))
    Candidates.markSeed(candidates, host(1))
    Candidates.disconnected(candidates, host(1), 0, true)
    expect(dialAll(candidates, 1e9)).toEqual([host(1)])
  })

  it("take a few ports of one host by hearsay, from trackers any number", () => {
    const candidates = Candidates.make()
    const add = (port: number, source: Candidates.Source) =>
      Candidates.add(candidates, at("10.0.0.1", port), source, rng)
    for (let n = 0; n < 20; n++) expect(add(7_000 + n, "pex")).toBe(n < Candidates.MAX_HEARSAY_PORTS)
    for (let port = 101; port <= 140; port++) expect(add(port, "tracker")).toBe(true)
  })

  it("take no port of other services by hearsay, and any from who is trusted", () => {
    const isTaken = (port: number, source: Candidates.Source) =>
      Candidates.add(Candidates.make(), at("10.0.0.1", port), source, rng)
    for (const port of [1, 22, 25, 443, Candidates.FIRST_HEARSAY_PORT - 1]) {
      expect((["pex", "dht", "lsd", "incoming", "tracker", "user"] as const).map((one) => isTaken(port, one)))
        .toEqual([false, false, true, true, true, true])
    }
    expect(isTaken(Candidates.FIRST_HEARSAY_PORT, "pex")).toBe(true)
  })

  describe("by canonical priority (BEP 40)", () => {
    const self = { ipv4: Uint8Array.of(123, 213, 32, 10), ipv6: undefined, port: 6881 }
    const hosts = Array.from({ length: 50 }, (_, n) => at(`98.${n}.54.32`, 6881))
    const byPriority = [...hosts].sort((a, b) =>
      PeerPriority.between(self, b)! - PeerPriority.between(self, a)!
    )

    it("are dialled, those that were known before our address and those that come after", () => {
      const candidates = of(...hosts.slice(0, 25).map((one) => [one, "tracker"] as const))
      Candidates.rankFrom(candidates, self)
      for (const one of hosts.slice(25)) Candidates.add(candidates, one, "pex", rng)
      expect(dialAll(candidates, 0)).toEqual(byPriority)
    })

    it("come after what the user wants and behind no failure", () => {
      const [first, second, ...others] = byPriority
      const candidates = of(...others.map((one) => [one, "tracker"] as const), [first!, "tracker"])
      Candidates.add(candidates, at("1.2.3.4", 6881), "user", rng)
      Candidates.rankFrom(candidates, self)
      Candidates.connecting(candidates, first!)
      Candidates.failed(candidates, first!, 0)
      expect(Candidates.isKnown(candidates, second!)).toBe(false)
      expect(dialAll(candidates, 1e9)).toEqual([at("1.2.3.4", 6881), ...others, first!])
    })

    it("say nothing of who stays in a full table", () => {
      const kept = (one: PeerPriority.Self | undefined) => {
        const candidates = Candidates.make()
        const luck = Rng.make(7)
        if (one !== undefined) Candidates.rankFrom(candidates, one)
        for (let n = 0; n < Candidates.MAX_CANDIDATES + 500; n++) {
          Candidates.add(candidates, at(`98.${n >> 8}.${n & 255}.1`, 6881), "pex", luck)
        }
        return [...candidates.byAddress.keys()]
      }
      expect(kept(self)).toEqual(kept(undefined))
    })
  })

  it("dial next whom somebody has told to wait for us, unless there is a reason not to", () => {
    const candidates = of([host(1), "user"], [host(2), "pex"], [host(3), "pex"], [host(4), "pex"])
    Candidates.connecting(candidates, host(2))
    Candidates.failed(candidates, host(2), 0)
    Candidates.hurry(candidates, host(2))
    expect(Candidates.next(candidates, 1)).toEqual(host(2))
    Candidates.connecting(candidates, host(2))
    for (const one of [host(2), host(9)]) Candidates.hurry(candidates, one)
    Candidates.exclude(candidates, host(3))
    Candidates.hurry(candidates, host(3))
    expect(dialAll(candidates, 1)).toEqual([host(1), host(4)])
  })

  it("remember who told of them, the most trusted one", () => {
    const candidates = of([host(1), "pex"], [host(2), "tracker"])
    Candidates.add(candidates, host(1), "dht", rng)
    Candidates.add(candidates, host(2), "pex", rng)
    expect([1, 2, 3].map((n) => Candidates.sourceOf(candidates, host(n)))).toEqual([
      "dht",
      "tracker",
      undefined,
    ])
  })

  describe("when full", () => {
    const fill = (source: Candidates.Source): Candidates.Candidates => {
      const candidates = Candidates.make()
      for (let n = 0; n < Candidates.MAX_CANDIDATES; n++) Candidates.add(candidates, host(n), source, rng)
      expect(Candidates.size(candidates)).toBe(Candidates.MAX_CANDIDATES)
      return candidates
    }

    it("drop the worst of the least trusted source", () => {
      const candidates = fill("tracker")
      expect(Candidates.add(candidates, host(5_000), "pex", rng)).toBe(false)
      Candidates.failed(candidates, host(7), 0)
      expect(Candidates.add(candidates, host(5_001), "tracker", rng)).toBe(true)
      expect(candidates.byAddress.has("10.0.0.7:6881")).toBe(false)
      expect(Candidates.size(candidates)).toBe(Candidates.MAX_CANDIDATES)
      expect(Candidates.dialableCount(candidates, 0)).toBe(Candidates.MAX_CANDIDATES)
    })

    it("let nobody in use go", () => {
      const candidates = fill("pex")
      Candidates.connecting(candidates, host(0))
      Candidates.connected(candidates, host(1))
      for (let n = 10_000; n < 16_000; n++) Candidates.add(candidates, host(n), "tracker", rng)
      expect(Candidates.size(candidates)).toBe(Candidates.MAX_CANDIDATES)
      expect(
        [...candidates.byId.values()].filter(({ source }) => source === "pex").map(({ address }) => address),
      )
        .toEqual([host(0), host(1)])
    })

    it("refuse a new one when all are in use", () => {
      const candidates = fill("pex")
      expect(dialAll(candidates, 0).length).toBe(Candidates.MAX_CANDIDATES)
      expect(Candidates.add(candidates, host(5_000), "user", rng)).toBe(false)
      expect(Candidates.next(candidates, 0)).toBeUndefined()
    })

    it("keep a fair sample of equals, not those that came first or last", () => {
      const candidates = Candidates.make()
      for (let n = 0; n < 2 * Candidates.MAX_CANDIDATES; n++) Candidates.add(candidates, host(n), "pex", rng)
      const early = [...candidates.byId.keys()].filter((id) => id < Candidates.MAX_CANDIDATES).length
      expect(Math.abs(early / Candidates.MAX_CANDIDATES - 0.5)).toBeLessThan(0.05)
    })
  })

  const report = (
    ...kinds: ReadonlyArray<
      "connecting" | "connected" | "failed" | "useful" | "useless" | "ban" | "exclude" | "next"
    >
  ) => fc.tuple(fc.constantFrom(...kinds), fc.nat(5), fc.constant("user" as const))
  const sources = ["user", "tracker", "lsd", "incoming", "dht", "pex"] as const
  const command = fc.oneof(
    { weight: 20, arbitrary: fc.tuple(fc.constant("add" as const), fc.nat(5), fc.constantFrom(...sources)) },
    { weight: 40, arbitrary: report("connecting", "connected", "failed", "useful", "useless", "next") },
    { weight: 1, arbitrary: report("ban", "exclude") },
  )

  it.prop(
    "agree with a plain table about who may be dialled, and when",
    [
      fc.array(command, { maxLength: 120, size: "max" }),
      fc.array(fc.nat(40_000), { minLength: 120, maxLength: 120 }),
    ],
    ([commands, pauses]) => {
      const candidates = Candidates.make()
      /** When each known address may be dialled next. */
      const dialAt = new Map<string, number>()
      const excluded = new Set<string>()
      const banned = new Set<string>()
      let now = 0
      commands.forEach(([kind, n, source], i) => {
        now += pauses[i]!
        const address = at(`10.0.0.${n >> 1}`, 6_881 + (n & 1)) // 0 is a good last part, two ports a host
        const key = `${address.host}:${address.port}`
        const isKnown = dialAt.has(key) && !excluded.has(key)
        if (kind === "add") {
          const resting = source === "user" && isKnown && dialAt.get(key)! < NEVER &&
            candidates.byAddress.get(key)!.source !== "user"
          Candidates.add(candidates, address, source, rng)
          if (!dialAt.has(key) && !banned.has(address.host)) dialAt.set(key, now)
          else if (resting) dialAt.set(key, Math.min(now, dialAt.get(key)!))
        } else if (kind === "connecting" || kind === "connected") {
          Candidates[kind](candidates, address)
          if (isKnown) dialAt.set(key, NEVER)
        } else if (kind === "ban") {
          Candidates.ban(candidates, address)
          banned.add(address.host)
          for (const port of [6_881, 6_882]) {
            dialAt.delete(`${address.host}:${port}`)
            excluded.delete(`${address.host}:${port}`)
          }
        } else if (kind === "exclude") {
          Candidates.exclude(candidates, address)
          if (isKnown) {
            dialAt.set(key, NEVER)
            excluded.add(key)
          }
        } else if (kind !== "next") {
          if (kind === "failed") Candidates.failed(candidates, address, now)
          else Candidates.disconnected(candidates, address, now, kind === "useful")
          const { failures, source } = candidates.byAddress.get(key) ?? { failures: 0, source: "pex" }
          const doubled = 2 ** Math.max(0, failures - 1)
          const restMs = source === "user"
            ? Math.min(60_000, 5_000 * doubled)
            : Math.min(1_800_000, 15_000 * doubled)
          if (isKnown) dialAt.set(key, now + restMs)
        }
        const ready = [...dialAt].filter(([, time]) => time <= now).map(([key]) => key)
        expect(Candidates.size(candidates)).toBe(dialAt.size)
        expect(Candidates.dialableCount(candidates, now)).toBe(ready.length)
        expect(Candidates.nextDialAt(candidates, now)).toBe(
          Math.max(now, Math.min(NEVER, ...dialAt.values())),
        )
        const forked = Clone.clone(candidates)
        expect(dialAll(forked, now).map(({ host, port }) => `${host}:${port}`).sort()).toEqual(ready.sort())
        if (kind === "next") Candidates.next(candidates, now)
      })
    },
  )
})

describe("isDialable", () => {
  it.each([
    "1.2.3.4",
    "127.0.0.1",
    "192.168.255.255",
    "223.255.255.255",
    "::1",
    "fe80::1",
    "2001:db8:0:1:2:3:4:5",
    "2001:DB8::",
    "::ffff:1.2.3.4",
    "localhost",
    "peer-1.example.com",
    "a_b.example",
    "xn--bcher-kva.example",
  ])("takes %s", (host) => expect(isDialable({ host, port: 1 })).toBe(true))

  it.each([
    "",
    "0.0.0.0",
    "0.1.2.3",
    "224.0.0.1",
    "255.255.255.255",
    "256.1.1.1",
    "1.2.3",
    "1.2.3.4.5",
    "01.2.3.4",
    "999",
    "::",
    "0:0:0:0:0:0:0:0",
    "ff02::1",
    "1:2:3",
    "1::2::3",
    "1:2:3:4:5:6:7:8:9",
    "1:2:3:4:5:6:7::8",
    "12345::1",
    "::1.2.3",
    "g::1",
    ":",
    "[::1]",
    "a..b",
    ".a",
    "a b",
    "a/b",
    "a\r\nb",
    "host:80",
    "-".repeat(64),
    "a.".repeat(127) + "a",
  ])("refuses %j", (host) => expect(isDialable({ host, port: 1 })).toBe(false))

  it.each([0, -1, 65_536, 1.5, NaN, Infinity])("refuses port %d", (port) => {
    expect(isDialable({ host: "1.2.3.4", port })).toBe(false)
    expect(Candidates.add(Candidates.make(), { host: "1.2.3.4", port }, "user", rng)).toBe(false)
  })
})
