/** What may come back from a UDP tracker, or from somebody who wants to be taken for it. */
import * as dgram from "node:dgram"
import type { AddressInfo } from "node:net"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { expect } from "vitest"
import * as Bytes from "../../core/base/Bytes.ts"
import * as Udp from "../../core/tracker/Udp.ts"
import * as UdpAnswer from "../../core/tracker/UdpAnswer.ts"
import { row } from "./Row.ts"
import { withClient } from "./Trackers.ts"

interface Asked {
  readonly request: Udp.Request
  /** Sends back to who asked, from the tracker's socket or from another one. */
  readonly send: (packet: Uint8Array, from?: dgram.Socket) => void
}

const open = (host = "127.0.0.1"): Effect.Effect<dgram.Socket, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.async<dgram.Socket>((resume) => {
      const socket = dgram.createSocket("udp4")
      socket.bind(0, host, () => resume(Effect.succeed(socket)))
    }),
    (socket) => Effect.async<void>((resume) => void socket.close(() => resume(Effect.void))),
  )

/** A tracker that is as its handler plays it; gives its URL. */
const serve = (handler: (asked: Asked) => void): Effect.Effect<string, never, Scope.Scope> =>
  Effect.map(open(), (socket) => {
    socket.on("message", (packet, from) => {
      const decoded = Udp.decodeRequest(packet)
      if (!decoded.ok) throw new Error(`a packet that is ${decoded.error}`)
      handler({
        request: decoded.value,
        send: (bytes, other = socket) => void other.send(bytes, from.port, from.address),
      })
    })
    return `udp://127.0.0.1:${(socket.address() as AddressInfo).port}/announce`
  })

const ID = Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8)

const peersOf = (...octets: ReadonlyArray<number>): Uint8Array =>
  Bytes.concat(octets.map((octet) => Uint8Array.of(8, 8, 8, octet, 0x1a, 0xe1)))

const announced = (transactionId: number, peers: Uint8Array): Uint8Array =>
  Udp.encodeAnnounced(transactionId, { intervalSeconds: 1_800, leechers: 1, seeders: 1, peers })

/** The last bit of a transaction id flipped. */
const other = (transactionId: number): number => (transactionId ^ 1) >>> 0

row(
  59,
  "packets of 0 to 19 bytes, of another transaction, of unknown actions -> ignored, the real answer counts",
  () =>
    withClient(({ announce }) =>
      Effect.gen(function* () {
        const url = yield* serve(({ request: { _tag, transactionId }, send }) => {
          const good = _tag === "Connect"
            ? Udp.encodeConnected(transactionId, ID)
            : announced(transactionId, peersOf(1))
          for (let length = 0; length < 8; length++) send(good.subarray(0, length))
          if (_tag === "Connect") {
            for (let length = 8; length < 16; length++) send(good.subarray(0, length))
          }
          send(Udp.encodeConnected(other(transactionId), ID))
          send(announced(other(transactionId), peersOf(66)))
          send(Udp.encodeRefused(other(transactionId), "go away"))
          send(Bytes.concat([Uint8Array.of(0, 0, 0, 9), good.subarray(4)]))
          send(Bytes.concat([Uint8Array.of(255, 255, 255, 255), good.subarray(4)]))
          send(new Uint8Array(60_000).fill(0xff))
          send(good)
        })
        expect((yield* announce(url)).peers).toEqual([{ host: "8.8.8.1", port: 6881 }])
      })
    ),
)

row(
  59,
  "an answer to an announce that ends before its fields -> BadReply; a refusal of 0 bytes -> Refused",
  () =>
    withClient(({ failure }) =>
      Effect.gen(function* () {
        const answering = (answer: (transactionId: number) => Uint8Array) =>
          Effect.flatMap(
            serve(({ request: { _tag, transactionId }, send }) =>
              send(_tag === "Connect" ? Udp.encodeConnected(transactionId, ID) : answer(transactionId))
            ),
            failure,
          )
        for (const length of [8, 12, 19]) {
          expect(yield* answering((id) => announced(id, peersOf(1)).subarray(0, length))).toMatch(
            /^BadReply: /,
          )
        }
        expect(yield* answering((id) => Udp.encodeRefused(id, ""))).toBe(
          "Refused: the tracker refused without a reason",
        )
        expect(yield* answering((id) => Udp.encodeRefused(id, "\x1b[31mno\x00\r\n"))).toBe("Refused: [31mno")
      })
    ),
)

row(
  60,
  "an answer from another address or port, with everything else right -> ignored",
  () =>
    withClient(({ announce }) =>
      Effect.gen(function* () {
        const elsewhere = yield* open("127.0.0.2")
        const sameHost = yield* open()
        let forged = 0
        const url = yield* serve(({ request: { _tag, transactionId }, send }) => {
          for (const from of [elsewhere, sameHost]) {
            forged++
            send(
              _tag === "Connect"
                ? Udp.encodeConnected(transactionId, ID)
                : announced(transactionId, peersOf(66)),
              from,
            )
            send(Udp.encodeRefused(transactionId, "go away"), from)
          }
          // Behind the forged ones.
          setTimeout(() => {
            send(
              _tag === "Connect"
                ? Udp.encodeConnected(transactionId, ID)
                : announced(transactionId, peersOf(2)),
            )
          }, 20)
        })
        expect((yield* announce(url)).peers).toEqual([{ host: "8.8.8.2", port: 6881 }])
        expect(forged).toBe(4)
      })
    ),
)

row(
  61,
  "peers that are no multiple of 6 bytes, ports of 0, a packet full of them -> the whole and good ones",
  () =>
    withClient(({ announce }) =>
      Effect.gen(function* () {
        const peersFor = (peers: Uint8Array) =>
          Effect.flatMap(
            serve(({ request: { _tag, transactionId }, send }) =>
              send(
                _tag === "Connect" ? Udp.encodeConnected(transactionId, ID) : announced(transactionId, peers),
              )
            ),
            (url) => Effect.map(announce(url), ({ peers }) => peers),
          )
        for (const cut of [1, 2, 3, 4, 5]) {
          expect(yield* peersFor(Bytes.concat([peersOf(1), peersOf(2).subarray(0, cut)]))).toEqual([
            { host: "8.8.8.1", port: 6881 },
          ])
        }
        expect(yield* peersFor(Uint8Array.of(8, 8, 8, 8, 0, 0))).toEqual([])
        expect((yield* peersFor(peersOf(...new Array(10_000).fill(7)))).length).toBe(1_000)
      })
    ),
)

row(61, "the same of IPv6, 18 bytes each -> as for IPv4", () => {
  const cut = new Uint8Array(18 * 2 + 17).fill(0x20)
  const reply = Udp.decodeReply(announced(1, cut))
  if (!reply.ok || reply.value._tag !== "Announced") throw new Error("no announce response")
  const answer = UdpAnswer.announced(reply.value, { host: "2001:db8::1", port: 6969 })
  if (!answer.ok || answer.value._tag !== "Announced") throw new Error("no answer")
  const peer = { host: "2020:2020:2020:2020:2020:2020:2020:2020", port: 0x2020 }
  expect(answer.value.response.peers).toEqual([peer, peer])
})
