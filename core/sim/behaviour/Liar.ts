/** Says that it has everything, lets everybody ask, and refuses whatever is asked for, or never answers. */
import * as Rng from "../../base/Rng.ts"
import * as Encoder from "../../wire/Encoder.ts"
import type { Script } from "./Behaviour.ts"

export const liar: Script = {
  greeted: (encoder) => {
    Encoder.haveAll(encoder)
    Encoder.unchoke(encoder)
  },
  heard: (encoder, item, { rng }) => {
    if (item._tag !== "Request" || Rng.below(rng, 2) === 0) return
    Encoder.reject(encoder, item.piece, item.begin, item.length)
  },
}
