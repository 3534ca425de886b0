/**
 * A short run of every target, the same each time, and every case that once was one. Without coverage: this runs wherever
 * the tests do, on the code as it is.
 */
import { readdirSync, readFileSync } from "node:fs"
import { describe, expect, it } from "vitest"
import * as Engine from "./Engine.ts"
import * as Target from "./Target.ts"
import * as Targets from "./Targets.ts"

const SEED = 20_240_707

const CASES = new URL("cases/", import.meta.url)

/** Cases by their target's name. */
const cases = new Map(
  readdirSync(CASES).map((name) => [
    name,
    readdirSync(new URL(`${name}/`, CASES)).map((file) => new URL(`${name}/${file}`, CASES)),
  ]),
)

describe("fuzz targets", () => {
  for (const target of Targets.all) {
    it(`${target.name}: nothing comes up in a short run`, { timeout: 120_000 }, () => {
      const found: Array<Engine.Finding> = []
      const onFinding = (finding: Engine.Finding): unknown => found.push(finding)
      // The seeds of the corpora are for longer runs: this one is the same on every machine.
      const corpus = target.seeds().slice(0, 12)
      const engine = Engine.make({ target, seed: SEED, words: [], corpus, counters: undefined }, onFinding)
      const runs = target.smokeRuns ?? Target.SMOKE_RUNS
      while (engine.executions < runs + corpus.length) {
        const finding = Engine.fuzz(engine)
        if (finding !== undefined) found.push(finding)
      }
      expect(found.map(({ input, report }) => `${report}\n${Buffer.from(input).toString("base64")}`)).toEqual(
        [],
      )
    })
  }
})

describe("cases", () => {
  it("belong to targets", () => {
    expect([...cases.keys()].filter((name) => !Targets.all.some((target) => target.name === name))).toEqual(
      [],
    )
  })

  for (const target of Targets.all) {
    for (const url of cases.get(target.name) ?? []) {
      it(`${target.name}: ${url.pathname.split("/").at(-1)} stays right`, () => {
        const finding = Engine.attempt(target, undefined, new Uint8Array(readFileSync(url)))
        expect(finding?.report).toBeUndefined()
      })
    }
  }
})
