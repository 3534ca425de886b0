import { afterEach, describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Bytes from "../../../core/base/Bytes.ts"
import { type Millis, MINUTE, SECOND } from "../../../core/base/Time.ts"
import * as Resume from "../../../core/torrent/Resume.ts"
import { BlockStore } from "../../../shell/BlockStore.ts"
import * as MemoryDisk from "../../../shell/MemoryDisk.ts"
import { ResumeStore } from "../../../shell/ResumeStore.ts"
import * as Machine from "../../../shell/sim/Machine.ts"
import * as Network from "../../../shell/sim/Network.ts"
import { forever } from "../../../shell/sim/SimTracker.ts"
import * as Swarm from "../../../shell/sim/Swarm.ts"
import * as World from "../../../shell/sim/World.ts"
import { layoutOf, random } from "../../contract/BlockStore.ts"
import { infoHash } from "../../contract/ResumeStore.ts"
import { expectWhole, letVitestSpeak, line, snapshot } from "./Scene.ts"

afterEach(letVitestSpeak)

/** A machine with a slow disk that runs a program until it crashes. */
const scene = (
  seed: number,
  program: Effect.Effect<unknown, unknown, BlockStore | ResumeStore | Scope.Scope>,
) => {
  const world = World.make({ seed })
  const machine = Machine.make(Network.make(world), { name: "machine", disk: { rateBytesPerSec: 1_000_000 } })
  const start = (): void =>
    Machine.start(
      machine,
      (process) => Effect.provide(Effect.scoped(program), Machine.ports(machine, process)),
    )
  start()
  return { world, machine, until: (ms: Millis) => World.run(world, () => false, ms) }
}

const OLD = random(1_000_000, 1)
const NEW = random(1_000_000, 2)

/** Writes one content, then another over it, of which nothing is forced to the device. */
const overwrite = Effect.gen(function* () {
  const store = yield* (yield* BlockStore).open(layoutOf("/d", [["f", 1_000_000]]))
  yield* store.write(0, [OLD])
  yield* store.sync
  for (let at = 0; at < 1_000_000; at += 100_000) yield* store.write(at, [NEW.subarray(at, at + 100_000)])
  return yield* forever
})

/** How each of the ten writes ended: all of it, none, or its beginning. */
const fates = (found: Uint8Array): ReadonlyArray<"new" | "old" | "torn"> =>
  Array.from({ length: 10 }, (_, write) => {
    const [from, to] = [write * 100_000, (write + 1) * 100_000]
    let at = from
    while (at < to && found[at] === NEW[at]) at++
    // A byte of both contents may be the same by chance.
    const isOld = Bytes.equals(found.subarray(at, to), OLD.subarray(at, to))
    expect(isOld, "a write is there up to some byte, and nothing of it after").toBe(true)
    return at === to ? "new" : at - from < 4 ? "old" : "torn"
  })

describe("a disk", { timeout: 60_000 }, () => {
  const found = ({ machine }: ReturnType<typeof scene>): Uint8Array =>
    MemoryDisk.get(machine.disk.files, "/d/f")!

  it("keeps what was written when the process is killed, and of the write under way a beginning", () => {
    const kinds = new Set<string>()
    for (let seed = 1; seed <= 12; seed++) {
      const run = scene(seed, overwrite)
      run.until(1_450)
      Machine.kill(run.machine)
      const all = fates(found(run))
      expect(all.slice(0, 4)).toEqual(["new", "new", "new", "new"])
      expect(all.slice(5)).toEqual(["old", "old", "old", "old", "old"])
      kinds.add(all[4]!)
    }
    expect([...kinds].sort()).toEqual(["new", "old", "torn"])
  })

  it("keeps what was synced when the power fails, and of each later write all, nothing or a beginning", () => {
    const kinds = new Set<string>()
    for (let seed = 1; seed <= 12; seed++) {
      const run = scene(seed, overwrite)
      run.until(1_950)
      Machine.powerOff(run.machine)
      for (const fate of fates(found(run))) kinds.add(fate)
    }
    expect([...kinds].sort()).toEqual(["new", "old", "torn"])

    const synced = scene(1, overwrite)
    synced.until(1_001)
    Machine.powerOff(synced.machine)
    expect(fates(found(synced))).toEqual(Array.from({ length: 10 }, () => "old"))
  })

  it("fails a write that it has no room for, of which some is there", () => {
    let reason: unknown
    const run = scene(
      1,
      Effect.gen(function* () {
        const store = yield* (yield* BlockStore).open(layoutOf("/d", [["f", 1_000_000]]))
        yield* store.write(0, [OLD])
        yield* Effect.sleep("1 second")
        reason = (yield* Effect.flip(store.write(0, [NEW]))).reason
      }),
    )
    run.until(1_500)
    run.machine.disk.failing = { write: "NoSpace" }
    run.until(5_000)
    expect(reason).toBe("NoSpace")
    const whole = found(run)
    expect(Bytes.equals(whole, NEW)).toBe(false)
    expect(Bytes.equals(whole.subarray(999_000), OLD.subarray(999_000))).toBe(true)
  })
})

describe("resume data", { timeout: 60_000 }, () => {
  const [before, after] = [random(50_000, 1), random(60_000, 2)]
  const replace = Effect.gen(function* () {
    const store = yield* ResumeStore
    yield* store.save("/d", infoHash("a"), before)
    yield* store.save("/d", infoHash("a"), after)
    yield* store.remove("/d", infoHash("a"))
  })
  const saved = ({ machine }: ReturnType<typeof scene>) => machine.disk.resume.get(`/d/${infoHash("a")}`)
  const nameOf = (bytes: Uint8Array | undefined): string =>
    bytes === undefined
      ? "none"
      : Bytes.equals(bytes, before)
      ? "old"
      : Bytes.equals(bytes, after)
      ? "new"
      : "torn"

  it("is the old or the new, whenever the process is killed or the power fails", () => {
    const seen = new Map<string, Set<string>>()
    for (const [moment, ms] of [["first save", 25], ["second save", 80], ["removed", 200]] as const) {
      for (const crash of [Machine.kill, Machine.powerOff]) {
        for (let seed = 1; seed <= 8; seed++) {
          const run = scene(seed, replace)
          run.until(ms)
          crash(run.machine)
          const key = `${moment} ${crash === Machine.kill ? "kill" : "power"}`
          seen.set(key, (seen.get(key) ?? new Set()).add(nameOf(saved(run))))
        }
      }
    }
    const sorted = Object.fromEntries([...seen].map(([key, names]) => [key, [...names].sort()]))
    expect(sorted).toEqual({
      "first save kill": ["none", "old"],
      "first save power": ["none", "old"],
      "second save kill": ["new", "old"],
      "second save power": ["new", "old"],
      "removed kill": ["none"],
      // That a name is gone reaches the device later; what comes back is whole.
      "removed power": ["new", "none"],
    })
  })
})

describe("a session that crashes", { timeout: 60_000 }, () => {
  const SLOW: Swarm.Options = {
    seed: 1,
    leechers: 1,
    sizeBytes: 700_000,
    pieceBytes: 16_384,
    lineOf: () => line(12_000),
    diskOf: () => ({ latencyMs: 5, rateBytesPerSec: 20_000_000 }),
  }

  /** Crashes the only leecher and lets it begin again; how that went. */
  const crashAt = (
    seed: number,
    moment: Millis | "saved",
    crash: (machine: Machine.Machine) => void,
    options: Partial<Swarm.Options> = {},
  ) => {
    const swarm = Swarm.make({ ...SLOW, ...options, seed })
    const member = swarm.members[1]!
    Swarm.begin(swarm)
    const isSaved = (): boolean => moment === "saved" && member.machine.disk.resume.size > 0
    Swarm.runUntil(swarm, isSaved, moment === "saved" ? MINUTE : moment)
    const piecesBefore = snapshot(member).piecesHave
    crash(member.machine)
    const bytes = [...member.machine.disk.resume.values()][0]
    const { geometry, infoHash } = swarm.metainfo
    const resume = bytes === undefined ? undefined : Resume.decode(bytes, geometry, infoHash)
    Swarm.runUntil(swarm, () => false, 20 * SECOND)
    Swarm.join(swarm, member)
    expect(Swarm.runUntil(swarm, () => Swarm.isComplete(swarm), 10 * MINUTE)).toBe("Done")
    return { swarm, member, piecesBefore, resume, fetchedBytes: snapshot(member).downloadedBytes, geometry }
  }

  /** Messages, and blocks that were asked of two peers at the end. */
  const OVERHEAD = 1.1

  it("fetches again only what was not verified, when its process is killed", () => {
    const { fetchedBytes, geometry, member, piecesBefore, swarm } = crashAt(1, 50 * SECOND, Machine.kill)
    expectWhole(swarm)
    const [, begunWith] = member.begunWith
    expect(piecesBefore).toBeGreaterThan(20)
    expect(begunWith).toBeGreaterThanOrEqual(piecesBefore)
    expect(fetchedBytes).toBeLessThan((geometry.pieceCount - begunWith!) * geometry.pieceBytes * OVERHEAD)
  })

  it("has after a power failure at least what its resume data says, which is never torn", () => {
    let saves = 0
    const moments = ["saved", "saved", 20 * SECOND, 45 * SECOND] as const
    for (const [index, moment] of moments.entries()) {
      const seed = index + 1
      const run = crashAt(seed, moment, Machine.powerOff)
      const { fetchedBytes, geometry, member, resume, swarm } = run
      expectWhole(swarm)
      const [, begunWith] = member.begunWith
      if (resume !== undefined) {
        expect(resume.ok, `seed ${seed}`).toBe(true)
        if (resume.ok) expect(begunWith).toBeGreaterThanOrEqual(resume.value.have.count)
        saves++
      }
      expect(fetchedBytes).toBeLessThan(
        (geometry.pieceCount - begunWith! + 1) * geometry.pieceBytes * OVERHEAD,
      )
    }
    expect(saves).toBe(3)
  })

  it("would not get through this on a disk that lies: what these tests look at can fail", () => {
    const disk = { latencyMs: 5, rateBytesPerSec: 20_000_000, isLying: true }
    const isWrong = [1, 2, 3].map((seed) => {
      const { member, swarm } = crashAt(seed, "saved", Machine.powerOff, { diskOf: () => disk })
      return !Swarm.isWhole(swarm, member)
    })
    expect(isWrong).toContain(true)
  })

  it("leaves in time when its user stops it, and knows everything when it comes back", () => {
    const swarm = Swarm.make(SLOW)
    const member = swarm.members[1]!
    Swarm.begin(swarm)
    Swarm.runUntil(swarm, () => false, 20 * SECOND)
    const { piecesHave } = snapshot(member)
    const leftAt = World.now(swarm.world)
    Swarm.leave(member)
    Swarm.runUntil(swarm, () => member.machine.process === undefined, MINUTE)
    expect(World.now(swarm.world) - leftAt).toBeLessThan(4 * SECOND)
    Swarm.join(swarm, member)
    Swarm.runUntil(swarm, () => member.begunWith.length === 2, MINUTE)
    expect(member.begunWith[1]).toBeGreaterThanOrEqual(piecesHave)
  })
})
