/** What is really on the disk, apart from all that shoal says: every piece compared with the content that it should be. */
import { lstatSync, readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { Buffer } from "node:buffer"
import type { Metainfo } from "../../core/metainfo/Metainfo.ts"
import * as Parse from "../../core/metainfo/Parse.ts"
import * as Bitfield from "../../core/torrent/Bitfield.ts"
import * as Resume from "../../core/torrent/Resume.ts"
import type { TestTorrent } from "../support/Torrents.ts"

/** A torrent and all of its bytes. */
export interface Subject {
  readonly torrent: TestTorrent
  readonly metainfo: Metainfo
  readonly content: Buffer
}

export const subjectOf = (torrent: TestTorrent): Subject => {
  const parsed = Parse.parse(readFileSync(torrent.file), { names: "posix" })
  if (!parsed.ok) throw new Error(parsed.error.message)
  const content = Buffer.concat(torrent.files.map(({ path }) => readFileSync(join(torrent.dataDir, path))))
  return { torrent, metainfo: parsed.value, content }
}

export interface Truth {
  /** Pieces that are there, whole and right. */
  readonly good: ReadonlySet<number>
  readonly goodBytes: number
  readonly resume: "none" | "whole" | "torn"
  /** What a next run would take for granted, and what of that is not there: the one thing that must never be. */
  readonly believed: number
  readonly wronglyBelieved: ReadonlyArray<number>
}

export const resumeFile = ({ torrent }: Subject, out: string): string =>
  join(out, ".shoal", `${torrent.infoHash}.resume`)

export const look = (subject: Subject, out: string): Truth => {
  const { content, metainfo, torrent } = subject
  const { pieceBytes, pieceCount } = metainfo.geometry
  const found = Buffer.alloc(content.length)
  const isThere = new Uint8Array(pieceCount).fill(1)
  const stats: Array<Resume.FileStat | undefined> = []
  let at = 0
  for (const { path, length } of torrent.files) {
    const stat = lstatSync(join(out, path), { throwIfNoEntry: false })
    const bytes = stat?.isFile() === true ? readFileSync(join(out, path)) : Buffer.alloc(0)
    stats.push(stat?.isFile() === true ? { bytes: stat.size, mtimeMs: Math.floor(stat.mtimeMs) } : undefined)
    bytes.copy(found, at, 0, length)
    // A piece whose content is zero would else look as if it were there.
    if (bytes.length < length) {
      for (
        let piece = Math.floor((at + bytes.length) / pieceBytes);
        piece * pieceBytes < at + length;
        piece++
      ) {
        isThere[piece] = 0
      }
    }
    at += length
  }
  const good = new Set<number>()
  let goodBytes = 0
  for (let piece = 0; piece < pieceCount; piece++) {
    const [start, end] = [piece * pieceBytes, Math.min(content.length, (piece + 1) * pieceBytes)]
    if (isThere[piece] === 0 || found.compare(content, start, end, start, end) !== 0) continue
    good.add(piece)
    goodBytes += end - start
  }
  const claims = claimsOf(subject, out, stats)
  return { good, goodBytes, ...claims, wronglyBelieved: claims.wronglyBelieved(good) }
}

const claimsOf = (subject: Subject, out: string, stats: ReadonlyArray<Resume.FileStat | undefined>) => {
  const { geometry, infoHash } = subject.metainfo
  const file = resumeFile(subject, out)
  if (lstatSync(file, { throwIfNoEntry: false }) === undefined) {
    return { resume: "none" as const, believed: 0, wronglyBelieved: () => [] }
  }
  const decoded = Resume.decode(readFileSync(file), geometry, infoHash)
  if (!decoded.ok) return { resume: "torn" as const, believed: 0, wronglyBelieved: () => [] }
  const { believed } = Resume.believe(decoded.value, stats, geometry)
  return {
    resume: "whole" as const,
    believed: believed.count,
    wronglyBelieved: (good: ReadonlySet<number>) =>
      [...Bitfield.pieces(believed)].filter((piece) => !good.has(piece)),
  }
}

/** Drafts that nobody will rename any more: of a killed process; the next save takes their place. */
export const drafts = (out: string): ReadonlyArray<string> =>
  readdirSync(out, { recursive: true }).map(String).filter((name) => name.endsWith(".new"))
