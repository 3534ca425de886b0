/** Has everything, serves everybody, and every byte of it is wrong. */
import * as Encoder from "../../wire/Encoder.ts"
import type { Script } from "./Behaviour.ts"

export const polluter: Script = {
  greeted: (encoder) => {
    Encoder.haveAll(encoder)
    Encoder.unchoke(encoder)
  },
  heard: (encoder, item, stage) => {
    if (item._tag !== "Request") return
    const bytes = stage.wrong(item.piece, item.begin, item.length)
    if (bytes !== undefined) Encoder.piece(encoder, item.piece, item.begin, bytes)
  },
}
