/** What the chaos runs look at can fail: a claim of a piece that isn't there, and resume data that is torn, are seen. */
import { copyFileSync, lstatSync, mkdirSync, truncateSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { afterAll, beforeAll, expect, test } from "vitest"
import * as Bitfield from "../../core/torrent/Bitfield.ts"
import * as Resume from "../../core/torrent/Resume.ts"
import * as TempDir from "../support/TempDir.ts"
import * as Torrents from "../support/Torrents.ts"
import * as Truth from "./Truth.ts"

const temp = TempDir.make("truth")
afterAll(temp.remove)
const out = temp.sub("out")
let subject: Truth.Subject
beforeAll(async () => {
  subject = Truth.subjectOf(await Torrents.small(temp.sub("torrent"), 400_000, 32_768))
  const { name, dataDir } = subject.torrent
  copyFileSync(join(dataDir, name), join(out, name))
})

/** Saves that all pieces are there, of files as they look now. */
const claimAll = (): void => {
  const { geometry, infoHash } = subject.metainfo
  const { mtimeMs, size } = lstatSync(join(out, subject.torrent.name))
  const file = Truth.resumeFile(subject, out)
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(
    file,
    Resume.encode({
      infoHash,
      have: Bitfield.full(geometry.pieceCount),
      files: [{ bytes: size, mtimeMs: Math.floor(mtimeMs) }],
      uploadedBytes: 0,
      downloadedBytes: 0,
    }),
  )
}

test("the disk as it is: every piece, and claims that are right, wrong, torn or out of date", () => {
  const { pieceCount, totalLength } = subject.torrent
  const data = join(out, subject.torrent.name)
  expect(Truth.look(subject, out)).toMatchObject({
    goodBytes: totalLength,
    resume: "none",
    wronglyBelieved: [],
  })

  claimAll()
  expect(Truth.look(subject, out)).toMatchObject({
    believed: pieceCount,
    resume: "whole",
    wronglyBelieved: [],
  })

  const bytes = Uint8Array.from(subject.content)
  bytes[3 * 32_768 + 5]! ^= 1
  writeFileSync(data, bytes)
  claimAll() // of the file as it is now, with its wrong byte
  const lied = Truth.look(subject, out)
  expect(lied.wronglyBelieved).toEqual([3])
  expect(lied.good.has(3)).toBe(false)
  expect(lied.good.size).toBe(pieceCount - 1)

  truncateSync(data, 100_000)
  expect(Truth.look(subject, out)).toMatchObject({ believed: 0, resume: "whole", wronglyBelieved: [] })
  expect([...Truth.look(subject, out).good]).toEqual([0, 1, 2])

  truncateSync(Truth.resumeFile(subject, out), 30)
  expect(Truth.look(subject, out)).toMatchObject({ believed: 0, resume: "torn" })
})
