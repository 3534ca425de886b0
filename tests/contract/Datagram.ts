/** What every layer of `Datagram` does, on loopback. */
import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import { type Address, format } from "../../core/base/Address.ts"
import * as Bytes from "../../core/base/Bytes.ts"
import { type BindOptions, Datagram, MAX_BYTES } from "../../shell/Datagram.ts"
import { type Inside, outside } from "./Inside.ts"

const V4 = "127.0.0.1"
const V6 = "::1"

/** A socket that remembers what it has heard, and ways to wait for more. */
export const listening = (options: BindOptions) =>
  Effect.gen(function* () {
    const heard: Array<{ readonly bytes: Bytes.Bytes; readonly from: Address }> = []
    const unsent: Array<{ readonly to: Address; readonly reason: string }> = []
    const waiting = new Set<() => void>()
    const changed = (): void => waiting.forEach((check) => check())
    const datagram = yield* Datagram
    const socket = yield* datagram.bind(options, {
      onMessage: (bytes, from) => {
        heard.push({ bytes, from })
        changed()
      },
      onUnsent: (to, reason) => {
        unsent.push({ to, reason })
        changed()
      },
    })
    const until = (isDone: () => boolean): Effect.Effect<void> =>
      Effect.async((resume) => {
        const check = (): void => {
          if (!isDone()) return
          waiting.delete(check)
          resume(Effect.void)
        }
        waiting.add(check)
        check()
      })
    return { ...socket, heard, unsent, until }
  })

export const contract = (
  name: string,
  layer: Layer.Layer<Datagram>,
  options: { readonly hasIpv6: boolean; readonly inside?: Inside },
): void => {
  const { inside = outside } = options
  type Body = () => Effect.Effect<void, unknown, Datagram | Scope.Scope>
  const live = (body: Body) => () => inside(Effect.scoped(Effect.provide(body(), layer)))
  const test = (title: string, body: Body): void => it.scopedLive(title, live(body))
  const testIpv6 = (title: string, body: Body): void =>
    it.scopedLive.skipIf(!options.hasIpv6)(
      options.hasIpv6 ? title : `${title} (skipped: this machine has no IPv6 loopback)`,
      live(body),
    )

  describe(name, () => {
    test("carries a datagram as it is, and tells where it came from", () =>
      Effect.gen(function* () {
        const near = yield* listening({ host: V4, port: 0 })
        const far = yield* listening({ host: V4, port: 0 })
        expect(near.address).toEqual({ host: V4, port: expect.any(Number) })
        expect(near.address.port).not.toBe(far.address.port)
        near.send(Uint8Array.of(1, 2, 3), far.address)
        yield* far.until(() => far.heard.length === 1)
        expect(Bytes.toHex(far.heard[0]!.bytes)).toBe("010203")
        expect(far.heard[0]!.from).toEqual(near.address)
        far.send(Uint8Array.of(4), far.heard[0]!.from)
        yield* near.until(() => near.heard.length === 1)
        expect(near.heard[0]!.from).toEqual(far.address)
      }))

    test("keeps them apart, from none to the most bytes, and what was heard stays as it was", () =>
      Effect.gen(function* () {
        const near = yield* listening({ host: V4, port: 0 })
        const far = yield* listening({ host: V4, port: 0 })
        const sizes = [0, 1, 1_472, 9_000, MAX_BYTES]
        for (const [i, size] of sizes.entries()) {
          near.send(new Uint8Array(size).fill(i + 1), far.address)
          // One at a time: a system may lose what it has no room for.
          yield* far.until(() => far.heard.length === i + 1)
        }
        expect(far.heard.map(({ bytes }) => bytes.length)).toEqual(sizes)
        expect(far.heard.every(({ bytes }, i) => bytes.every((byte) => byte === i + 1))).toBe(true)
      }))

    test("talks to itself", () =>
      Effect.gen(function* () {
        const own = yield* listening({ host: V4, port: 0 })
        own.send(Uint8Array.of(7), own.address)
        yield* own.until(() => own.heard.length === 1)
        expect(own.heard[0]!.from).toEqual(own.address)
      }))

    testIpv6(
      "hears both families on every address, each sender in its own form",
      () =>
        Effect.gen(function* () {
          const own = yield* listening({ port: 0 })
          for (const host of [V4, V6]) {
            const near = yield* listening({ host, port: 0 })
            near.send(Uint8Array.of(1), { host, port: own.address.port })
            yield* own.until(() => own.heard.some(({ from }) => format(from) === format(near.address)))
            own.send(Uint8Array.of(2), near.address)
            yield* near.until(() => near.heard.length === 1)
            expect(near.heard[0]!.from).toEqual({ host, port: own.address.port })
          }
        }),
    )

    test("tells of a packet that cannot leave, later, and goes on", () =>
      Effect.gen(function* () {
        const near = yield* listening({ host: V4, port: 0 })
        const far = yield* listening({ host: V4, port: 0 })
        const other = { host: V6, port: 9 }
        near.send(new Uint8Array(MAX_BYTES + 1), far.address)
        near.send(new Uint8Array(1), other)
        expect(near.unsent).toEqual([])
        yield* near.until(() => near.unsent.length === 2)
        const reasons = new Map(near.unsent.map(({ to, reason }) => [format(to), reason]))
        expect(reasons.get(format(far.address))).toBe("message too long")
        expect(reasons.get(format(other))).toMatch(/\w/)
        near.send(Uint8Array.of(1), far.address)
        yield* far.until(() => far.heard.length === 1)
      }))

    test("says that a port is taken, by which address, and what to do", () =>
      Effect.gen(function* () {
        const { address } = yield* listening({ host: V4, port: 0 })
        const error = yield* Effect.flip(listening(address))
        expect(error).toMatchObject({ _tag: "BindError", reason: "AddressInUse", address })
        expect(error.message).toMatch(
          new RegExp(`^cannot listen on UDP ${V4}:${address.port}: the port is taken; choose another one`),
        )
      }))

    test("ends with its scope: the port is free, and nothing is sent or heard", () =>
      Effect.gen(function* () {
        const scope = yield* Scope.make()
        const closed = yield* Scope.extend(listening({ host: V4, port: 0 }), scope)
        const far = yield* listening({ host: V4, port: 0 })
        yield* Scope.close(scope, Exit.void)
        closed.send(Uint8Array.of(1), far.address)
        closed.send(new Uint8Array(MAX_BYTES + 1), far.address)
        const again = yield* listening(closed.address)
        far.send(Uint8Array.of(2), closed.address)
        yield* again.until(() => again.heard.length === 1)
        again.send(Uint8Array.of(3), far.address)
        yield* far.until(() => far.heard.length > 0)
        expect(far.heard.map(({ bytes }) => bytes[0])).toEqual([3])
        expect([closed.heard, closed.unsent]).toEqual([[], []])
      }))

    test("resolves names, and takes literals for themselves", () =>
      Effect.gen(function* () {
        const { resolve } = yield* Datagram
        expect(yield* resolve("192.0.2.1")).toEqual(["192.0.2.1"])
        expect(yield* resolve("2001:db8::1")).toEqual(["2001:db8::1"])
        expect(yield* resolve("localhost")).toContain(V4)
        const error = yield* Effect.flip(resolve("tracker.invalid"))
        expect(error).toMatchObject({ _tag: "ResolveError", host: "tracker.invalid" })
        expect(error.message).toMatch(/^tracker\.invalid does not resolve to an address/)
      }))
  })
}
