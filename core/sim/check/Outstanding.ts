/** A peer is never asked for more blocks at a time than it said it takes (BEP 10, `reqq`). */
import { type Millis, SECOND } from "../../base/Time.ts"
import * as Decode from "../../bencode/Decode.ts"
import * as Value from "../../bencode/Value.ts"
import type { ConnId } from "../../client/Input.ts"
import { books, entry, isCorrect, make } from "./Books.ts"
import type { Checker } from "./Checker.ts"
import * as Transcript from "./Transcript.ts"
import type * as Wire from "./Wire.ts"

/** What most peers take that don't say. */
const USUAL_REQQ = 250

/** An answer that is so late may have been given up, which is not told to the peer. */
const GIVEN_UP_MS = 20 * SECOND

interface Peer {
  reqq: number
  isFast: boolean
  /** Blocks asked for and not answered or taken back, with the time of asking. */
  readonly asked: Map<number, Millis>
}

/** A block of a piece as one number. */
export const keyOf = ({ begin, piece }: { readonly piece: number; readonly begin: number }): number =>
  piece * 2 ** 32 + begin

export const outstanding = (transcript: Transcript.Transcript): Checker =>
  make("outstanding", (fail) => {
    const nodes = books(() => new Map<ConnId, Peer>())
    return {
      nodeDown: (node) => {
        nodes.forget(node)
        Transcript.forget(transcript, node)
      },
      stepped: (node, input, commands, now) => {
        const { ended, lines } = Transcript.step(transcript, node, input, commands)
        const peers = nodes.of(node)
        for (const { conn, isOurs, message } of lines) {
          const peer = entry(peers, conn, () => ({ reqq: USUAL_REQQ, isFast: false, asked: new Map() }))
          if (!isOurs) hear(peer, message)
          else if (message._tag === "Cancel") peer.asked.delete(keyOf(message))
          else if (message._tag === "Request") {
            peer.asked.set(keyOf(message), input.now)
            if (peer.asked.size > peer.reqq) forgetLate(peer, input.now)
            if (peer.asked.size <= peer.reqq || !isCorrect(node)) continue
            fail(node, now, `on connection ${conn} it waits for ${peer.asked.size} of ${peer.reqq} blocks`)
          }
        }
        for (const conn of ended) peers.delete(conn)
      },
    }
  })

const hear = (peer: Peer, message: Wire.Message): void => {
  switch (message._tag) {
    case "Handshake":
      peer.isFast = message.fast
      return
    case "Choke":
      // Without the fast extension that drops what was asked (BEP 6).
      if (!peer.isFast) peer.asked.clear()
      return
    case "Payload":
      if (message.isLast) peer.asked.delete(keyOf(message))
      return
    case "Reject":
      peer.asked.delete(keyOf(message))
      return
    case "Extended":
      if (message.id === 0) peer.reqq = reqqOf(message.body) ?? peer.reqq
      return
  }
}

const reqqOf = (body: Uint8Array): number | undefined => {
  const decoded = Decode.decode(body, { maxDepth: 8, maxTokens: 1_000 })
  return decoded.ok ? Value.integer(Value.get(decoded.value, "reqq"), 1) : undefined
}

const forgetLate = ({ asked }: Peer, now: Millis): void => {
  for (const [key, askedAt] of asked) if (now - askedAt >= GIVEN_UP_MS) asked.delete(key)
}
