/**
 * How many requests to keep outstanding at one peer.
 *
 * Too few, and the peer idles while our next request travels; too many, and blocks sit in its queue that a faster peer
 * could have sent. The right number is the bandwidth-delay product: rate × (latency + time that the peer's disk and
 * scheduler may take). Neither factor is known at first, so the depth starts small and grows by one for each block that
 * arrives, which doubles it each round trip as in TCP's slow start, until the rate stops growing with it.
 *
 *      start ──▶ slow start ──(two windows without a tenth more rate)──▶ steady
 *                    ▲                                                     │
 *                    └───────────────(snubbed, then data again)────────────┘
 */
import type { Millis } from "../base/Time.ts"
import { BLOCK_BYTES } from "../metainfo/Geometry.ts"
import { MAX_PIPELINE, MIN_PIPELINE } from "./Limits.ts"

/** Mutable, owned by one peer. */
export interface Pipeline {
  /** Blocks to keep outstanding, before the peer's `reqq` is applied. */
  depth: number
  isSlowStart: boolean
  /** Smallest time from a request to the first byte of its block, seen while nothing else was outstanding. */
  latencyMs: Millis
  rateBytesPerSec: number
  windowStartedAt: Millis
  windowBytes: number
  /** Windows in a row in which the rate did not grow by a tenth. */
  flatWindows: number
}

/** A rate measured over less is mostly the timing of single reads. */
const WINDOW_MS = 200

/** What a peer's disk, scheduler and our own turn may take on top of the network's latency. */
const QUEUE_MS = 1_000

/** Assumed until measured; a wide-area round trip. */
const INITIAL_LATENCY_MS = 100

/** Windows without growth that end slow start: one may be an accident. */
const FLAT_WINDOWS = 2

export const make = (now: Millis): Pipeline => ({
  depth: MIN_PIPELINE,
  isSlowStart: true,
  latencyMs: INITIAL_LATENCY_MS,
  rateBytesPerSec: 0,
  windowStartedAt: now,
  windowBytes: 0,
  flatWindows: 0,
})

/** Requests to have outstanding now, from {@link MIN_PIPELINE} to the peer's `reqq`. */
export const target = (pipeline: Pipeline, reqq: number): number =>
  Math.max(1, Math.min(pipeline.depth, reqq))

/** The pipeline was empty when the request of this block left: its answer shows the latency. */
export const latencySample = (pipeline: Pipeline, latencyMs: Millis): void => {
  pipeline.latencyMs = Math.max(1, Math.min(pipeline.latencyMs, latencyMs))
}

/** Counts a block that has arrived whole; `isFull` says whether as many requests were outstanding as allowed. */
export const blockReceived = (pipeline: Pipeline, now: Millis, bytes: number, isFull: boolean): void => {
  pipeline.windowBytes += bytes
  if (pipeline.isSlowStart && isFull) pipeline.depth = Math.min(MAX_PIPELINE, pipeline.depth + 1)
  const elapsedMs = now - pipeline.windowStartedAt
  if (elapsedMs >= WINDOW_MS) closeWindow(pipeline, now, (pipeline.windowBytes * 1000) / elapsedMs, isFull)
}

const closeWindow = (pipeline: Pipeline, now: Millis, measured: number, isFull: boolean): void => {
  const before = pipeline.rateBytesPerSec
  // In slow start the newest window counts alone, or the average hides the growth that we look for.
  pipeline.rateBytesPerSec = pipeline.isSlowStart || before === 0 ? measured : before * 0.75 + measured * 0.25
  pipeline.windowStartedAt = now
  pipeline.windowBytes = 0
  if (pipeline.isSlowStart) {
    // A window that did not fill the pipe says nothing about whether a deeper one would be faster.
    pipeline.flatWindows = measured > before * 1.1 || !isFull ? 0 : pipeline.flatWindows + 1
    if (pipeline.flatWindows < FLAT_WINDOWS) return
    pipeline.isSlowStart = false
  }
  const product = (pipeline.rateBytesPerSec * (pipeline.latencyMs + QUEUE_MS)) / 1000 / BLOCK_BYTES
  pipeline.depth = Math.max(MIN_PIPELINE, Math.min(MAX_PIPELINE, Math.ceil(product)))
}

/** The peer snubbed us and has come back: what was measured before no longer holds, but its distance does. */
export const restart = (pipeline: Pipeline, now: Millis): void => {
  Object.assign(pipeline, make(now), { latencyMs: pipeline.latencyMs })
}
