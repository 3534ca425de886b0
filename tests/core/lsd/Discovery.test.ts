import { describe, expect, it } from "@effect/vitest"
import * as fc from "effect/FastCheck"
import { MINUTE, NEVER, SECOND } from "../../../core/base/Time.ts"
import * as Discovery from "../../../core/lsd/Discovery.ts"
import * as Message from "../../../core/lsd/Message.ts"
import type { InfoHash } from "../../../core/metainfo/Metainfo.ts"

const hash = (n: number): InfoHash => n.toString(16).padStart(40, "0") as InfoHash
const make = (seed = 1, families: Discovery.Options["families"] = ["ipv4"]) =>
  Discovery.make({ seed, port: 6881, families })

/** Steps through inputs, and ticks whenever it wants to be woken, until `end`. */
const run = (
  inputs: ReadonlyArray<Discovery.Input>,
  end: number,
  discovery = make(),
): ReadonlyArray<readonly [number, Discovery.Command]> => {
  const out: Array<readonly [number, Discovery.Command]> = []
  const step = (input: Discovery.Input): void => {
    const [next, commands] = Discovery.step(discovery, input)
    discovery = next
    for (const command of commands) out.push([input.now, command])
  }
  for (const input of [...inputs, { _tag: "Tick" as const, now: end }]) {
    for (let at = Discovery.nextWake(discovery); at < input.now; at = Discovery.nextWake(discovery)) {
      step({ _tag: "Tick", now: at })
    }
    step(input)
  }
  return out
}

const sent = (log: ReturnType<typeof run>) =>
  log.flatMap(([at, command]) =>
    command._tag === "Send" ? [[at, Message.decode(command.bytes)!.infoHashes] as const] : []
  )

const packet = (now: number, infoHashes: ReadonlyArray<InfoHash>, cookie?: string): Discovery.Input => ({
  _tag: "Packet",
  now,
  from: { host: "10.0.0.7", port: 6771 },
  bytes: Message.encode("ipv4", { port: 5000, infoHashes, cookie }),
})

describe("local discovery", () => {
  it("announces a torrent at once and then every five minutes, until it is removed", () => {
    const log = run([
      { _tag: "Add", now: 0, infoHash: hash(1) },
      { _tag: "Remove", now: 11 * MINUTE, infoHash: hash(1) },
    ], 60 * MINUTE)
    expect(sent(log)).toEqual([0, 5, 10].map((minutes) => [minutes * MINUTE, [hash(1)]]))
  })

  it("says nothing without torrents, and wants no wake-up", () => {
    expect(Discovery.nextWake(make())).toBe(NEVER)
    expect(run([packet(0, [hash(1)])], 60 * MINUTE)).toEqual([])
  })

  it("waits a minute with what comes a little later, and has it with the rest then", () => {
    const log = run([
      { _tag: "Add", now: 0, infoHash: hash(1) },
      { _tag: "Add", now: 10 * SECOND, infoHash: hash(2) },
    ], 2 * MINUTE)
    expect(sent(log)).toEqual([[0, [hash(1)]], [MINUTE, [hash(2), hash(1)]]])
  })

  it("announces on every family", () => {
    const log = run([{ _tag: "Add", now: 0, infoHash: hash(1) }], 1, make(1, ["ipv4", "ipv6"]))
    expect(log.map(([, command]) => command._tag === "Send" && command.family)).toEqual(["ipv4", "ipv6"])
  })

  it("takes turns where not all torrents fit one announce, a minute apart", () => {
    const many = Array.from({ length: 60 }, (_, n) => hash(n))
    const log = sent(run(many.map((infoHash) => ({ _tag: "Add", now: 0, infoHash })), 5 * MINUTE))
    for (const [, infoHashes] of log) expect(infoHashes.length).toBeLessThanOrEqual(Message.MAX_INFO_HASHES)
    log.slice(1).forEach(([at], i) => expect(at - log[i]![0]).toBeGreaterThanOrEqual(MINUTE))
    expect(new Set(log.flatMap(([, infoHashes]) => infoHashes)).size).toBe(60)
  })

  it("tells of a neighbour's torrents that are ours as well", () => {
    const log = run([{ _tag: "Add", now: 0, infoHash: hash(1) }, packet(1, [hash(2), hash(1)], "x")], 2)
    expect(log.slice(1)).toEqual([
      [1, { _tag: "Found", infoHash: hash(1), address: { host: "10.0.0.7", port: 5000 } }],
    ])
  })

  it("knows its own announces, and counts what is none", () => {
    let [discovery, commands] = Discovery.step(make(), { _tag: "Add", now: 0, infoHash: hash(1) })
    const [send] = commands
    if (send?._tag !== "Send") throw new Error("nothing was announced")
    const from = { host: "10.0.0.1", port: 6771 }
    ;[discovery, commands] = Discovery.step(discovery, { _tag: "Packet", now: 1, from, bytes: send.bytes })
    expect(commands).toEqual([])
    ;[discovery] = Discovery.step(discovery, { _tag: "Packet", now: 2, from, bytes: Uint8Array.of(1) })
    expect(Discovery.counts(discovery)).toEqual({ heard: 0, own: 1, malformed: 1, dropped: 0 })
  })

  it("hears no more than a hundred announces a second", () => {
    let discovery = make()
    for (let n = 0; n < 10_000; n++) {
      ;[discovery] = Discovery.step(discovery, packet(1_000 + n / 10, [hash(n)]))
    }
    const { dropped, heard } = Discovery.counts(discovery)
    expect(heard).toBeLessThanOrEqual(200)
    expect(heard + dropped).toBe(10_000)
  })

  it.prop("announces no more often than once a minute, and misses no torrent that stays", [
    fc.array(fc.record({ at: fc.nat(20 * MINUTE), torrent: fc.nat(30), adds: fc.boolean() }), {
      maxLength: 60,
    }),
  ], ([changes]) => {
    const end = 30 * MINUTE
    const sorted = [...changes].sort((a, b) => a.at - b.at)
    const log = sent(run(
      sorted.map(({ adds, at, torrent }) => ({
        _tag: adds ? "Add" : "Remove",
        now: at,
        infoHash: hash(torrent),
      })),
      end,
    ))
    log.slice(1).forEach(([at], i) => expect(at - log[i]![0]).toBeGreaterThanOrEqual(MINUTE))
    const staying = new Map<number, boolean>()
    for (const { adds, torrent } of sorted) staying.set(torrent, adds)
    for (const [torrent, stays] of staying) {
      const said = log.filter(([at, all]) => at > 20 * MINUTE && all.includes(hash(torrent)))
      if (stays) expect(said.length).toBeGreaterThanOrEqual(1)
      else expect(said).toEqual([])
    }
  })

  it("does the same again from the same seed, and from a fork; an early tick adds nothing", () => {
    const inputs: ReadonlyArray<Discovery.Input> = [
      { _tag: "Add", now: 0, infoHash: hash(1) },
      { _tag: "Add", now: 5, infoHash: hash(2) },
    ]
    expect(run(inputs, 20 * MINUTE)).toEqual(run(inputs, 20 * MINUTE, Discovery.fork(make())))
    const spurious = [...inputs, ...[6, 7, 8].map((now) => ({ _tag: "Tick" as const, now }))]
    expect(run(spurious, 20 * MINUTE)).toEqual(run(inputs, 20 * MINUTE))
    const spent = make()
    Discovery.step(spent, inputs[0]!)
    expect(() => Discovery.step(spent, inputs[1]!)).toThrow("spent")
  })
})
