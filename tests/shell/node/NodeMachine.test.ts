import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { isIP } from "node:net"
import process from "node:process"
import { Machine } from "../../../shell/Machine.ts"
import * as NodeMachine from "../../../shell/node/NodeMachine.ts"
import * as Process from "../../support/Process.ts"

const test = (title: string, body: Effect.Effect<void, unknown, Machine>) =>
  it.live(title, () => Effect.provide(body, NodeMachine.layer))

/** A number that no process has: one that had it has ended. */
const endedPid = Effect.promise(async () => {
  const child = Process.start("true", [])
  await child.exited
  return child.pid
})

describe("a process", () => {
  test(
    "is known again by its identity, and nobody else is taken for it",
    Effect.gen(function* () {
      const machine = yield* Machine
      const own = yield* machine.identity
      expect(yield* machine.isRunning(process.pid, own)).toBe(true)
      expect(yield* machine.isRunning(process.pid, `${own}0`)).toBe(false)
      expect(yield* machine.isRunning(yield* endedPid, own)).toBe(false)
    }),
  )

  test(
    "ends when it is asked to; that one is gone is no failure",
    Effect.gen(function* () {
      const machine = yield* Machine
      const child = Process.start("sleep", ["60"])
      yield* machine.terminate(child.pid)
      expect(yield* Effect.promise(() => child.exited)).toMatchObject({ signal: "SIGTERM" })
      yield* machine.terminate(yield* endedPid)
    }),
  )

  // Starting another one is tested with the program itself: the file of this process is a test runner's.
  test(
    "cannot be started without a log",
    Effect.gen(function* () {
      const machine = yield* Machine
      const error = yield* Effect.flip(machine.start({ args: [], env: {}, logFile: "/nowhere/log" }))
      expect(error.reason).toBe("ENOENT")
      expect(error.message).toMatch(/^cannot write the log \/nowhere\/log: /)
    }),
  )
})

test(
  "addresses are those that others can use, IPv4 first",
  Effect.gen(function* () {
    const { addresses } = yield* Machine
    const families = (yield* addresses).map((address) => isIP(address))
    expect(families).toEqual([...families].sort())
    expect(families).not.toContain(0)
    for (const address of yield* addresses) expect(address).not.toMatch(/^(?:127\.|::1$|fe80:)/)
  }),
)
