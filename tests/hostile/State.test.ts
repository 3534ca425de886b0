/** Resume data that is not what was saved: it costs a check of what is on the disk, and nothing else. */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { mkdirSync, readFileSync, statSync, symlinkSync, truncateSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { expect } from "vitest"
import { type Bytes, fromHex, latin1 } from "../../core/base/Bytes.ts"
import * as Encode from "../../core/bencode/Encode.ts"
import * as Bitfield from "../../core/torrent/Bitfield.ts"
import * as Resume from "../../core/torrent/Resume.ts"
import * as BlockStore from "../../shell/BlockStore.ts"
import * as Hasher from "../../shell/Hasher.ts"
import * as Layout from "../../shell/Layout.ts"
import * as MemoryDisk from "../../shell/MemoryDisk.ts"
import * as NodeBlockStore from "../../shell/node/NodeBlockStore.ts"
import * as NodeResumeStore from "../../shell/node/NodeResumeStore.ts"
import * as ResumeStore from "../../shell/ResumeStore.ts"
import * as Resumption from "../../shell/Resumption.ts"
import { contentAt, torrentOf } from "../support/CoreSwarm.ts"
import { expectBytes } from "../contract/BlockStore.ts"
import * as TempDir from "../support/TempDir.ts"
import { row } from "./Row.ts"

const DIRECTORY = "/downloads"

/** Six pieces over two files; the pieces 1, 2 and 4 are there. */
const metainfo = torrentOf(1_024, [3_000, 3_000])
const { geometry, infoHash } = metainfo
const THERE = [1, 2, 4]
const STATS: ReadonlyArray<Resume.FileStat> = [{ bytes: 3_000, mtimeMs: 1 }, { bytes: 3_000, mtimeMs: 2 }]

/** The torrent's bytes as they are on the disk. */
const onDisk = (): Uint8Array => {
  const bytes = new Uint8Array(geometry.totalBytes)
  for (const piece of THERE) {
    const offset = piece * geometry.pieceBytes
    bytes.set(contentAt(offset, Math.min(geometry.pieceBytes, bytes.length - offset)), offset)
  }
  return bytes
}

const claiming = (pieces: Iterable<number>, length = geometry.pieceCount): Bitfield.Bitfield => {
  const have = Bitfield.make(length)
  for (const piece of pieces) Bitfield.set(have, piece)
  return have
}

const RIGHT: Resume.Resume = {
  infoHash,
  have: claiming(THERE),
  files: STATS,
  uploadedBytes: 3,
  downloadedBytes: 5,
}

/** What the next run makes of `bytes` where its resume data should be. */
const next = async (bytes: Bytes) => {
  const disk = MemoryDisk.make()
  metainfo.files.forEach(({ path }, i) =>
    disk.nodes.set(`${DIRECTORY}/${path}`, {
      _tag: "File",
      bytes: onDisk().slice(3_000 * i, 3_000 * (i + 1)),
      mtimeMs: STATS[i]!.mtimeMs,
    })
  )
  const saved = new Map([[`${DIRECTORY}/${infoHash}`, bytes]])
  const told: Array<Resumption.Progress> = []
  const found = await Effect.gen(function* () {
    const store = yield* (yield* BlockStore.BlockStore).open(Layout.of(metainfo, DIRECTORY, undefined))
    return yield* Resumption.existing(store, metainfo, DIRECTORY, (one) => told.push(one))
  }).pipe(
    Effect.scoped,
    Effect.provide(Layer.mergeAll(
      BlockStore.layerMemory(disk),
      Hasher.layerMemory,
      ResumeStore.layerMemory(saved),
    )),
    Effect.runPromise,
  )
  return {
    pieces: [...Bitfield.pieces(found.have)].map(Number),
    found,
    isChecked: told.some(({ _tag }) => _tag === "Checking"),
    warnings: told.flatMap((one) => one._tag === "Warning" ? [one.message] : []),
    kept: [...saved.values()][0],
  }
}

/** Expects that the pieces were looked at, that a word was said, and that the file is still the one that was there. */
const expectRecheck = async (bytes: Bytes, reason: RegExp): Promise<void> => {
  const { found, isChecked, kept, pieces, warnings } = await next(bytes)
  expect(pieces).toEqual(THERE)
  expect(isChecked).toBe(true)
  expect(warnings).toHaveLength(1)
  expect(warnings[0]).toMatch(reason)
  expect(found).toMatchObject({ uploadedBytes: 0, downloadedBytes: 0, isSaved: false })
  expectBytes(kept, bytes)
}

row(82, "resume data as it was saved -> believed, so that the rows below can fail", async () => {
  const { found, isChecked, pieces, warnings } = await next(Resume.encode(RIGHT))
  expect([pieces, isChecked, warnings]).toEqual([THERE, false, []])
  expect(found).toMatchObject({ uploadedBytes: 3, downloadedBytes: 5, isSaved: true })
  // Claims are taken at their word where nothing speaks against them: that is why they are sealed.
  const lie = Resume.encode({ ...RIGHT, have: claiming([0, 3, 5]) })
  expect((await next(lie)).pieces).toEqual([0, 3, 5])
})

row(82, "resume data cut off at every byte -> a recheck, and the file is kept", async () => {
  const bytes = Resume.encode(RIGHT)
  for (let length = 0; length < bytes.length; length++) {
    await expectRecheck(bytes.slice(0, length), /damaged/)
  }
})

row(82, "resume data with any one bit turned over -> a recheck, and the file is kept", async () => {
  const bytes = Resume.encode(RIGHT)
  // Every bit of a byte, and nearly every byte; the rest is in tests/core/torrent/Resume.test.ts.
  for (let bit = 0; bit < bytes.length * 8; bit += 7) {
    const flipped = bytes.slice()
    flipped[bit >> 3]! ^= 1 << (bit & 7)
    await expectRecheck(flipped, /damaged/)
  }
})

const entries = {
  version: Resume.VERSION,
  infoHash: fromHex(infoHash)!,
  have: RIGHT.have.bytes,
  files: STATS.map(({ bytes, mtimeMs }) => [bytes, mtimeMs]),
  uploadedBytes: 3,
  downloadedBytes: 5,
}

const SEALED: ReadonlyArray<readonly [string, Encode.Encodable, RegExp]> = [
  ["of another torrent", { ...entries, infoHash: new Uint8Array(20) }, /of another torrent/],
  ["of another version", { ...entries, version: 1 }, /unsupported version/],
  ["with a longer bitfield", { ...entries, have: new Uint8Array(2) }, /bad bitfield/],
  ["with bits beyond the last piece", { ...entries, have: Uint8Array.of(0xff) }, /bad bitfield/],
  ["with a file too many", { ...entries, files: [...entries.files, [1, 1]] }, /bad list of files/],
  [
    "with names instead of files",
    { ...entries, files: [latin1("../x"), latin1("/etc")] },
    /bad list of files/,
  ],
  ["with a negative size", { ...entries, files: [[-1, 1], [3_000, 2]] }, /bad list of files/],
  ["with negative totals", { ...entries, uploadedBytes: -1 }, /bad totals/],
  ["with totals beyond 2^53", { ...entries, downloadedBytes: 2n ** 63n }, /bad totals/],
  ["that is no dictionary", [], /malformed/],
]

for (const [what, value, reason] of SEALED) {
  row(
    82,
    `resume data ${what} -> a recheck, and the file is kept`,
    () => expectRecheck(Resume.seal(Encode.encode(value)), reason),
  )
}

row(
  82,
  "resume data with 200,000 lists in it -> a recheck, within a token limit",
  () => expectRecheck(Resume.seal(latin1(`d5:filesl${"le".repeat(200_000)}ee`)), /malformed/),
)

/** Real files, and whatever stands where their resume data should be. */
const onFiles = async (put: (file: string, outside: string) => void) => {
  using folder = TempDir.make("state")
  const directory = folder.sub("downloads")
  const outside = folder.sub("outside")
  metainfo.files.forEach(({ path }, i) => {
    mkdirSync(join(directory, path, ".."), { recursive: true })
    writeFileSync(join(directory, path), onDisk().slice(3_000 * i, 3_000 * (i + 1)))
  })
  mkdirSync(join(directory, ".shoal"))
  const file = join(directory, ".shoal", `${infoHash}.resume`)
  put(file, outside)
  const told: Array<Resumption.Progress> = []
  const found = await Effect.gen(function* () {
    const store = yield* (yield* BlockStore.BlockStore).open(Layout.of(metainfo, directory, undefined))
    return yield* Resumption.existing(store, metainfo, directory, (one) => told.push(one))
  }).pipe(
    Effect.scoped,
    Effect.provide(Layer.mergeAll(NodeBlockStore.layer, Hasher.layerMemory, NodeResumeStore.layer)),
    Effect.runPromise,
  )
  expect([...Bitfield.pieces(found.have)].map(Number)).toEqual(THERE)
  return told.flatMap((one) => one._tag === "Warning" ? [one.message] : [])
}

row(
  82,
  "a link, a folder or 3 GiB in the place of resume data -> a recheck, and it stays as it is",
  async () => {
    const cases: ReadonlyArray<readonly [RegExp, (file: string, outside: string) => void]> = [
      [/something else is in its place/, (file, outside) => {
        writeFileSync(join(outside, "other"), Resume.encode({ ...RIGHT, have: claiming([0]) }))
        symlinkSync(join(outside, "other"), file)
      }],
      [/something else is in its place/, (file) => mkdirSync(file)],
      [/too large/, (file) => {
        writeFileSync(file, "")
        truncateSync(file, 3 * 2 ** 30)
      }],
    ]
    for (const [reason, put] of cases) {
      let path = ""
      const warnings = await onFiles((file, outside) => {
        put(file, outside)
        path = file
      })
      expect(path).not.toBe("")
      expect(warnings).toHaveLength(1)
      expect(warnings[0]).toMatch(reason)
    }
  },
)

row(
  82,
  "resume data that is right but older than its files -> what changed is checked, nothing is believed",
  async () => {
    let before: Buffer | undefined
    const warnings = await onFiles((file) => {
      const old = Resume.encode({ ...RIGHT, have: claiming([0, 3, 5]) })
      writeFileSync(file, old)
      before = readFileSync(file)
      expect(statSync(file).size).toBe(old.length)
    })
    expect(before).toBeDefined()
    expect(warnings).toEqual([])
  },
)
