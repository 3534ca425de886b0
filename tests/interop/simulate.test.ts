/** `shoal simulate` as a process: the same run wherever it is made, and one that can be stopped. */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { describe, expect, test } from "vitest"
import * as Clients from "../support/Clients.ts"
import * as Shoal from "../support/Shoal.ts"
import * as TempDir from "../support/TempDir.ts"

const RUNTIMES = ["node", "deno"] as const

const scenario = (name: string): string => fileURLToPath(new URL(`../sim/scenarios/${name}`, import.meta.url))

const complete = async (
  args: ReadonlyArray<string>,
  runtime: Shoal.Runtime = "node",
): Promise<Shoal.Event> => {
  await using run = Shoal.start(["simulate", ...args, "--json"], { runtime })
  expect(await run.end(80_000), run.log()).toEqual({ code: 0, signal: null })
  expect(run.strays).toEqual([])
  expect(run.events.at(-1)!.event).toBe("complete")
  return run.events.at(-1)!
}

const SMALL = ["--seed", "42", "--peers", "8", "--size", "1M"]

describe("a simulated swarm", () => {
  test.each([
    ["of options", SMALL],
    ["with faults", [...SMALL, "--faults", "--free-riders", "2"]],
    ["drawn from its seed, with full payload", ["--random", "--seed", "1"]],
    ["of a file", [scenario("free-riders.json"), "--peers", "6", "--size", "1M"]],
  ])("%s has the same digest on both runtimes and every time", async (_, args) => {
    const [first, ...others] = [
      await complete(args),
      await complete(args),
      ...await Promise.all(RUNTIMES.map((runtime) => complete(args, runtime))),
    ]
    const { completed, peers, violations } = first!
    expect({ completed, violations }).toEqual({ completed: peers, violations: 0 })
    for (const other of others) {
      for (const field of ["digest", "seed", "virtualSeconds", "deliveries", "events", "classes"]) {
        expect([field, other[field]]).toEqual([field, first![field]])
      }
    }
  })

  test("has another digest with another seed, and the same in whichever order options stand", async () => {
    const one = await complete(SMALL)
    const turned = await complete(["--size", "1M", "--peers", "8", "--seed", "42"])
    const other = await complete(["--size", "1M", "--peers", "8", "--seed", "43"])
    expect(turned["digest"]).toBe(one["digest"])
    expect(other["digest"]).not.toBe(one["digest"])
    expect(one["digest"]).toMatch(/^[0-9a-f]{16,}$/)
  })

  test("ends with every field that scripts read", async () => {
    const event = await complete(SMALL)
    expect(event).toMatchObject({
      event: "complete",
      seed: 42,
      digest: expect.any(String),
      peers: 8,
      completed: 8,
      virtualSeconds: expect.any(Number),
      realSeconds: expect.any(Number),
      deliveries: expect.any(Number),
      deliveriesPerSecond: expect.any(Number),
      peakMemoryBytes: expect.any(Number),
      violations: 0,
    })
    // Eight copies of 64 blocks, each delivered once at least.
    expect(event["deliveries"]).toBeGreaterThanOrEqual(8 * 64)
    expect(event["peakMemoryBytes"]).toBeGreaterThan(10e6)
    const { replay, ...rest } = event
    expect(replay).toBe("shoal simulate --seed 42 --peers 8 --size 1048576")
    const again = await complete(String(replay).split(" ").slice(2))
    expect(again["digest"]).toBe(rest["digest"])
  })

  test("draws a seed where none is given, and says which", async () => {
    const drawn = await complete(["--peers", "2", "--size", "64K"])
    const again = await complete(["--peers", "2", "--size", "64K", "--seed", String(drawn["seed"])])
    expect(again["digest"]).toBe(drawn["digest"])
  })

  test("prints a scenario that runs as the options did", async () => {
    using temp = TempDir.make("simulate")
    const args = [...SMALL, "--faults", "--polluters", "1"]
    await using printed = Shoal.start(["simulate", ...args, "--print-scenario"])
    expect(await printed.end(), printed.log()).toEqual({ code: 0, signal: null })
    const file = join(temp.path, "scenario.toml")
    writeFileSync(file, printed.strays.join("\n"))
    expect((await complete([file]))["digest"]).toBe((await complete(args))["digest"])
  })

  test("compares two pickers seed by seed", async () => {
    const event = await complete([...SMALL, "--compare", "rarest,sequential", "--runs", "2"])
    expect(event).toMatchObject({ runs: 2, what: "picker", a: "rarest", b: "sequential", violations: 0 })
    expect((event["figures"] as ReadonlyArray<{ readonly name: string }>).map(({ name }) => name)).toEqual([
      "completionSeconds",
      "seederCopies",
      "fairness",
    ])
  })

  test("leaves a report", async () => {
    using temp = TempDir.make("simulate")
    const event = await complete([...SMALL, "--report", temp.path])
    expect(readdirSync(temp.path).sort()).toEqual(["events.jsonl", "index.html", "peers.csv", "summary.json"])
    const summary = JSON.parse(readFileSync(join(temp.path, "summary.json"), "utf8"))
    expect(summary).toMatchObject({ seed: 42, digest: event["digest"] })
    // Watching for a report changes nothing.
    expect((await complete(SMALL))["digest"]).toBe(event["digest"])
  })

  test("that can't be run is wrong usage, and says where", async () => {
    using temp = TempDir.make("simulate")
    const file = join(temp.path, "bad.toml")
    mkdirSync(temp.path, { recursive: true })
    const cases: ReadonlyArray<readonly [string, string]> = [
      [
        `[[class]]\nname = "a"\nuplod-rate = "1M"\n`,
        "class[1].uplod-rate: unknown key; did you mean upload-rate?",
      ],
      [`piece-size = "20K"\n`, "piece-size: expected a power of two from 16K to 64M, not 20480"],
    ]
    for (const [text, message] of cases) {
      writeFileSync(file, text)
      await using run = Shoal.start(["simulate", file])
      expect(await run.end()).toEqual({ code: 2, signal: null })
      expect(run.child.stderr()).toContain(message)
    }
  })
})

describe.each(RUNTIMES)("on %s", (runtime) => {
  test("Ctrl-C ends a run that would go on", async (context) => {
    Clients.skipIf(context, Shoal.missing(runtime))
    const args = ["simulate", "--seed", "1", "--peers", "300", "--size", "256M", "--json"]
    await using run = Shoal.start(args, { runtime })
    await run.event("progress")
    run.child.signal("SIGINT")
    expect(await run.end(15_000), run.log()).toEqual({ code: 130, signal: null })
  })
})
