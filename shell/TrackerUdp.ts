/**
 * The tracker over UDP (BEP 15, 41): one callback a datagram, straight into the store and back, without an Effect, a
 * Promise or a log line in between. What is answered, and what is met with silence, is `core/tracker/ServerUdp.ts`.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { Address } from "../core/base/Address.ts"
import type { Bytes } from "../core/base/Bytes.ts"
import type { Access } from "../core/tracker/Access.ts"
import * as ServerUdp from "../core/tracker/ServerUdp.ts"
import * as Udp from "../core/tracker/Udp.ts"
import { type BindError, Datagram, type DatagramSocket } from "./Datagram.ts"
import * as PeerAddresses from "./PeerAddresses.ts"
import type { HotStore } from "./PeerStoreWire.ts"
import type { Counters } from "./TrackerMetrics.ts"

export interface Options {
  /** An IP literal; every address of both families if absent. */
  readonly host: string | undefined
  /** 0: any free one. */
  readonly port: number
  readonly store: HotStore
  readonly counters: Counters
  /** Asked for each packet, since lists change while the tracker runs. */
  readonly access: () => Access
  /** 16 secret bytes, the same in all processes that share a socket. */
  readonly secret: Bytes
}

/** Of a reply: its fourth byte tells a connection id from a refusal. */
const ACTION = 3
const CONNECT = 0

/** Answers until the scope ends; gives where. */
export const serve = (options: Options): Effect.Effect<Address, BindError, Scope.Scope | Datagram> =>
  Effect.gen(function* () {
    const { counters, store } = options
    const datagram = yield* Datagram
    const clock = yield* Clock.clockWith(Effect.succeed)
    const addresses = PeerAddresses.make()
    // What comes before there is a socket to answer from is lost, as on any network.
    let send: DatagramSocket["send"] = () => {}
    let reading: ServerUdp.Options = { key: options.secret, access: options.access(), trustsIp: false }

    const refuse = (transactionId: number, message: string, to: Address): void => {
      counters.udpRefusals++
      send(Udp.encodeRefused(transactionId, message), to)
    }

    const onMessage = (packet: Bytes, from: Address): void => {
      const access = options.access()
      if (access !== reading.access) reading = { ...reading, access }
      const ip = PeerAddresses.bytesOf(addresses, from.host)
      const asked = ip === undefined || from.port === 0
        ? undefined
        : ServerUdp.read(reading, clock.unsafeCurrentTimeMillis(), packet, ip)
      if (asked === undefined) {
        counters.udpDropped++
        return
      }
      switch (asked._tag) {
        case "Announce": {
          const { query, transactionId } = asked
          counters.udpAnnounces++
          return store.announce(query, false, (result) => {
            if (result.ok) return send(ServerUdp.announced(transactionId, result.value), from)
            if (result.error.reason !== "Refused") counters.storeFailures++
            refuse(transactionId, result.error.message, from)
          })
        }
        case "Scrape": {
          const { infoHashes, transactionId } = asked
          counters.udpScrapes++
          return store.scrape(infoHashes, (result) => {
            if (result.ok) return send(Udp.encodeScraped(transactionId, result.value), from)
            if (result.error.reason !== "Refused") counters.storeFailures++
            refuse(transactionId, result.error.message, from)
          })
        }
        case "Reply":
          if (asked.bytes[ACTION] === CONNECT) counters.udpConnects++
          else counters.udpRefusals++
          return send(asked.bytes, from)
      }
    }

    const { host, port } = options
    // `::` is every address of both families, as it is for HTTP.
    const at = host === undefined || host === "::" ? { port } : { host, port }
    const socket = yield* datagram.bind(at, { onMessage })
    send = socket.send
    return socket.address
  })
