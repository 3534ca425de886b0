/**
 * Once nothing is broken any more, everybody gets there: an honest leecher from which a whole copy can be reached, over
 * honest nodes, is complete within a time that a much worse protocol would keep, too.
 */
import { type Millis, MINUTE, NEVER, SECOND } from "../../base/Time.ts"
import * as Bitfield from "../../torrent/Bitfield.ts"
import type { NodeView, WorldView } from "../Observer.ts"
import { books, isHonest, make } from "./Books.ts"
import type { Checker } from "./Checker.ts"

interface Book {
  upAt: Millis
  isComplete: boolean
  hasFailed: boolean
  /** When each piece was verified; NEVER: not yet. */
  gotAt: Array<Millis>
}

/** A tracker may be asked again after half an hour, and a peer that could not be reached may be dialled as late. */
const PATIENCE_MS = 60 * MINUTE

/** So much longer than all lines in full use would take. */
const GENEROSITY = 10

/** A line without a limit is taken to be no faster than this. */
const FAST_BYTES_PER_SEC = 10 * 1024 * 1024

const rateOf = (bytesPerSec: number): number => bytesPerSec === 0 ? FAST_BYTES_PER_SEC : bytesPerSec

export const liveness = (): Checker =>
  make("liveness", (fail) => {
    const nodes = books((): Book => ({ upAt: 0, isComplete: false, hasFailed: false, gotAt: [] }))
    return {
      nodeDown: (node) => nodes.forget(node),
      stepped: (node, input, commands, now) => {
        if (input._tag === "Add") {
          const { have } = input.options
          nodes.forget(node)
          const book = nodes.of(node)
          book.upAt = now
          for (let piece = 0; piece < have.length; piece++) {
            book.gotAt.push(Bitfield.get(have, piece) ? now : NEVER)
          }
        }
        for (const command of commands) {
          if (command._tag !== "Emit") continue
          const { event } = command
          if (event._tag === "PieceVerified") nodes.of(node).gotAt[event.piece] = now
          else if (event._tag === "Completed") nodes.of(node).isComplete = true
          else if (event._tag === "Failed") nodes.of(node).hasFailed = true
        }
      },
      ended: (world) => {
        const takesPart = (node: NodeView): boolean =>
          node.isUp && isHonest(node) && !nodes.of(node).hasFailed && nodes.of(node).gotAt.length > 0
        const honest = world.nodes.filter(takesPart)
        const boundMs = bound(world, honest)
        for (const node of honest) {
          const { gotAt, isComplete, upAt } = nodes.of(node)
          if (isComplete || node.peerClass.role === "seeder") continue
          const books = reachable(node, honest).map((other) => nodes.of(other))
          const since = Math.max(world.scenario.faults.untilMs, upAt, copyAt(books, gotAt.length))
          if (world.now - since < boundMs) continue
          const missing = gotAt.filter((at) => at === NEVER).length
          const time = `${Math.round((world.now - since) / SECOND)} s`
          fail(
            node,
            world.now,
            `it lacks ${missing} of ${gotAt.length} pieces, ${time} after it could begin to get them`,
          )
        }
      },
    }
  })

/** What all lines could carry in this time, as if nothing else were on them, is several times what is to be carried. */
const bound = ({ scenario }: WorldView, honest: ReadonlyArray<NodeView>): Millis => {
  let takers = 0
  for (const { count, role } of scenario.classes) if (role === "leecher") takers += count
  let upload = 0
  let slowest = FAST_BYTES_PER_SEC
  for (const { peerClass } of honest) {
    upload += rateOf(peerClass.uploadRateBytesPerSec)
    slowest = Math.min(slowest, rateOf(peerClass.downloadRateBytesPerSec))
  }
  const seconds = Math.max(scenario.sizeBytes / slowest, scenario.sizeBytes * takers / Math.max(1, upload))
  return PATIENCE_MS + GENEROSITY * seconds * SECOND
}

/** Those between whom and a node pieces can travel: of two that nobody can connect to, neither reaches the other. */
const reachable = (from: NodeView, honest: ReadonlyArray<NodeView>): ReadonlyArray<NodeView> => {
  const reached = new Set([from])
  for (const node of reached) {
    for (const other of honest) {
      if (!node.peerClass.isBehindNat || !other.peerClass.isBehindNat) reached.add(other)
    }
  }
  return [...reached]
}

/** Since when each piece has been with one of them; NEVER: one piece is with nobody. */
const copyAt = (books: ReadonlyArray<Book>, pieceCount: number): Millis => {
  let latest = 0
  for (let piece = 0; piece < pieceCount; piece++) {
    let earliest = NEVER
    for (const { gotAt } of books) earliest = Math.min(earliest, gotAt[piece] ?? NEVER)
    latest = Math.max(latest, earliest)
  }
  return latest
}
