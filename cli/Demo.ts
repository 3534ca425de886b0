/** `shoal demo`: a real swarm on loopback in this process, watched live, every copy verified. */
import * as FileSystem from "@effect/platform/FileSystem"
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import { err, ok } from "../core/base/Result.ts"
import * as LoopbackSwarm from "../shell/LoopbackSwarm.ts"
import type { Spec } from "./Command.ts"
import * as DemoView from "./DemoView.ts"
import { Failure } from "./Exit.ts"
import * as Options from "./Options.ts"
import { Output } from "./Output.ts"
import * as Process from "./Process.ts"
import * as Text from "./Text.ts"
import * as Value from "./Value.ts"

const MIB = 1024 * 1024
const DEFAULT_SIZE = 32 * MIB

/** The seeder alone would take so long for one copy: time to watch, and for two rounds of choking. */
const SEED_SECONDS = 8

/** From a piece or two to what still fits most temporary folders a few times. */
const size: Value.Parser<number> = (text) => {
  const bytes = Value.size(text)
  if (!bytes.ok) return bytes
  return bytes.value >= MIB && bytes.value <= 4096 * MIB ? bytes : err("expected a size from 1M to 4G")
}

const peers: Value.Parser<number> = (text) => {
  const count = Value.integer(1, 50)(text)
  return count.ok ? ok(count.value) : err("expected a number from 1 to 50")
}

export const spec = {
  name: "demo",
  summary: "show a real swarm on loopback: a tracker, a seeder and several leechers",
  flags: {
    peers: Options.value("peers", "N", peers, 5, "leechers"),
    size: Options.value("size", "SIZE", size, undefined, "what they download; 32M unless it is given"),
  },
  example: "shoal demo --peers 8 --size 64M",
  interrupted: "stopped; nothing is left behind",
} satisfies Spec

export type DemoOptions = Options.Values<typeof spec.flags>

const viewOf = (swarm: LoopbackSwarm.Swarm) =>
  Effect.gen(function* () {
    const members = yield* Effect.forEach(
      swarm.members,
      ({ handle, index }) => Effect.map(handle.snapshot, (snapshot) => ({ index, snapshot })),
    )
    const view: DemoView.View = { members, links: yield* LoopbackSwarm.links(swarm) }
    return view
  })

/** The view as JSON fields. */
const fieldsOf = (view: DemoView.View) => ({
  peers: view.members.map(({ index, snapshot }) => ({
    name: DemoView.nameOf(index),
    haveBytes: snapshot.haveBytes,
    downloaded: snapshot.downloadedBytes,
    uploaded: snapshot.uploadedBytes,
    downloadRate: Math.round(snapshot.downloadRateBytesPerSec),
    uploadRate: Math.round(snapshot.uploadRateBytesPerSec),
    givesTo: DemoView.givesTo(view, index).map(DemoView.nameOf),
    chokes: DemoView.chokes(view, index).map(DemoView.nameOf),
  })),
})

/** Draws the swarm again and again, until interrupted. */
const drawing = (swarm: LoopbackSwarm.Swarm) =>
  Effect.gen(function* () {
    const output = yield* Output
    if (!Number.isFinite(output.progressIntervalMs)) return yield* Effect.never
    const draw = Effect.flatMap(viewOf(swarm), (view) =>
      Effect.zipRight(output.progress(DemoView.draw(view)), output.event("progress", fieldsOf(view))))
    return yield* Effect.forever(Effect.zipRight(Effect.sleep(output.progressIntervalMs), draw))
  })

/** Sets a swarm up in a temporary folder, watches it to the end, and reads every copy again. */
export const run = (options: DemoOptions) =>
  Effect.scoped(Effect.gen(function* () {
    const output = yield* Output
    const fs = yield* FileSystem.FileSystem
    const sizeBytes = options.size ?? DEFAULT_SIZE
    const directory = yield* fs.makeTempDirectoryScoped({ prefix: "shoal-demo-" })
    const swarm = yield* LoopbackSwarm.start({
      leechers: options.peers,
      sizeBytes,
      seed: yield* Random.nextIntBetween(0, 2 ** 32),
      directory,
      seedRateBytesPerSec: Math.ceil(sizeBytes / SEED_SECONDS),
    })
    const startedMs = Process.monotonicMs()
    const { geometry, infoHash } = swarm.metainfo
    const totalLength = geometry.totalBytes
    yield* output.event("started", {
      infoHash,
      totalLength,
      leechers: options.peers,
      tracker: swarm.trackerUrl,
      directory,
    })
    yield* output.result(
      `one seeder and ${Text.count(options.peers, "leecher")} share ${
        Text.bytes(totalLength)
      } through ${swarm.trackerUrl}`,
    )
    const leechers = swarm.members.slice(1)
    yield* Effect.raceFirst(
      Effect.forEach(leechers, ({ handle }) => handle.completed, { concurrency: "unbounded", discard: true }),
      drawing(swarm),
    )
    const seconds = (Process.monotonicMs() - startedMs) / 1_000
    const view = yield* viewOf(swarm)
    yield* output.clear
    const right = yield* Effect.filter(leechers, (member) => LoopbackSwarm.verify(swarm, member))
    yield* Effect.forEach(DemoView.table(view), (line) => output.result(line), { discard: true })
    const verdict = `verified ${right.length} of ${leechers.length} copies`
    if (right.length < leechers.length) {
      return yield* new Failure({ reason: "verification", message: `${verdict}: please report this` })
    }
    yield* output.event("complete", {
      infoHash,
      copies: leechers.length,
      verified: right.length,
      seconds: Math.round(seconds * 1_000) / 1_000,
      ...fieldsOf(view),
    })
    yield* output.result(`${verdict}, after ${Text.duration(seconds * 1_000)}`)
  }))
