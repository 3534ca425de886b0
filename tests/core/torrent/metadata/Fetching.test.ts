import { describe, expect, it } from "@effect/vitest"
import * as fc from "effect/FastCheck"
import * as Digest from "../../../../core/base/Digest.ts"
import * as Client from "../../../../core/client/Client.ts"
import * as Figures from "../../../../core/torrent/metadata/Figures.ts"
import * as Asking from "../../../../core/torrent/metadata/Asking.ts"
import * as Encoder from "../../../../core/wire/Encoder.ts"
import { infoOf, type Kind, Scene, type Script } from "./Scene.ts"

const PART = 16_384
const small = infoOf(1_000)
const large = infoOf(20 * PART + 5)

const many = (count: number, kind: Kind): ReadonlyArray<Script> =>
  Array.from({ length: count }, () => ({ kind }))

describe("metadata of a magnet link", () => {
  it.each([1, 1_000, PART, PART + 1, 20 * PART + 5])("is fetched from one peer: %i bytes", (bytes) => {
    const scene = new Scene(infoOf(bytes), [{ kind: "honest" }]).run()
    expect(scene.isRight).toBe(true)
    expect(scene.peers[0]!.asked.toSorted((a, b) => a - b)).toEqual(
      Array.from({ length: Math.ceil(bytes / PART) }, (_, part) => part),
    )
  })

  it("is asked for in parallel, each part of one peer where all answer", () => {
    const scene = new Scene(large, many(5, "honest")).run()
    expect(scene.isRight).toBe(true)
    const asked = scene.peers.map((peer) => peer.asked.length)
    expect(asked.reduce((sum, count) => sum + count, 0)).toBe(21)
    expect(Math.min(...asked)).toBeGreaterThanOrEqual(1)
  })

  it("comes from a peer that connects to us", () => {
    const scene = new Scene(large, [{ kind: "honest", isIncoming: true }]).run()
    expect(scene.isRight).toBe(true)
  })

  it("comes from peers that a tracker names, which is told that something is missing", () => {
    const scene = new Scene(large, many(3, "honest"), { isTracked: true }).run()
    expect(scene.isRight).toBe(true)
    expect(scene.announces).toHaveLength(1)
    expect(scene.announces[0]).toMatchObject({ event: "started", leftBytes: PART })
  })

  it("does not wait for a part's time-out where another peer can give it", () => {
    const scene = new Scene(small, [...many(3, "silent"), { kind: "honest", latencyMs: 50 }]).run()
    expect(scene.isRight).toBe(true)
    expect(scene.now).toBeLessThan(5_000)
  })

  it("is put together from those who go after a part each", () => {
    expect(new Scene(infoOf(3 * PART), many(5, "leaving")).run().isRight).toBe(true)
  })

  it("is refused to who asks us for it meanwhile", () => {
    const scene = new Scene(large, [
      { kind: "silent", says: [(encoder) => Encoder.extended(encoder, 2, REQUEST_0)] },
    ]).run(1_000)
    expect(scene.peers[0]!.refused).toEqual([0])
  })
})

const REQUEST_0 = new Uint8Array([...new TextEncoder().encode("d8:msg_typei0e5:piecei0ee")])

describe("peers that have it not", () => {
  it.each(["silent", "rejecting", "huge", "beyond", "empty", "plain", "misfit", "closed"] as const)(
    "%s ones alone give nothing, and one honest peer among them all of it",
    (kind) => {
      const info = infoOf(3 * PART)
      const scene = new Scene(info, many(5, kind)).run(10 * 60_000)
      expect(scene.found).toBeUndefined()
      expect(new Scene(info, [...many(5, kind), { kind: "honest", latencyMs: 100 }]).run().isRight).toBe(true)
    },
  )

  it("are let go when they do not send what they offer", () => {
    const scene = new Scene(small, [{ kind: "silent" }]).run(30_000)
    expect(scene.farewells).toContain("it does not send the metadata that it offers")
  })

  it("are asked again after a refusal, later and later, and let go in the end", () => {
    const scene = new Scene(small, [{ kind: "rejecting" }]).run(5 * 60_000)
    expect(scene.farewells).toContain("it refuses the metadata that it offers")
    expect(scene.peers[0]!.asked.length).toBeLessThan(20)
  })

  it("that claim more than a torrent may have are not asked, and counted", () => {
    const scene = new Scene(small, many(3, "huge")).run(60_000)
    expect(scene.peers.flatMap((peer) => peer.asked)).toEqual([])
    expect(Figures.of(scene.fetching)).toMatchObject({ oversized: 3, holders: 0, peersConnected: 3 })
  })

  it("are closed for a part of a wrong length", () => {
    const scene = new Scene(small, [{ kind: "misfit" }]).run(5_000)
    expect(scene.farewells).toEqual(["protocol error: a part of the metadata of 999 bytes (BEP 9)"])
  })

  it("give their place to others that wait, if they have nothing for long", () => {
    const scene = new Scene(small, [...many(4, "empty"), { kind: "honest" }], { maxPeers: 4, seed: 3 }).run()
    expect(scene.isRight).toBe(true)
  })
})

describe("peers that lie", () => {
  it("a single one is banned", () => {
    const scene = new Scene(small, [{ kind: "liar" }]).run(60_000)
    expect(scene.found).toBeUndefined()
    expect(scene.banned).toEqual(["80.0.0.1:6881"])
    expect(scene.peers[0]!.dials).toHaveLength(1)
  })

  it("on this machine is banned by its address, others there are not", () => {
    const scene = new Scene(small, [
      { kind: "liar", host: "127.0.0.1" },
      { kind: "honest", host: "127.0.0.1", latencyMs: 500 },
    ]).run()
    expect(scene.banned).toEqual(["127.0.0.1:7000"])
    expect(scene.isRight).toBe(true)
  })

  it("among honest ones are found out by fetching all of it from each alone", () => {
    const scene = new Scene(large, [...many(3, "half-liar"), ...many(2, "honest")]).run()
    expect(scene.isRight).toBe(true)
    expect(scene.events.filter(({ _tag }) => _tag === "MetadataFailed").length).toBeGreaterThan(0)
    expect(scene.banned).not.toContain("80.0.0.4:6881")
    expect(scene.banned).not.toContain("80.0.0.5:6881")
  })

  it("about the size cannot keep it from being found", () => {
    const scene = new Scene(large, [
      ...many(5, "shorter"),
      ...many(5, "longer"),
      { kind: "honest", latencyMs: 200 },
    ]).run()
    expect(scene.isRight).toBe(true)
  })

  it("never take more memory than a few wholes", () => {
    const scene = new Scene(large, many(30, "liar"))
    for (let i = 0; i < 5_000 && scene.advance(60_000); i++) {
      expect(scene.fetching.attempts.length).toBeLessThanOrEqual(Asking.MAX_ATTEMPTS)
    }
    expect(scene.found).toBeUndefined()
  })
})

const KINDS: ReadonlyArray<Kind> = [
  "liar",
  "half-liar",
  "rejecting",
  "silent",
  "huge",
  "beyond",
  "shorter",
  "longer",
  "leaving",
  "empty",
  "plain",
  "misfit",
  "closed",
]

const peers = fc.array(
  fc.record({
    kind: fc.constantFrom(...KINDS),
    latencyMs: fc.integer({ min: 1, max: 3_000 }),
    isIncoming: fc.boolean(),
  }),
  { maxLength: 14 },
)

describe("any mix of peers", () => {
  it.prop(
    "gives the right metadata if one of them is honest, and never a wrong one",
    [
      peers,
      fc.option(fc.integer({ min: 1, max: 3_000 }), { nil: undefined }),
      fc.integer({ min: 1, max: 5 * PART }),
      fc.nat(),
    ],
    ([bad, honest, bytes, seed]) => {
      const info = infoOf(bytes)
      const scripts: ReadonlyArray<Script> = honest === undefined
        ? bad
        : [...bad, { kind: "honest", latencyMs: honest }]
      const scene = new Scene(info, scripts, { seed }).run(honest === undefined ? 10 * 60_000 : 60 * 60_000)
      if (honest !== undefined) expect(scene.isRight).toBe(true)
      else if (!couldGive(bad, bytes)) expect(scene.found).toBeUndefined()
      else if (scene.found !== undefined) expect(scene.isRight).toBe(true)
    },
    { fastCheck: { numRuns: 60 } },
  )

  it.prop("is the same again from the same inputs", [peers, fc.nat()], ([bad, seed]) => {
    const scene = new Scene(infoOf(3 * PART), [...bad, { kind: "honest" }], { seed }).run()
    let twin = Client.make(LOCAL, 0)
    const commands = scene.journal.flatMap((input) => {
      const [next, out] = Client.step(twin, input)
      twin = next
      return out
    })
    expect(Digest.digest(commands)).toBe(Digest.digest(scene.commands))
    expect(Digest.digest(Client.fetchings(twin).get(1))).toBe(Digest.digest(scene.fetching))
  }, { fastCheck: { numRuns: 20 } })
})

const LOCAL = {
  peerId: new TextEncoder().encode("-SH0100-mmmmmmmmmmmm"),
  port: 6881,
  key: 1,
  clientName: "test",
}

/** Bad peers that give right parts, too, may come to the whole together; so does a claim of half of one byte. */
const couldGive = (bad: ReadonlyArray<Script>, bytes: number): boolean =>
  bytes < 2 ||
  bad.some(({ isIncoming, kind }) =>
    kind === "leaving" || kind === "half-liar" || (kind === "closed" && isIncoming === true)
  )

describe("a user who waits", () => {
  const reason = (scene: Scene) => Figures.hopeless(scene.fetching, 3, scene.now)

  it("hears at once that the link names nobody", () =>
    expect(reason(new Scene(small, []))).toContain("neither a tracker nor a peer"))

  it("waits while a peer may come", () => {
    const scene = new Scene(small, [{ kind: "closed" }])
    expect(reason(scene)).toBeUndefined()
    scene.run(5_000)
    expect(reason(scene)).toBeUndefined()
    scene.run(60_000)
    expect(reason(scene)).toContain("no peer gave the metadata")
  })

  it("hears that all peers were banned", () => {
    const scene = new Scene(small, [{ kind: "liar" }]).run(30_000)
    expect(reason(scene)).toContain("no peer that is left")
  })

  it("sees how far it is", () => {
    const scene = new Scene(large, [{ kind: "honest", latencyMs: 100 }]).run(500)
    const { haveBytes, totalBytes } = Figures.of(scene.fetching)
    expect(totalBytes).toBe(large.length)
    expect(haveBytes).toBeGreaterThan(0)
    expect(haveBytes).toBeLessThan(large.length)
  })

  it("stops it: connections are closed, the tracker hears of it, nothing more happens", () => {
    const scene = new Scene(large, many(3, "honest"), { isTracked: true }).run(50)
    scene.input({ _tag: "Stop", now: scene.now, torrent: 1 })
    expect(scene.announces.at(-1)).toMatchObject({ event: "stopped", numWant: 0 })
    while (scene.advance(scene.now + 10 * 60_000)) { /* what is under way ends */ }
    expect(scene.fetching.contacts.size).toBe(0)
    expect(scene.links.size).toBe(0)
    expect(scene.found).toBeUndefined()
    scene.input({ _tag: "Remove", now: scene.now, torrent: 1 })
    expect(Client.fetchings(scene.client).size).toBe(0)
  })
})
