/** Torrents that came with the files that they are of: every piece is what its hash says. */
import * as Bytes from "../../core/base/Bytes.ts"
import { sha1 } from "../../core/base/Sha1.ts"
import * as Geometry from "../../core/metainfo/Geometry.ts"
import { pieceHash } from "../../core/metainfo/Metainfo.ts"
import * as Parse from "../../core/metainfo/Parse.ts"
import { type Case, type Section } from "./Check.ts"
import * as Folder from "./Folder.ts"

const FIXTURES = ["webtorrent", "fixtures"]
const RAIN = ["rain", "torrent", "testdata"]

/** Rain's large file of zeros was left out where the corpora were gathered. */
const ZEROS = "sample_torrent/data/zero.bin"

const check = (folder: ReadonlyArray<string>, name: string): Case => ({
  name,
  run: () => {
    const parsed = Parse.parse(Folder.read(...folder, `${name}.torrent`), { names: "posix" })
    if (!parsed.ok) return { verdict: "rejected", problems: [`refused: ${parsed.error.message}`] }
    const { files, geometry } = parsed.value
    const whole = Bytes.concat(
      files.map(({ bytes, path }) => path === ZEROS ? new Uint8Array(bytes) : Folder.read(...folder, path)),
    )
    const wrong = [...Geometry.pieces(geometry)].filter((piece) => {
      const start = Geometry.pieceOffset(geometry, piece)
      const bytes = whole.subarray(start, start + Geometry.pieceLength(geometry, piece))
      return !Bytes.equals(sha1(bytes), pieceHash(parsed.value, piece))
    })
    return { verdict: "accepted", problems: wrong.map((piece) => `piece ${piece} is not that of the files`) }
  },
})

export const sections: ReadonlyArray<Section> = [
  {
    title: "webtorrent, rain: torrents with their files",
    needs: [FIXTURES, RAIN],
    minimum: 6,
    cases: () => [
      ...["alice", "folder", "leaves", "lots-of-numbers", "numbers"].map((name) => check(FIXTURES, name)),
      check(RAIN, "sample_torrent"),
    ],
  },
]
