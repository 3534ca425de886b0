import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import { networkInterfaces } from "node:os"
import type { Address } from "../../../core/base/Address.ts"
import type { Bytes } from "../../../core/base/Bytes.ts"
import { type BindOptions, Datagram } from "../../../shell/Datagram.ts"
import * as NodeUdpListener from "../../../shell/node/NodeUdpListener.ts"
import { contract } from "../../contract/Datagram.ts"
import * as Scene from "../TrackerScene.ts"

const hasIpv6 = Object.values(networkInterfaces()).flat().some((one) => one?.address === "::1")

contract("NodeUdpListener.layer", NodeUdpListener.layer, { hasIpv6 })

/** A socket that sends everything back. */
const echo = (options: BindOptions) =>
  Effect.gen(function* () {
    const datagram = yield* Datagram
    const froms: Array<Address> = []
    let send = (_bytes: Bytes, _to: Address): void => {}
    const socket = yield* datagram.bind(options, {
      onMessage: (bytes, from) => {
        froms.push(from)
        send(bytes, from)
      },
    })
    send = socket.send
    return { address: socket.address, froms, socket }
  }).pipe(Effect.provide(NodeUdpListener.layer))

const bounce = (address: Address, host: string, text: string) =>
  Effect.gen(function* () {
    const client = yield* Scene.udpClient(address, host)
    yield* client.send(new TextEncoder().encode(text))
    return new TextDecoder().decode(yield* client.receive)
  })

describe("a socket", () => {
  it.scopedLive("of one address answers there, on the port that it says", () =>
    Effect.gen(function* () {
      const { address, froms } = yield* echo({ host: "127.0.0.1", port: 0 })
      expect(address.host).toBe("127.0.0.1")
      expect(yield* bounce(address, "127.0.0.1", "hello")).toBe("hello")
      expect(froms).toMatchObject([{ host: "127.0.0.1" }])
    }))

  it.scopedLive("of all addresses answers both families on one port, IPv4 in its own clothes", (context) =>
    Effect.gen(function* () {
      const { address, froms } = yield* echo({ port: 0 })
      expect(yield* bounce(address, "127.0.0.1", "four")).toBe("four")
      if (address.host !== "::") return context.skip("this machine has no IPv6")
      expect(yield* bounce(address, "::1", "six")).toBe("six")
      expect(froms.map(({ host }) => host)).toEqual(["127.0.0.1", "::1"])
      const again = yield* Effect.flip(echo({ port: address.port }))
      expect(again).toMatchObject({ reason: "AddressInUse" })
      expect(again.message).toContain("choose another one")
    }))

  it.scopedLive("of an address that the machine does not have can't be", () =>
    Effect.gen(function* () {
      expect(yield* Effect.flip(echo({ host: "192.0.2.1", port: 0 }))).toMatchObject({
        reason: "AddressNotAvailable",
      })
    }))

  it.scopedLive("sends nothing to port 0, where forged packets come from", () =>
    Effect.gen(function* () {
      const { address, socket } = yield* echo({ host: "127.0.0.1", port: 0 })
      socket.send(new Uint8Array(1), { host: "127.0.0.1", port: 0 })
      expect(yield* bounce(address, "127.0.0.1", "still there")).toBe("still there")
    }))

  it.live("ends with its scope, and its port is free again", () =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const { address, socket } = yield* Scope.extend(echo({ host: "127.0.0.1", port: 0 }), scope)
      yield* Scope.close(scope, Exit.void)
      socket.send(new Uint8Array(1), address)
      const next = yield* Effect.scoped(echo({ host: "127.0.0.1", port: address.port }))
      expect(next.address.port).toBe(address.port)
    }))
})
