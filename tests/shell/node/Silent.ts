/** A port where nobody answers, on this machine: its listener is stuck and its backlog full, so that SYNs are dropped. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { connect, type Socket } from "node:net"
import process from "node:process"
import { Worker } from "node:worker_threads"
import type { Address } from "../../../core/base/Address.ts"

/** Other systems answer when a backlog is full. */
export const isPossible = process.platform === "linux"

/** Linux takes one more than the backlog says. */
const BACKLOG = 1

const LISTENER = `
import { createServer } from "node:net"
import { parentPort, workerData } from "node:worker_threads"
const server = createServer()
server.listen({ host: "127.0.0.1", port: 0, backlog: ${BACKLOG} }, () => {
  parentPort.postMessage(server.address().port)
  // Nothing is accepted from here on, because this thread runs no loop any more.
  Atomics.wait(workerData, 0, 0)
})
`

/** The address; `undefined` where {@link isPossible} is false. */
export const address: Effect.Effect<Address | undefined, never, Scope.Scope> = isPossible
  ? Effect.gen(function* () {
    const gate = new Int32Array(new SharedArrayBuffer(4))
    const worker = yield* Effect.acquireRelease(
      Effect.sync(() =>
        new Worker(new URL(`data:text/javascript,${encodeURIComponent(LISTENER)}`), { workerData: gate })
      ),
      (worker) =>
        Effect.promise(() => {
          Atomics.store(gate, 0, 1)
          Atomics.notify(gate, 0)
          return worker.terminate()
        }),
    )
    const port = yield* Effect.promise(() =>
      new Promise<number>((resolve) => worker.once("message", resolve))
    )
    for (let i = 0; i <= BACKLOG; i++) {
      yield* Effect.acquireRelease(
        Effect.promise(() =>
          new Promise<Socket>((resolve) => {
            const socket = connect({ host: "127.0.0.1", port }, () => resolve(socket))
            socket.on("error", () => {})
          })
        ),
        (socket) => Effect.sync(() => socket.destroy()),
      )
    }
    return { host: "127.0.0.1", port }
  })
  : Effect.succeed(undefined)
