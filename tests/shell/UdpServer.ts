/** A UDP tracker on any layer of `Datagram`, as faulty as a test needs it. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { Address } from "../../core/base/Address.ts"
import { type Bytes, equals } from "../../core/base/Bytes.ts"
import * as Udp from "../../core/tracker/Udp.ts"
import { type BindError, Datagram } from "../../shell/Datagram.ts"

export interface UdpServer {
  readonly address: Address
  /** Every request that arrived. */
  readonly requests: ReadonlyArray<Udp.Request>
  /** Forgets the connection id that it gave. */
  readonly restart: () => void
}

/** What is sent back for a request on a connection that was given out; `undefined`: nothing. */
export type Handler = (
  request: Exclude<Udp.Request, Udp.ConnectRequest>,
  from: Address,
) => Bytes | undefined

/** Answers with `handler` until the scope ends; connects are granted unless `onConnect` says otherwise. */
export const serveUdp = (
  handler: Handler,
  { host = "127.0.0.1", port = 0, onConnect }: {
    readonly host?: string
    readonly port?: number
    readonly onConnect?: (request: Udp.ConnectRequest) => Bytes | undefined
  } = {},
): Effect.Effect<UdpServer, BindError, Datagram | Scope.Scope> =>
  Effect.gen(function* () {
    const requests: Array<Udp.Request> = []
    let connectionId = new Uint8Array(8).fill(1)
    const grant = ({ transactionId }: Udp.ConnectRequest) => Udp.encodeConnected(transactionId, connectionId)
    const datagram = yield* Datagram
    const socket = yield* datagram.bind({ host, port }, {
      onMessage: (packet, from) => {
        const decoded = Udp.decodeRequest(packet)
        if (!decoded.ok) throw new Error(`a packet that is ${decoded.error}`)
        const request = decoded.value
        requests.push(request)
        const reply = request._tag === "Connect"
          ? (onConnect ?? grant)(request)
          : equals(request.connectionId, connectionId)
          ? handler(request, from)
          : Udp.encodeRefused(request.transactionId, "unknown connection")
        if (reply !== undefined) socket.send(reply, from)
      },
    })
    return {
      address: socket.address,
      requests,
      restart: () => {
        connectionId = connectionId.map((byte) => byte + 1)
      },
    }
  })
