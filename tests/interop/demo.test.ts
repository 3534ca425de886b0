/** `shoal demo` as a process: a whole swarm over real sockets and files, which leaves nothing behind. */
import { readdirSync } from "node:fs"
import { describe, expect, test } from "vitest"
import * as Clients from "../support/Clients.ts"
import * as Shoal from "../support/Shoal.ts"
import * as TempDir from "../support/TempDir.ts"

describe.each(["node", "deno"] as const)("on %s", (runtime) => {
  test("everybody gets a copy, most of them from each other, and nothing stays", async (context) => {
    Clients.skipIf(context, Shoal.missing(runtime))
    using temp = TempDir.make("demo")
    const args = ["demo", "--peers", "4", "--size", "8M", "--json"]
    await using run = Shoal.start(args, { runtime, env: { TMPDIR: temp.path } })
    expect(await run.end(40_000), run.log()).toEqual({ code: 0, signal: null })
    const { copies, peers, verified } = await run.event("complete")
    expect({ copies, verified }).toEqual({ copies: 4, verified: 4 })
    const members = peers as ReadonlyArray<{ readonly name: string; readonly uploaded: number }>
    expect(members.map(({ name }) => name)).toEqual(["seeder", "peer 1", "peer 2", "peer 3", "peer 4"])
    const seeded = members[0]!.uploaded
    const uploaded = members.reduce((sum, member) => sum + member.uploaded, 0)
    expect(uploaded).toBeGreaterThanOrEqual(4 * 8 * 1024 * 1024)
    expect(seeded).toBeLessThan(uploaded / 2)
    expect(readdirSync(temp.path)).toEqual([])
  })

  test("Ctrl-C in the middle leaves nothing behind", async (context) => {
    Clients.skipIf(context, Shoal.missing(runtime))
    using temp = TempDir.make("demo")
    await using run = Shoal.start(["demo", "--size", "64M", "--json"], {
      runtime,
      env: { TMPDIR: temp.path },
    })
    await run.event("progress")
    expect(readdirSync(temp.path)).toHaveLength(1)
    run.child.signal("SIGINT")
    expect(await run.end(10_000), run.log()).toEqual({ code: 130, signal: null })
    expect(readdirSync(temp.path)).toEqual([])
  })
})
