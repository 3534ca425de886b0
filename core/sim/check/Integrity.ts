/**
 * No byte that counts as verified is wrong, and nobody claims what was not verified: a piece is verified by the hash
 * that was asked for, and only then announced.
 */
import * as Bytes from "../../base/Bytes.ts"
import type { Command } from "../../client/Command.ts"
import type { Input } from "../../client/Input.ts"
import * as Bitfield from "../../torrent/Bitfield.ts"
import { type Book, isCorrect } from "./Books.ts"
import { type Rule, rule } from "./Checker.ts"
import * as Ledger from "./Ledger.ts"
import type * as Wire from "./Wire.ts"

export const integrity = (): Rule =>
  rule("integrity", (fail) => {
    /** Of each node the hashes that were asked for and not answered. */
    const asked = Ledger.make(() => new Set<number>())
    return {
      pieceOnDisk: (node, piece, isRight, now) => {
        if (!isRight && isCorrect(node)) fail(node, now, `piece ${piece} counts as verified and is wrong`)
      },
      completed: ({ have, node }, now) => {
        if (!Bitfield.isFull(have)) {
          fail(node, now, `it is complete with ${have.count} of ${have.length} pieces`)
        }
      },
      closed: ({ node }) => asked.forget(node),
      before: (book, { commands, input, now }) => {
        const hashing = asked.of(book.node)
        let verified = 0
        for (const command of commands) {
          if (command._tag !== "Emit" || command.event._tag !== "PieceVerified") continue
          verified++
          const fault = unverified(book, hashing, input, command.event.piece)
          if (fault !== undefined) fail(book.node, now, fault)
        }
        if (verified > 1) fail(book.node, now, "one input, and several pieces verified")
        note(hashing, input, commands)
      },
      said: ({ have, node }, conn, message, { now }) => {
        const claim = unfounded(have, message)
        if (claim !== undefined) fail(node, now, `on connection ${conn.id} it claims ${claim}`)
      },
    }
  })

const note = (hashing: Set<number>, input: Input, commands: ReadonlyArray<Command>): void => {
  if (input._tag === "PieceHashed") hashing.delete(input.piece)
  for (const command of commands) if (command._tag === "Hash") hashing.add(command.piece)
}

/** What is wrong with the claim that a piece is verified. */
const unverified = (
  { have, metainfo }: Book,
  hashing: ReadonlySet<number>,
  input: Input,
  piece: number,
): string | undefined => {
  if (Bitfield.get(have, piece)) return `piece ${piece} is verified twice`
  if (input._tag !== "PieceHashed" || input.piece !== piece || !hashing.has(piece)) {
    return `piece ${piece} is verified without its hash`
  }
  const right = metainfo?.pieceHashes.subarray(piece * 20, piece * 20 + 20)
  if (right !== undefined && Bytes.equals(input.digest, right)) return undefined
  return `piece ${piece} is verified by a hash that doesn't match`
}

/** Pieces that are claimed and not there. */
const unfounded = (have: Bitfield.Bitfield, message: Wire.Message): string | undefined => {
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
