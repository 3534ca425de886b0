/** Which pieces a node's client has, by its own words: what it was started with, and what it said that it verified. */
import type { Command } from "../../client/Command.ts"
import type { Input } from "../../client/Input.ts"
import type { Metainfo } from "../../metainfo/Metainfo.ts"
import * as Bitfield from "../../torrent/Bitfield.ts"

/** Mutable; one run of one node. */
export interface Holdings {
  metainfo: Metainfo | undefined
  have: Bitfield.Bitfield
}

export const make = (): Holdings => ({ metainfo: undefined, have: Bitfield.make(0) })

/** Takes in a step; call it for each. */
export const note = (holdings: Holdings, input: Input, commands: ReadonlyArray<Command>): void => {
  if (input._tag === "Add") {
    holdings.metainfo = input.metainfo
    holdings.have = Bitfield.copy(input.options.have)
  }
  for (const command of commands) {
    if (command._tag === "Emit" && command.event._tag === "PieceVerified") {
      Bitfield.set(holdings.have, command.event.piece)
    }
  }
}
