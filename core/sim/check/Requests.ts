/** Nothing is asked for that the peer hasn't said it has, or that is verified here already; and only whole blocks. */
import * as Geometry from "../../metainfo/Geometry.ts"
import * as Bitfield from "../../torrent/Bitfield.ts"
import type { Book, Conn } from "./Books.ts"
import { type Rule, rule } from "./Checker.ts"
import type * as Wire from "./Wire.ts"

export const requests = (): Rule =>
  rule("requests", (fail) => ({
    said: (book, conn, message, { now }) => {
      if (message._tag !== "Request") return
      const wrong = faultOf(book, conn, message)
      if (wrong === undefined) return
      const { begin, length, piece } = message
      fail(book.node, now, `on connection ${conn.id} it asks for ${piece}:${begin}+${length}, ${wrong}`)
    },
  }))

const faultOf = ({ have, metainfo }: Book, conn: Conn, message: Wire.Block): string | undefined => {
  const { begin, length, piece } = message
  if (metainfo === undefined) return undefined
  if (Geometry.blockIndex(metainfo.geometry, piece, begin, length) === undefined) {
    return "which is no block of this torrent"
  }
  if (!Bitfield.get(conn.has, piece)) return "which the peer hasn't said it has"
  return Bitfield.get(have, piece) ? "whose piece is verified already" : undefined
}
