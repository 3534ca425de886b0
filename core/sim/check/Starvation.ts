/**
 * Nobody who wants something waits for ever: whoever stays connected and interested is unchoked within so many rounds,
 * whatever the choker's policy, by the optimistic slots alone.
 */
import { type Millis, SECOND } from "../../base/Time.ts"
import type { ConnId, Input } from "../../client/Input.ts"
import * as Bitfield from "../../torrent/Bitfield.ts"
import { books, entry, isHonest, make } from "./Books.ts"
import type { Checker } from "./Checker.ts"
import * as Transcript from "./Transcript.ts"
import type * as Wire from "./Wire.ts"

interface Peer {
  isInterested: boolean
  isUnchoked: boolean
  readonly has: Bitfield.Bitfield
  /** When the wait began; counts only while it wants something and has no slot. */
  since: Millis
  /** Of all that have waited beside it, the most at a time. */
  rivals: number
}

interface Book {
  slots: number
  pieceCount: number
  /** The earliest time at which somebody may have waited too long. */
  lookAt: Millis
  readonly peers: Map<ConnId, Peer>
}

/** An optimistic slot passes on after 30 seconds, at the next of the rounds of 10 seconds (BEP 3). */
const TURN_MS = 40 * SECOND

/** Luck may pass over somebody for two fair shares; then it is first come, first served, for one more share and some. */
const SHARES = 4

/** Every free-for-all has its beginning: connections and interests come in one by one. */
const GRACE_MS = 60 * SECOND

/** One slot of five, at least one, is given without regard to merit. */
const bound = (slots: number, rivals: number): Millis =>
  GRACE_MS + SHARES * TURN_MS * Math.ceil(rivals / Math.max(1, Math.floor(slots / 5)))

const waits = (peer: Peer): boolean => peer.isInterested && !peer.isUnchoked && !Bitfield.isFull(peer.has)

export const starvation = (transcript: Transcript.Transcript): Checker =>
  make("starvation", (fail) => {
    const nodes = books((): Book => ({ slots: 0, pieceCount: 0, lookAt: Infinity, peers: new Map() }))
    return {
      nodeDown: (node) => {
        nodes.forget(node)
        Transcript.forget(transcript, node)
      },
      stepped: (node, input, commands, now) => {
        const { ended, lines } = Transcript.step(transcript, node, input, commands)
        if (!isHonest(node)) return
        const book = nodes.of(node)
        const { peers } = book
        if (input._tag === "Add") start(book, input)
        let isNews = false
        for (const { conn, isOurs, message } of lines) {
          const peer = entry(peers, conn, () => newcomer(book.pieceCount))
          isNews = take(peer, isOurs, message, input.now) || isNews
        }
        for (const conn of ended) peers.delete(conn)
        if (isNews) count(book)
        if (input.now < book.lookAt) return
        for (const [conn, peer] of peers) {
          const waitedMs = input.now - peer.since
          if (!waits(peer) || waitedMs <= bound(book.slots, peer.rivals)) continue
          const wait = `${Math.round(waitedMs / SECOND)} s, with at most ${peer.rivals} waiting`
          fail(node, now, `connection ${conn} has waited for one of ${book.slots} slots for ${wait}`)
          peer.since = input.now
        }
        count(book)
      },
    }
  })

const start = (book: Book, { metainfo, options }: Extract<Input, { readonly _tag: "Add" }>): void => {
  book.pieceCount = metainfo.geometry.pieceCount
  const { slots } = options.choker
  book.slots = slots._tag === "Fixed" ? slots.slots : slots.min
}

const newcomer = (pieceCount: number): Peer => ({
  isInterested: false,
  isUnchoked: false,
  has: Bitfield.make(pieceCount),
  since: 0,
  rivals: 1,
})

/** True if somebody began or ceased to wait. */
const take = (peer: Peer, isOurs: boolean, message: Wire.Message, now: Millis): boolean => {
  const before = waits(peer)
  if (isOurs) {
    if (message._tag === "Choke") peer.isUnchoked = false
    else if (message._tag === "Unchoke") peer.isUnchoked = true
  } else if (message._tag === "Interested") peer.isInterested = true
  else if (message._tag === "NotInterested") peer.isInterested = false
  else if (message._tag === "HaveAll") Bitfield.fill(peer.has)
  else if (message._tag === "Have" && message.piece < peer.has.length) Bitfield.set(peer.has, message.piece)
  else if (message._tag === "Bitfield") {
    const bits = Bitfield.fromWire(message.bits, peer.has.length)
    if (bits.ok) Bitfield.assign(peer.has, bits.value)
  }
  const after = waits(peer)
  if (after && !before) {
    peer.since = now
    peer.rivals = 1
  }
  return after !== before
}

/** Who waits has that many rivals now; and when the first of them would have waited too long. */
const count = (book: Book): void => {
  let waiting = 0
  for (const peer of book.peers.values()) if (waits(peer)) waiting++
  book.lookAt = Infinity
  for (const peer of book.peers.values()) {
    if (!waits(peer)) continue
    peer.rivals = Math.max(peer.rivals, waiting)
    book.lookAt = Math.min(book.lookAt, peer.since + bound(book.slots, peer.rivals))
  }
}
