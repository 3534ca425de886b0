/**
 * What is saved between runs is what there was: resume data read back says the same, and the pieces in it are those that
 * the node said it had verified.
 */
import * as Digest from "../../base/Digest.ts"
import type { Bytes } from "../../base/Bytes.ts"
import * as Bitfield from "../../torrent/Bitfield.ts"
import * as Resume from "../../torrent/Resume.ts"
import type * as State from "../../torrent/State.ts"
import { books, make } from "./Books.ts"
import type { Checker } from "./Checker.ts"
import * as Holdings from "./Holdings.ts"

/** How resume data is written and read; another way than the client's only where a test wants to see it fail. */
export interface Codec {
  readonly encode: (resume: Resume.Resume) => Bytes
  readonly decode: typeof Resume.decode
}

/** Every so many pieces: a run with many of them is no better saved after each. */
const EVERY_PIECES = 7

export const saved = (codec: Codec = Resume): Checker =>
  make("resume", (fail) => {
    const nodes = books(Holdings.make)
    return {
      nodeDown: (node, now) => {
        const torrent = node.torrent()
        const fault = torrent === undefined ? undefined : check(codec, torrent, nodes.of(node))
        if (fault !== undefined) fail(node, now, fault)
        nodes.forget(node)
      },
      stepped: (node, input, commands, now) => {
        const holdings = nodes.of(node)
        const before = holdings.have.count
        Holdings.note(holdings, input, commands)
        const { count } = holdings.have
        if (count === before || (count % EVERY_PIECES !== 1 && !Bitfield.isFull(holdings.have))) return
        const torrent = node.torrent()
        const fault = torrent === undefined ? undefined : check(codec, torrent, holdings)
        if (fault !== undefined) fail(node, now, fault)
      },
    }
  })

const check = (codec: Codec, torrent: State.Torrent, { have }: Holdings.Holdings): string | undefined => {
  const { downloadRate, metainfo, uploadRate } = torrent
  const resume: Resume.Resume = {
    infoHash: metainfo.infoHash,
    have: torrent.have,
    // Files as long as what is in them, changed when the last piece came: two that differ, and one that isn't there.
    files: metainfo.geometry.files.map(({ bytes }, i) =>
      i % 3 === 2 ? undefined : { bytes, mtimeMs: have.count }
    ),
    uploadedBytes: uploadRate.totalBytes,
    downloadedBytes: downloadRate.totalBytes,
  }
  const bytes = codec.encode(resume)
  const read = codec.decode(bytes, metainfo.geometry, metainfo.infoHash)
  if (!read.ok) return `its resume data can't be read: ${read.error}`
  if (Digest.digest(plain(read.value)) !== Digest.digest(plain(resume))) {
    return "its resume data says something else when it is read"
  }
  if (Digest.digest(read.value.have.bytes) === Digest.digest(have.bytes)) return undefined
  return `its resume data has ${read.value.have.count} pieces, and it has verified ${have.count}`
}

/** Without the words of the bitfield, which have their machine's order, and what lies behind them. */
const plain = ({ have, ...rest }: Resume.Resume): unknown => ({
  ...rest,
  have: { bytes: have.bytes, count: have.count, length: have.length },
})
