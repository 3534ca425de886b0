/** Announces straight to a `PeerStore`: reads one case as JSON from its argument, prints one result as JSON. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import process from "node:process"
import { latin1 } from "../../../core/base/Bytes.ts"
import * as Rng from "../../../core/base/Rng.ts"
import * as NodeRedisPeerStore from "../../../shell/node/NodeRedisPeerStore.ts"
import * as PeerStore from "../../../shell/PeerStore.ts"
import * as Tally from "./Tally.ts"
import * as Workload from "./Workload.ts"

export interface StoreCase {
  /** `undefined`: in memory. */
  readonly redisUrl?: string
  readonly workload: Workload.WorkloadOptions
  readonly window: number
  readonly seconds: number
}

export interface StoreResult {
  readonly announcesPerSec: number
  readonly p50Ms: number
  readonly p99Ms: number
  /** Of this process alone, user and system. */
  readonly cpuMicros: number
  readonly failed: number
}

/** A store that answers at once is asked this often between two looks at the clock. */
const BATCH = 1_000

const run = (one: StoreCase): Effect.Effect<StoreResult, unknown> =>
  Effect.gen(function* () {
    const workload = Workload.make(one.workload)
    const limits = { newPeersPerAddress: Infinity, newSwarmsPerAddress: Infinity }
    const layer = one.redisUrl === undefined
      ? PeerStore.layerMemory({ limits })
      : NodeRedisPeerStore.layer({ url: one.redisUrl, limits })
    const store = Context.get(yield* Layer.build(layer), PeerStore.PeerStore)
    const hashes = Array.from({ length: workload.swarms }, (_, swarm) => Workload.infoHash(swarm))
    const peerId = latin1(Workload.peerId(0))

    /** Keeps the window full until `next` gives none; `tally` counts. */
    const ask = (next: () => number | undefined, tally: Tally.Tally): Effect.Effect<void> =>
      Effect.async((resume) => {
        let outstanding = 0
        let isDone = false
        let isSending = false
        const send = (peer: number): void => {
          outstanding++
          const sentAt = performance.now()
          store.announce(
            {
              infoHash: hashes[workload.swarmOf[peer]!]!,
              peerId,
              ip: Uint8Array.of(10, peer >> 16, peer >> 8, peer),
              port: workload.portOf[peer]!,
              leftBytes: workload.leftOf[peer]!,
              event: undefined,
              numWant: 50,
            },
            false,
            (result) => {
              outstanding--
              if (result.ok) Tally.answer(tally, performance.now() - sentAt, result.value.peers.length / 6)
              else Tally.fail(tally, result.error.message)
              fill()
            },
          )
        }
        const fill = (): void => {
          if (isSending) return
          isSending = true
          for (let i = 0; i < BATCH && !isDone && outstanding < one.window; i++) {
            const peer = next()
            if (peer === undefined) isDone = true
            else send(peer)
          }
          isSending = false
          if (isDone && outstanding === 0) resume(Effect.void)
          else if (outstanding === 0) setImmediate(fill)
        }
        fill()
      })

    let first = 0
    yield* ask(() => first < workload.peers ? first++ : undefined, Tally.make())
    // Tells who counts memory, and others who announce at the same time, that the store is full.
    process.send?.("full")
    yield* Effect.async<void>((resume) => {
      if (process.send === undefined) resume(Effect.void)
      else process.once("message", () => resume(Effect.void))
    })
    const rng = Rng.make(one.workload.seed + 1 + process.pid)
    const tally = Tally.make()
    const before = process.cpuUsage()
    const started = performance.now()
    const end = started + one.seconds * 1000
    yield* ask(() => performance.now() < end ? Rng.below(rng, workload.peers) : undefined, tally)
    const cpu = process.cpuUsage(before)
    return {
      announcesPerSec: tally.answered / ((performance.now() - started) / 1000),
      p50Ms: Tally.percentile(tally, 0.5),
      p99Ms: Tally.percentile(tally, 0.99),
      cpuMicros: (cpu.user + cpu.system) / Math.max(tally.answered, 1),
      failed: tally.errors,
    }
  }).pipe(Effect.scoped)

const result = await Effect.runPromise(run(JSON.parse(process.argv[2]!) as StoreCase))
console.log(JSON.stringify(result))
process.disconnect?.()
