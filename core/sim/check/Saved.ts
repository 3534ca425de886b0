/**
 * What is saved between runs is what there was: resume data read back says the same, and the pieces in it are those that
 * the node said it had verified.
 */
import * as Digest from "../../base/Digest.ts"
import type { Bytes } from "../../base/Bytes.ts"
import type { Millis } from "../../base/Time.ts"
import * as Bitfield from "../../torrent/Bitfield.ts"
import * as Resume from "../../torrent/Resume.ts"
import type * as State from "../../torrent/State.ts"
import type { Book } from "./Books.ts"
import { type Rule, rule } from "./Checker.ts"

/** How resume data is written and read; another way than the client's only where a test wants to see it fail. */
export interface Codec {
  readonly encode: (resume: Resume.Resume) => Bytes
  readonly decode: typeof Resume.decode
}

/** Every so many pieces: a run with many of them is no better saved after each. */
const EVERY_PIECES = 7

export const saved = (codec: Codec = Resume): Rule =>
  rule("resume", (fail) => {
    const look = (book: Book, now: Millis): void => {
      const torrent = book.node.torrent()
      const fault = torrent === undefined ? undefined : check(codec, torrent, book)
      if (fault !== undefined) fail(book.node, now, fault)
    }
    return {
      closed: look,
      after: (book, { commands, now }) => {
        const { have } = book
        if (have.count % EVERY_PIECES !== 1 && !Bitfield.isFull(have)) return
        if (commands.some((one) => one._tag === "Emit" && one.event._tag === "PieceVerified")) look(book, now)
      },
    }
  })

const check = (codec: Codec, torrent: State.Torrent, { have }: Book): string | undefined => {
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
