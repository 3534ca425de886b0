import process from "node:process"
import { describe, expect, test } from "vitest"
import * as DenoFlags from "../../shell/node/DenoFlags.ts"

describe("what a program in the background may do under Deno", () => {
  test("files and network, what it is asked for by name, and no other program but ps", () => {
    const found = DenoFlags.background(() => true)
    const flags = "flags" in found ? found.flags : []
    expect(flags).toContain("--no-prompt")
    expect(flags).toContain("--allow-run=ps")
    const whole = flags.filter((flag) => flag.startsWith("--allow") && !flag.includes("="))
    expect(whole).toEqual(["--allow-read", "--allow-write", "--allow-net"])
  })

  test("nothing that this one may do in part only", () => {
    expect(DenoFlags.background((name) => name === "write")).toEqual({
      missing: ["--allow-read", "--allow-net"],
    })
  })

  test("the environment is handed on", () => {
    expect(DenoFlags.environment()["PATH"]).toBe(process.env["PATH"])
  })
})
