/** Nothing is asked for that the peer hasn't said it has, or that is verified here already; and only whole blocks. */
import * as Geometry from "../../metainfo/Geometry.ts"
import type { ConnId } from "../../client/Input.ts"
import * as Bitfield from "../../torrent/Bitfield.ts"
import { books, entry, isCorrect, make } from "./Books.ts"
import type { Checker } from "./Checker.ts"
import * as Holdings from "./Holdings.ts"
import * as Transcript from "./Transcript.ts"
import type * as Wire from "./Wire.ts"

interface Book {
  readonly holdings: Holdings.Holdings
  /** What each peer has said that it has. */
  readonly peers: Map<ConnId, Bitfield.Bitfield>
}

export const requests = (transcript: Transcript.Transcript): Checker =>
  make("requests", (fail) => {
    const nodes = books((): Book => ({ holdings: Holdings.make(), peers: new Map() }))
    return {
      nodeDown: (node) => {
        nodes.forget(node)
        Transcript.forget(transcript, node)
      },
      stepped: (node, input, commands, now) => {
        const { ended, lines } = Transcript.step(transcript, node, input, commands)
        const { holdings, peers } = nodes.of(node)
        Holdings.note(holdings, input, commands)
        if (holdings.metainfo === undefined) return
        const { geometry } = holdings.metainfo
        for (const { conn, isOurs, message } of lines) {
          const has = entry(peers, conn, () => Bitfield.make(geometry.pieceCount))
          if (!isOurs) hear(has, message)
          else if (message._tag === "Request" && isCorrect(node)) {
            const { begin, length, piece } = message
            const wrong = Geometry.blockIndex(geometry, piece, begin, length) === undefined
              ? "which is no block of this torrent"
              : !Bitfield.get(has, piece)
              ? "which the peer hasn't said it has"
              : Bitfield.get(holdings.have, piece)
              ? "whose piece is verified already"
              : undefined
            if (wrong === undefined) continue
            fail(node, now, `on connection ${conn} it asks for ${piece}:${begin}+${length}, ${wrong}`)
          }
        }
        for (const conn of ended) peers.delete(conn)
      },
    }
  })

/** A SUGGEST or ALLOWED_FAST is no word about what the peer has (BEP 6). */
const hear = (has: Bitfield.Bitfield, message: Wire.Message): void => {
  if (message._tag === "HaveAll") Bitfield.fill(has)
  else if (message._tag === "Have" && message.piece < has.length) Bitfield.set(has, message.piece)
  else if (message._tag === "Bitfield") {
    const bits = Bitfield.fromWire(message.bits, has.length)
    if (bits.ok) Bitfield.assign(has, bits.value)
  }
}
