/**
 * Once nothing is broken any more, everybody gets there: an honest leecher from which a whole copy can be reached, over
 * honest nodes, is complete within a time that a much worse protocol would keep, too.
 */
import { type Millis, MINUTE, NEVER, SECOND } from "../../base/Time.ts"
import * as Bitfield from "../../torrent/Bitfield.ts"
import type { NodeView, WorldView } from "../Observer.ts"
import { isHonest } from "./Books.ts"
import { type Rule, rule } from "./Checker.ts"
import * as Ledger from "./Ledger.ts"

/** One life of a node; kept of every node, so it is small. */
interface Page {
  upAt: Millis
  isComplete: boolean
  hasFailed: boolean
  have: Bitfield.Bitfield
  /** When it got the last of these pieces: it has had all of them since then. */
  gotAt: Millis
}

/** A tracker may be asked again after half an hour, and a peer that could not be reached may be dialled as late. */
const PATIENCE_MS = 60 * MINUTE

/** So much longer than all lines in full use would take. */
const GENEROSITY = 10

/** A line without a limit is taken to be no faster than this. */
const FAST_BYTES_PER_SEC = 10 * 1024 * 1024

const rateOf = (...bytesPerSec: ReadonlyArray<number>): number =>
  bytesPerSec.reduce((least, rate) => rate > 0 && rate < least ? rate : least, FAST_BYTES_PER_SEC)

export const liveness = (): Rule =>
  rule("liveness", (fail) => {
    const pages = Ledger.make((): Page => ({
      upAt: 0,
      isComplete: false,
      hasFailed: false,
      have: Bitfield.make(0),
      gotAt: 0,
    }))
    return {
      nodeDown: (node) => pages.forget(node),
      stepped: (node, input, commands, now) => {
        if (input._tag === "Add") {
          const page = pages.of(node)
          page.upAt = now
          page.gotAt = now
          page.have = Bitfield.copy(input.options.have)
        }
        for (let i = 0; i < commands.length; i++) {
          const command = commands[i]!
          if (command._tag !== "Emit") continue
          const { event } = command
          if (event._tag === "PieceVerified") {
            const page = pages.of(node)
            Bitfield.set(page.have, event.piece)
            page.gotAt = now
          } else if (event._tag === "Completed") pages.of(node).isComplete = true
          else if (event._tag === "Failed") pages.of(node).hasFailed = true
        }
      },
      ended: (world) => {
        const takesPart = (node: NodeView): boolean =>
          node.isUp && isHonest(node) && !pages.of(node).hasFailed && pages.of(node).have.length > 0
        const honest = world.nodes.filter(takesPart)
        const late = honest.filter((node) => !pages.of(node).isComplete && node.peerClass.role === "leecher")
        if (late.length === 0) return
        const boundMs = bound(world, honest)
        const copies = [true, false].map((isHidden) =>
          copyAt(honest.filter((other) => canMeet(isHidden, other, honest)).map((other) => pages.of(other)))
        )
        for (const node of late) {
          const { have, upAt } = pages.of(node)
          const since = Math.max(
            world.scenario.faults.untilMs,
            upAt,
            copies[node.peerClass.isBehindNat ? 0 : 1]!,
          )
          if (world.now - since < boundMs) continue
          const time = `${Math.round((world.now - since) / SECOND)} s`
          fail(
            node,
            world.now,
            `it lacks ${have.length - have.count} of ${have.length} pieces, ` +
              `${time} after it could begin to get them`,
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
    upload += rateOf(peerClass.uploadRateBytesPerSec, peerClass.uploadLimitBytesPerSec)
    slowest = rateOf(slowest, peerClass.downloadRateBytesPerSec, peerClass.downloadLimitBytesPerSec)
  }
  const seconds = Math.max(scenario.sizeBytes / slowest, scenario.sizeBytes * takers / Math.max(1, upload))
  return PATIENCE_MS + GENEROSITY * seconds * SECOND
}

/**
 * Whether pieces can travel between a node and another one, over others if need be: of two that nobody can connect to,
 * neither reaches the other, but through a third.
 */
const canMeet = (isHidden: boolean, other: NodeView, honest: ReadonlyArray<NodeView>): boolean =>
  !isHidden || !other.peerClass.isBehindNat || honest.some(({ peerClass }) => !peerClass.isBehindNat)

/** Since when, at the latest, each piece has been with one of them; NEVER: one piece is with nobody. */
const copyAt = (pages: ReadonlyArray<Page>): Millis => {
  const missing = Bitfield.full(pages[0]?.have.length ?? 0)
  // Those first that have had theirs for longest.
  for (const { gotAt, have } of [...pages].sort((a, b) => a.gotAt - b.gotAt)) {
    for (const piece of Bitfield.pieces(missing)) {
      if (Bitfield.get(have, piece)) Bitfield.clear(missing, piece)
    }
    if (Bitfield.isEmpty(missing)) return gotAt
  }
  return NEVER
}
