import { describe, expect, it } from "@effect/vitest"
import * as fc from "effect/FastCheck"
import * as Duplicates from "../../../core/torrent/Duplicates.ts"
import * as Limits from "../../../core/torrent/Limits.ts"

const id = fc.uint8Array({ minLength: 20, maxLength: 20 })
const low = new Uint8Array(20)
const high = new Uint8Array(20).fill(1)

describe("of two connections to the same peer", () => {
  const table: ReadonlyArray<readonly [string, boolean, boolean, Uint8Array, number, boolean]> = [
    ["both ours: the older stays", false, false, high, 0, false],
    ["both theirs: the older stays", true, true, low, 0, false],
    ["crossing, theirs is newer, our id is greater: ours stays", false, true, high, 10, false],
    ["crossing, ours is newer, our id is greater: ours stays", true, false, high, 10, true],
    ["crossing, theirs is newer, their id is greater: theirs stays", false, true, low, 10, true],
    ["crossing, ours is newer, their id is greater: theirs stays", true, false, low, 10, false],
    ["the older has long stood: it stays", true, false, high, Limits.HANDSHAKE_TIMEOUT + 1, false],
  ]
  for (const [name, isOlderIncoming, isNewerIncoming, ours, ageMs, isNewerKept] of table) {
    it(name, () => {
      const theirs = ours === low ? high : low
      const older = { isIncoming: isOlderIncoming, connectedAt: 0 }
      const newer = { isIncoming: isNewerIncoming }
      expect(Duplicates.isNewerKept(older, newer, { ours, theirs }, ageMs)).toBe(isNewerKept)
    })
  }

  it.prop(
    "that cross, both sides keep the same, whichever each of them saw first",
    [id, id, fc.boolean(), fc.boolean()],
    ([a, b, sawOwnFirstA, sawOwnFirstB]) => {
      fc.pre(a.some((byte, i) => byte !== b[i]))
      /** True if the connection that this side dialled stays. */
      const keepsOwn = (ours: Uint8Array, theirs: Uint8Array, sawOwnFirst: boolean): boolean => {
        const older = { isIncoming: !sawOwnFirst, connectedAt: 0 }
        const isNewer = Duplicates.isNewerKept(older, { isIncoming: sawOwnFirst }, { ours, theirs }, 1)
        return isNewer !== sawOwnFirst
      }
      expect(keepsOwn(a, b, sawOwnFirstA)).toBe(!keepsOwn(b, a, sawOwnFirstB))
    },
  )
})
