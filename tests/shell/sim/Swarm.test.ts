import { afterEach, describe, expect, it } from "@effect/vitest"
import { execFileSync } from "node:child_process"
import { fileURLToPath } from "node:url"
import { MINUTE, SECOND } from "../../../core/base/Time.ts"
import * as Machine from "../../../shell/sim/Machine.ts"
import * as Swarm from "../../../shell/sim/Swarm.ts"
import * as World from "../../../shell/sim/World.ts"
import { complete, end, finish, letVitestSpeak, line, SMALL, snapshot } from "./Scene.ts"

afterEach(letVitestSpeak)

describe("a swarm of real sessions", { timeout: 60_000 }, () => {
  it("completes with the seeder's bytes everywhere, and the leechers give to each other", () => {
    const swarm = Swarm.make({ ...SMALL, leechers: 5, lineOf: () => line(50_000) })
    complete(swarm)
    const uploaded = swarm.members.map((member) => snapshot(member).uploadedBytes)
    // Five copies at 50 kB/s take the seeder 40 s alone.
    expect(World.now(swarm.world)).toBeLessThan(40 * SECOND)
    expect(uploaded[0]).toBeLessThan(3 * SMALL.sizeBytes)
    expect(uploaded.slice(1).some((bytes) => bytes > 100_000)).toBe(true)
    expect(swarm.members.flatMap(({ failures }) => failures)).toEqual([])
  })

  it("finds each other through the tracker over HTTP, too", () => {
    complete(Swarm.make({ ...SMALL, trackerScheme: "http" }))
  })

  it("does the same things at the same times for the same seed, and others for another one", () => {
    const run = (seed: number) => {
      const weather = { lossPart: 0.2, duplicatePart: 0.2, jitterMs: 40 }
      const swarm = Swarm.make({ ...SMALL, seed, weather })
      complete(swarm)
      return end(swarm)
    }
    const first = run(7)
    expect(run(7)).toEqual(first)
    expect(run(8).digest).not.toBe(first.digest)
  })

  it("is the same on Node and on Deno", () => {
    const swarm = Swarm.make(SMALL)
    complete(swarm)
    const at = new URL("../../../", import.meta.url)
    const program = `
      const Swarm = await import(${JSON.stringify(new URL("shell/sim/Swarm.ts", at))})
      const World = await import(${JSON.stringify(new URL("shell/sim/World.ts", at))})
      const swarm = Swarm.make(${JSON.stringify(SMALL)})
      Swarm.begin(swarm)
      Swarm.runUntil(swarm, () => Swarm.isComplete(swarm), 1_800_000)
      console.log(World.digest(swarm.world))
    `
    const deno = fileURLToPath(new URL("node_modules/.bin/deno", at))
    const cwd = fileURLToPath(at)
    const output = execFileSync(deno, ["eval", "--ext=ts", program], { encoding: "utf8", cwd })
    expect(output.trim()).toBe(end(swarm).digest)
  })

  it("takes from a member behind a router what nobody can fetch there", () => {
    const swarm = Swarm.make({ ...SMALL, isBehindNat: (index) => index % 2 === 1 })
    complete(swarm)
  })

  it("tries again where nobody answers, and completes when somebody does", () => {
    const swarm = Swarm.make({ ...SMALL, lineOf: () => line(50_000) })
    Swarm.begin(swarm)
    Swarm.runUntil(swarm, () => World.now(swarm.world) >= 4 * SECOND, MINUTE)
    const [seeder] = swarm.members
    // The machine is gone without a word: connections to it are half open, dials to it get no answer.
    Machine.powerOff(seeder!.machine)
    Swarm.runUntil(swarm, () => false, 3 * MINUTE)
    expect(Swarm.isComplete(swarm)).toBe(false)
    Swarm.join(swarm, seeder!)
    finish(swarm)
    expect(seeder!.machine.lives).toBe(2)
  })

  it("waits for a tracker that is down, and goes on when it is back", () => {
    const swarm = Swarm.make(SMALL)
    for (const member of swarm.members) Swarm.join(swarm, member)
    expect(Swarm.runUntil(swarm, () => Swarm.isComplete(swarm), MINUTE)).toBe("TimeUp")
    expect(swarm.members.map(({ handle }) => handle === undefined)).toEqual([false, false, false, false])
    Swarm.startTracker(swarm)
    finish(swarm)
  })

  it("survives a tracker that dies and forgets everybody", () => {
    const swarm = Swarm.make({ ...SMALL, lineOf: () => line(20_000) })
    Swarm.begin(swarm)
    Swarm.runUntil(swarm, () => World.now(swarm.world) >= 5 * SECOND, MINUTE)
    Machine.kill(swarm.tracker)
    Swarm.runUntil(swarm, () => false, 10 * SECOND)
    Swarm.startTracker(swarm)
    finish(swarm)
  })

  it("names the disk that is full, and the others go on", () => {
    const swarm = Swarm.make({ ...SMALL, lineOf: () => line(20_000) })
    Swarm.begin(swarm)
    const [, unlucky, ...others] = swarm.members
    Swarm.runUntil(swarm, () => World.now(swarm.world) >= 10 * SECOND, MINUTE)
    unlucky!.machine.disk.failing = { write: "NoSpace" }
    const isDone = () => others.every(({ completedAt }) => completedAt !== undefined)
    expect(Swarm.runUntil(swarm, isDone, 30 * MINUTE)).toBe("Done")
    expect(others.every((member) => Swarm.isWhole(swarm, member))).toBe(true)
    expect(unlucky!.failures.map(({ _tag, reason }) => [_tag, reason])).toEqual([["SessionError", "NoSpace"]])
    expect(unlucky!.failures[0]!.message).toMatch(/make room and start again/)
    // There is room again: it goes on from what it had.
    unlucky!.machine.disk.failing = {}
    Swarm.join(swarm, unlucky!)
    finish(swarm)
    expect(unlucky!.begunWith[1]).toBeGreaterThan(0)
  })

  it("fetches a piece again that its own disk has spoilt", () => {
    const swarm = Swarm.make({ ...SMALL, lineOf: () => line(20_000) })
    Swarm.begin(swarm)
    const [, unlucky] = swarm.members
    Swarm.runUntil(swarm, () => World.now(swarm.world) >= 5 * SECOND, MINUTE)
    unlucky!.machine.disk.bytesPerFlip = 1
    const before = unlucky!.machine.disk.stats.writtenBytes
    Swarm.runUntil(swarm, () => unlucky!.machine.disk.stats.writtenBytes > before, MINUTE)
    unlucky!.machine.disk.bytesPerFlip = Infinity
    finish(swarm)
    expect(unlucky!.machine.disk.stats.writtenBytes).toBeGreaterThan(SMALL.sizeBytes)
  })
})
