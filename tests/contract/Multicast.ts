/** What every layer of `Multicast` does. */
import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import type { Address } from "../../core/base/Address.ts"
import * as Bytes from "../../core/base/Bytes.ts"
import { Multicast } from "../../shell/Multicast.ts"

/** A member that remembers what it has heard. */
const member = (group: Address) =>
  Effect.gen(function* () {
    const heard: Array<string> = []
    const froms: Array<Address> = []
    let check = (): void => {}
    const multicast = yield* Multicast
    const socket = yield* multicast.join(group, (bytes, from) => {
      heard.push(Bytes.toLatin1(bytes))
      froms.push(from)
      check()
    })
    const hears = (text: string): Effect.Effect<void> =>
      Effect.async((resume) => {
        check = () => {
          if (heard.includes(text)) resume(Effect.void)
        }
        check()
      })
    return { ...socket, froms, heard, hears }
  })

/** `one` and `other` are two hosts of one network, or one host twice. */
export const contract = (
  name: string,
  one: Layer.Layer<Multicast>,
  other: Layer.Layer<Multicast>,
  group: Address,
): void => {
  const text = (n: number): string => `${n} of ${name}`

  describe(name, () => {
    it.scopedLive("reaches every member, the sender as well, and tells who has sent", () =>
      Effect.gen(function* () {
        const a = yield* Effect.provide(member(group), one)
        const b = yield* Effect.provide(member(group), other)
        a.send(Bytes.latin1(text(1)))
        yield* b.hears(text(1))
        yield* a.hears(text(1))
        b.send(Bytes.latin1(text(2)))
        yield* a.hears(text(2))
        for (const { host, port } of [...a.froms, ...b.froms]) {
          expect(host).toMatch(group.host.includes(":") ? /:/ : /^\d+(\.\d+){3}$/)
          expect(port).toBeGreaterThan(0)
        }
      }))

    it.scopedLive("neither hears nor sends once the scope has ended", () =>
      Effect.gen(function* () {
        const scope = yield* Scope.make()
        const gone = yield* member(group).pipe(Effect.provide(one), Scope.extend(scope))
        const a = yield* Effect.provide(member(group), one)
        const b = yield* Effect.provide(member(group), other)
        yield* Scope.close(scope, Exit.void)
        gone.send(Bytes.latin1(text(3)))
        a.send(Bytes.latin1(text(4)))
        yield* b.hears(text(4))
        expect(gone.heard).not.toContain(text(4))
        expect(b.heard).not.toContain(text(3))
      }))
  })
}
