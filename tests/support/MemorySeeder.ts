/** A seeder of the content of `CoreSwarm` on a `Transport` in memory: the simplest honest peer there is. */
import * as Effect from "effect/Effect"
import * as Bytes from "../../core/base/Bytes.ts"
import type { Metainfo } from "../../core/metainfo/Metainfo.ts"
import * as Decoder from "../../core/wire/Decoder.ts"
import * as Encoder from "../../core/wire/Encoder.ts"
import { type Connection, Transport } from "../../shell/Transport.ts"
import { contentAt } from "./CoreSwarm.ts"

export interface Seeder {
  readonly port: number
  /** `piece:begin` of every request, in order. */
  readonly requests: Array<string>
  /** Bytes that the leecher has not read yet, of all connections. */
  readonly unreadBytes: () => number
}

/** Listens on the given port until the scope ends; after so many answers it takes requests and is silent. */
export const seed = (
  metainfo: Metainfo,
  port: number,
  limits: { readonly answers: number } = { answers: Infinity },
) =>
  Effect.gen(function* () {
    const transport = yield* Transport
    const requests: Array<string> = []
    const connections: Array<Connection> = []
    yield* transport.listen({ host: "127.0.0.1", port }, (connection, setHandlers) => {
      connections.push(connection)
      const decoder = Decoder.make({ maxMessageBytes: 1_000_000 })
      const encoder = Encoder.make()
      setHandlers({
        onRead: (bytes) => {
          for (const item of Decoder.decode(decoder, bytes)) {
            if (item._tag === "Handshake") {
              Encoder.handshake(encoder, {
                infoHash: item.infoHash,
                peerId: Bytes.latin1(`-XX0000-${String(port).padStart(12, "0")}`),
                features: { fast: true, extended: false, dht: false },
              })
              Encoder.haveAll(encoder)
              Encoder.unchoke(encoder)
            } else if (item._tag === "Request") {
              requests.push(`${item.piece}:${item.begin}`)
              if (requests.length > limits.answers) continue
              Encoder.pieceHeader(encoder, item.piece, item.begin, item.length)
              connection.write(Encoder.take(encoder))
              connection.write(contentAt(item.piece * metainfo.geometry.pieceBytes + item.begin, item.length))
            }
          }
          if (!Encoder.isEmpty(encoder)) connection.write(Encoder.take(encoder))
        },
        onDrain: () => {},
        onClose: () => {},
      })
    })
    const seeder: Seeder = {
      port,
      requests,
      unreadBytes: () => connections.reduce((sum, connection) => sum + connection.bufferedBytes(), 0),
    }
    return seeder
  })
