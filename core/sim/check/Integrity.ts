/**
 * No byte that counts as verified is wrong, and nobody claims what was not verified: a piece is verified by the hash
 * that was asked for, and only then announced.
 */
import * as Bytes from "../../base/Bytes.ts"
import type { Command } from "../../client/Command.ts"
import type { Input } from "../../client/Input.ts"
import * as Bitfield from "../../torrent/Bitfield.ts"
import { books, isCorrect, make } from "./Books.ts"
import type { Checker } from "./Checker.ts"
import * as Holdings from "./Holdings.ts"
import * as Transcript from "./Transcript.ts"

interface Book {
  readonly holdings: Holdings.Holdings
  /** Hashes that were asked for and not answered. */
  readonly hashing: Set<number>
}

export const integrity = (transcript: Transcript.Transcript): Checker =>
  make("integrity", (fail) => {
    const nodes = books((): Book => ({ holdings: Holdings.make(), hashing: new Set() }))
    return {
      pieceOnDisk: (node, piece, isRight, now) => {
        if (!isRight && isCorrect(node)) fail(node, now, `piece ${piece} counts as verified and is wrong`)
      },
      completed: (node, now) => {
        const { have } = nodes.of(node).holdings
        if (isCorrect(node) && !Bitfield.isFull(have)) {
          fail(node, now, `it is complete with ${have.count} of ${have.length} pieces`)
        }
      },
      nodeDown: (node) => {
        nodes.forget(node)
        Transcript.forget(transcript, node)
      },
      stepped: (node, input, commands, now) => {
        const { lines } = Transcript.step(transcript, node, input, commands)
        const { hashing, holdings } = nodes.of(node)
        const before = holdings.have.count
        for (const command of commands) {
          const fault = unverified(holdings, hashing, input, command)
          if (fault !== undefined && isCorrect(node)) fail(node, now, fault)
        }
        if (input._tag === "PieceHashed") hashing.delete(input.piece)
        Holdings.note(holdings, input, commands)
        if (input._tag !== "Add" && holdings.have.count > before + 1) {
          fail(node, now, "one input, and several pieces verified")
        }
        for (const command of commands) if (command._tag === "Hash") hashing.add(command.piece)
        if (!isCorrect(node)) return
        for (const { conn, isOurs, message } of lines) {
          if (!isOurs) continue
          const claim = unfounded(holdings.have, message)
          if (claim !== undefined) fail(node, now, `on connection ${conn} it claims ${claim}`)
        }
      },
    }
  })

/** What is wrong with the claim that a piece is verified. */
const unverified = (
  { have, metainfo }: Holdings.Holdings,
  hashing: ReadonlySet<number>,
  input: Input,
  command: Command,
): string | undefined => {
  if (command._tag !== "Emit" || command.event._tag !== "PieceVerified") return undefined
  const { piece } = command.event
  if (Bitfield.get(have, piece)) return `piece ${piece} is verified twice`
  if (input._tag !== "PieceHashed" || input.piece !== piece || !hashing.has(piece)) {
    return `piece ${piece} is verified without its hash`
  }
  const right = metainfo?.pieceHashes.subarray(piece * 20, piece * 20 + 20)
  if (right !== undefined && Bytes.equals(input.digest, right)) return undefined
  return `piece ${piece} is verified by a hash that doesn't match`
}

/** Pieces that are claimed and not there. */
const unfounded = (have: Bitfield.Bitfield, message: Transcript.Line["message"]): string | undefined => {
  switch (message._tag) {
    case "Have":
      return Bitfield.get(have, message.piece) ? undefined : `piece ${message.piece}, which isn't verified`
    case "HaveAll":
      return Bitfield.isFull(have) ? undefined : `all pieces, and has ${have.count} of ${have.length}`
    case "Bitfield": {
      const claimed = Bitfield.fromWire(message.bits, have.length)
      if (!claimed.ok) return `a bitfield with the ${claimed.error}`
      for (const piece of Bitfield.pieces(claimed.value)) {
        if (!Bitfield.get(have, piece)) return `piece ${piece} in its bitfield, which isn't verified`
      }
      return undefined
    }
    default:
      return undefined
  }
}
