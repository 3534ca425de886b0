import { describe, expect, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import { Failure, verdict } from "../../cli/Exit.ts"
import * as Permission from "../../cli/Permission.ts"

const denied = (message: string): Error => Object.assign(new Error(message), { name: "NotCapable" })

const requires = (kind: string, name: string, flag: string): Error =>
  denied(`Requires ${kind} access to "${name}", run again with the ${flag} flag`)

describe("explain", () => {
  it.each([
    [requires("read", "/a b/c", "--allow-read"), "--allow-read=/a b/c"],
    [requires("read", "file:///x/hashWorker.mjs", "--allow-read"), "--allow-read=/x/hashWorker.mjs"],
    [requires("env", "SHOAL_MAX_PEERS", "--allow-env"), "--allow-env=SHOAL_*"],
    [requires("env", "HOME", "--allow-env"), "--allow-env=HOME"],
    [requires("net", "[::]:6969", "--allow-net"), "--allow-net=[::]:6969"],
    [
      requires("net", "http://t.example:80/announce?passkey=secret", "--allow-net"),
      "--allow-net=t.example:80",
    ],
    [requires("sys", "statfs", "--allow-sys"), "--allow-sys=statfs"],
    [requires("all", "/proc/1/stat", "--allow-all"), "--allow-all"],
    [denied("Requires run access, run again with the --allow-run flag"), "--allow-run"],
  ])("%s", (error, flag) => {
    expect(Permission.explain(error)).toMatch(/^Deno does not permit /)
    expect(Permission.explain(error)?.endsWith(`with ${flag}`)).toBe(true)
    expect(Permission.explain(error)).not.toContain("secret")
  })

  it("looks behind an error for its cause, and not for ever", () => {
    const outer = new Error("it failed", {
      cause: new Error("still", { cause: requires("sys", "uid", "--allow-sys") }),
    })
    expect(Permission.explain(outer)).toMatch(/--allow-sys=uid$/)
    const round = new Error("its own cause")
    round.cause = round
    expect(Permission.explain(round)).toBeUndefined()
    expect(Permission.explain(new Error("Requires patience"))).toBeUndefined()
    expect(Permission.explain("no error")).toBeUndefined()
  })

  it("is one line and status 1, as a failure and as what nobody expected", () => {
    const cause = requires("write", "/out", "--allow-write")
    const failures = [
      Cause.fail(new Failure({ reason: "state", message: "it cannot be used", cause })),
      Cause.die(cause),
    ]
    for (const one of failures) {
      const { code, error, lines } = verdict(one)
      expect([code, error?.reason, lines]).toEqual([
        1,
        "permission",
        ["shoal: Deno does not permit write access to /out; run it again with --allow-write=/out"],
      ])
    }
  })
})
