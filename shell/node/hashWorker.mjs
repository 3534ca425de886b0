// @ts-check
/**
 * The worker thread of `NodeHasher`: reads ranges of files and answers with their SHA-1. Plain JavaScript, because a
 * worker is loaded by the runtime itself, as it lies beside the sources or beside the bundle.
 *
 * Files are opened anew for each job: that costs too little to be measured (1.3 GB/s either way with pieces of 256 KiB),
 * and neither keeps descriptors nor sees a file that has been replaced.
 */
import { Buffer } from "node:buffer"
import { createHash } from "node:crypto"
import { closeSync, constants, openSync, readSync } from "node:fs"
import { parentPort } from "node:worker_threads"

/**
 * @typedef {{ path: string | undefined, offset: number, bytes: number }} Extent
 * @typedef {{ id: number, extents: ReadonlyArray<Extent>, blockBytes: number | undefined }} Job
 * @typedef {{ id: number, digest: Uint8Array }} Digest 20 bytes, or 20 for each block
 * @typedef {{ update: (bytes: Uint8Array) => void, finish: () => Uint8Array }} Digester
 * @typedef {{ id: number, path: string, code: string | undefined }} Failure `ENOENT` also for a file that is too short
 */

/** Large enough for few system calls, small enough for the second-level cache. */
const scratch = new Uint8Array(256 * 1024)

/** One digest of all that comes, or one for each `blockBytes` of it. @type {(blockBytes: number | undefined) => Digester} */
const makeDigester = (blockBytes = Infinity) => {
  /** @type {Array<Uint8Array>} */
  const digests = []
  let hash = createHash("sha1")
  let room = blockBytes
  return {
    update: (bytes) => {
      for (let at = 0; at < bytes.length;) {
        const part = bytes.subarray(at, Math.min(at + room, bytes.length))
        hash.update(part)
        at += part.length
        room -= part.length
        if (room > 0) continue
        digests.push(hash.digest())
        hash = createHash("sha1")
        room = blockBytes
      }
    },
    finish: () => {
      if (room < blockBytes || blockBytes === Infinity) digests.push(hash.digest())
      return new Uint8Array(Buffer.concat(digests))
    },
  }
}

/** @type {(hash: Digester, bytes: number) => void} */
const hashZeros = (hash, bytes) => {
  scratch.fill(0, 0, Math.min(bytes, scratch.length))
  for (let left = bytes; left > 0; left -= scratch.length) {
    hash.update(scratch.subarray(0, Math.min(left, scratch.length)))
  }
}

/** As long as `FilePool.ts` waits for a descriptor, and between two tries. */
const PATIENCE_MS = 3_000
const RETRY_MS = 25

const never = new Int32Array(new SharedArrayBuffer(4))

/** A thread of its own may wait where it stands. @type {(path: string) => number} */
const openPatiently = (path) => {
  for (let waitedMs = 0;; waitedMs += RETRY_MS) {
    try {
      return openSync(path, constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0))
    } catch (error) {
      const { code } = /** @type {{ code?: string }} */ (error)
      if ((code !== "EMFILE" && code !== "ENFILE") || waitedMs >= PATIENCE_MS) throw error
      Atomics.wait(never, 0, 0, RETRY_MS)
    }
  }
}

/** @type {(hash: Digester, path: string, offset: number, bytes: number) => void} */
const hashFile = (hash, path, offset, bytes) => {
  const file = openPatiently(path)
  try {
    let at = offset
    for (let left = bytes; left > 0;) {
      const count = readSync(file, scratch, 0, Math.min(left, scratch.length), at)
      if (count === 0) throw Object.assign(new Error("the file is too short"), { code: "ENOENT" })
      hash.update(scratch.subarray(0, count))
      at += count
      left -= count
    }
  } finally {
    closeSync(file)
  }
}

/** @type {(job: Job) => Digest | Failure} */
const run = ({ id, extents, blockBytes }) => {
  const hash = makeDigester(blockBytes)
  for (const { path, offset, bytes } of extents) {
    if (path === undefined) {
      hashZeros(hash, bytes)
      continue
    }
    try {
      hashFile(hash, path, offset, bytes)
    } catch (error) {
      // What Deno does not permit has a name and no code.
      const { code, name } = /** @type {{ code?: string, name?: string }} */ (error)
      return { id, path, code: code ?? name }
    }
  }
  return { id, digest: hash.finish() }
}

parentPort?.on("message", (/** @type {Job} */ job) => parentPort?.postMessage(run(job)))
