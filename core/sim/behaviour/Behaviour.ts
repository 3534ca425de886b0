/**
 * A peer without a client: it speaks the real protocol, and says what its script wants. It only waits to be connected to,
 * as a hostile peer can: it announces itself, and whoever is curious comes.
 */
import type { Bytes } from "../../base/Bytes.ts"
import type { Rng } from "../../base/Rng.ts"
import type { Millis } from "../../base/Time.ts"
import type { ConnId } from "../../client/Input.ts"
import * as Decoder from "../../wire/Decoder.ts"
import * as Encoder from "../../wire/Encoder.ts"
import type * as Message from "../../wire/Message.ts"

/** What a script needs of the world. */
export interface Stage {
  readonly infoHash: Bytes
  readonly peerId: Bytes
  readonly rng: Rng
  /** Wrong bytes, as good as right ones to look at. */
  readonly wrong: (piece: number, begin: number, length: number) => Bytes | undefined
  readonly send: (conn: ConnId, chunks: ReadonlyArray<Bytes>) => void
  /** Comes back to a script as `later`, if the connection is still there. */
  readonly wait: (conn: ConnId, afterMs: Millis) => void
}

/** What one kind of peer does. Absent: nothing. */
export interface Script {
  /** The other side's handshake is here; ours has been written. */
  readonly greeted?: (encoder: Encoder.Encoder, conn: ConnId, stage: Stage) => void
  readonly heard?: (encoder: Encoder.Encoder, item: Message.Item, stage: Stage) => void
  readonly later?: (conn: ConnId, stage: Stage) => void
}

/** Mutable, owned by its node. */
export interface Behaviour {
  readonly script: Script
  readonly conns: Map<ConnId, { readonly decoder: Decoder.Decoder; readonly encoder: Encoder.Encoder }>
}

/** No honest message is larger: a bitfield of two million pieces. */
const MAX_MESSAGE_BYTES = 256 * 1024

export const make = (script: Script): Behaviour => ({ script, conns: new Map() })

/** Somebody has connected. */
export const accepted = (behaviour: Behaviour, conn: ConnId): void => {
  const decoder = Decoder.make({ maxMessageBytes: MAX_MESSAGE_BYTES })
  behaviour.conns.set(conn, { decoder, encoder: Encoder.make() })
}

/** Somebody has said something. */
export const read = (behaviour: Behaviour, conn: ConnId, bytes: Bytes, stage: Stage): void => {
  const peer = behaviour.conns.get(conn)
  if (peer === undefined) return
  const { script } = behaviour
  const { decoder, encoder } = peer
  for (const item of Decoder.decode(decoder, bytes)) {
    if (item._tag === "Handshake") {
      const features = { fast: item.features.fast, extended: false, dht: false }
      Encoder.handshake(encoder, { infoHash: stage.infoHash, peerId: stage.peerId, features })
      script.greeted?.(encoder, conn, stage)
    } else script.heard?.(encoder, item, stage)
  }
  if (!Encoder.isEmpty(encoder)) stage.send(conn, Encoder.takeChunks(encoder))
}

/** A time has come that the script waited for. */
export const later = (behaviour: Behaviour, conn: ConnId, stage: Stage): void => {
  if (behaviour.conns.has(conn)) behaviour.script.later?.(conn, stage)
}

export const closed = (behaviour: Behaviour, conn: ConnId): void => {
  behaviour.conns.delete(conn)
}
