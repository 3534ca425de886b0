/** Whoever is connected and lacks a piece hears of it as soon as it is verified, once (BEP 3, HAVE). */
import type { ConnId } from "../../client/Input.ts"
import * as Bitfield from "../../torrent/Bitfield.ts"
import { books, entry, isCorrect, make } from "./Books.ts"
import type { Checker } from "./Checker.ts"
import * as Holdings from "./Holdings.ts"
import * as Transcript from "./Transcript.ts"
import * as Wire from "./Wire.ts"

interface Peer {
  /** It has said who it is, and so have we. */
  heardHandshake: boolean
  saidHandshake: boolean
  /** What it is known to have, and what it was told that we have. */
  readonly has: Bitfield.Bitfield
  readonly told: Bitfield.Bitfield
}

interface Book {
  readonly holdings: Holdings.Holdings
  readonly peers: Map<ConnId, Peer>
}

export const news = (transcript: Transcript.Transcript): Checker =>
  make("news", (fail) => {
    const nodes = books((): Book => ({ holdings: Holdings.make(), peers: new Map() }))
    return {
      nodeDown: (node) => {
        nodes.forget(node)
        Transcript.forget(transcript, node)
      },
      stepped: (node, input, commands, now) => {
        if (!isCorrect(node)) return
        const { ended, lines } = Transcript.step(transcript, node, input, commands)
        const { holdings, peers } = nodes.of(node)
        Holdings.note(holdings, input, commands)
        const { pieceCount } = holdings.metainfo?.geometry ?? { pieceCount: 0 }
        for (const { conn, isOurs, message } of lines) {
          const peer = entry(peers, conn, () => ({
            heardHandshake: false,
            saidHandshake: false,
            has: Bitfield.make(pieceCount),
            told: Bitfield.make(pieceCount),
          }))
          if (message._tag === "Handshake") {
            if (isOurs) peer.saidHandshake = true
            else peer.heardHandshake = true
          } else if (!learn(isOurs ? peer.told : peer.has, message) && isOurs) {
            fail(node, now, `on connection ${conn} it announces ${Wire.show(message)} a second time`)
          }
        }
        for (const conn of ended) peers.delete(conn)
        for (const command of commands) {
          if (command._tag !== "Emit" || command.event._tag !== "PieceVerified") continue
          const { piece } = command.event
          for (const [conn, { has, heardHandshake, saidHandshake, told }] of peers) {
            if (!heardHandshake || !saidHandshake) continue
            if (Bitfield.get(has, piece) || Bitfield.get(told, piece)) continue
            fail(node, now, `on connection ${conn} it doesn't say that piece ${piece} is verified`)
          }
        }
      },
    }
  })

/** False if it was known. */
const learn = (known: Bitfield.Bitfield, message: Wire.Message): boolean => {
  if (message._tag === "HaveAll") Bitfield.fill(known)
  else if (message._tag === "Have" && message.piece < known.length) return Bitfield.set(known, message.piece)
  else if (message._tag === "Bitfield") {
    const bits = Bitfield.fromWire(message.bits, known.length)
    if (bits.ok) Bitfield.assign(known, bits.value)
  }
  return true
}
