import { describe, expect, it } from "@effect/vitest"
import { MINUTE, NEVER, SECOND } from "../../../core/base/Time.ts"
import * as Lookups from "../../../core/torrent/Lookups.ts"

/** When lookups begin that each take a second, until `until`. */
const begun = (
  lookups: Lookups.Lookups,
  lacksPeers: (n: number) => boolean,
  until: number,
): Array<number> => {
  const at: Array<number> = []
  for (let now = lookups.at; now < until; now = lookups.at) {
    expect(Lookups.begin(lookups, now - 1)).toBe(false)
    expect(Lookups.begin(lookups, now)).toBe(true)
    expect(Lookups.begin(lookups, now)).toBe(false)
    at.push(now)
    Lookups.end(lookups, lacksPeers(at.length), now + SECOND)
  }
  return at
}

describe("a torrent", () => {
  it("that has peers asks at once, and then every quarter of an hour", () => {
    const every = 15 * MINUTE + SECOND
    expect(begun(Lookups.make(true, 5), () => false, 60 * MINUTE)).toEqual(
      [0, 1, 2, 3].map((n) => 5 + n * every),
    )
  })

  it("that lacks peers asks sooner, and less and less so", () => {
    const at = begun(Lookups.make(true, 0), () => true, 3 * 60 * MINUTE)
    const gaps = at.slice(1).map((time, i) => time - at[i]! - SECOND)
    expect(gaps.slice(0, 7).map((gap) => gap / SECOND)).toEqual([30, 60, 120, 240, 480, 900, 900])
  })

  it("that has found some begins from the start when it lacks them again", () => {
    const at = begun(Lookups.make(true, 0), (n) => n !== 4, 60 * MINUTE)
    const gaps = at.slice(1).map((time, i) => (time - at[i]! - SECOND) / SECOND)
    expect(gaps.slice(0, 6)).toEqual([30, 60, 120, 900, 30, 60])
  })

  it("that is not to be known, or has left, asks nobody", () => {
    expect(Lookups.make(false, 0).at).toBe(NEVER)
    const lookups = Lookups.make(true, 0)
    Lookups.stop(lookups)
    expect(Lookups.begin(lookups, 60 * MINUTE)).toBe(false)
  })
})
