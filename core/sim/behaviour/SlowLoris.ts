/** Promises everything and sends it a byte at a time: slow enough to be useless, fast enough not to look silent. */
import * as Encoder from "../../wire/Encoder.ts"
import type { Script } from "./Behaviour.ts"

const PAUSE_MS = 2_000

export const slowLoris: Script = {
  greeted: (encoder, conn, stage) => {
    Encoder.haveAll(encoder)
    Encoder.unchoke(encoder)
    // The beginning of a keep-alive, which is four zeros; what is asked for never comes.
    stage.wait(conn, PAUSE_MS)
  },
  later: (conn, stage) => {
    stage.send(conn, [ZERO])
    stage.wait(conn, PAUSE_MS)
  },
}

const ZERO = new Uint8Array(1)
