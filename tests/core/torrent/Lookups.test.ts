import { describe, expect, it } from "@effect/vitest"
import { MINUTE, NEVER, SECOND } from "../../../core/base/Time.ts"
import type { Command } from "../../../core/torrent/Command.ts"
import * as Lookups from "../../../core/torrent/Lookups.ts"

const TORRENT = { infoHash: Uint8Array.of(1), isSeed: false }

const asked = (lookups: Lookups.Lookups, now: number): ReadonlyArray<Command> => {
  const out: Array<Command> = []
  Lookups.run(lookups, { id: 1, ...TORRENT }, now, out)
  return out
}

/** When lookups begin that each take a second, until `until`. */
const begun = (
  lookups: Lookups.Lookups,
  lacksPeers: (n: number) => boolean,
  until: number,
): Array<number> => {
  const at: Array<number> = []
  for (let now = lookups.at; now < until; now = lookups.at) {
    expect(asked(lookups, now - 1)).toEqual([])
    expect(asked(lookups, now)).toEqual([{ _tag: "LookUp", ...TORRENT, torrent: 1 }])
    expect(asked(lookups, now)).toEqual([])
    at.push(now)
    Lookups.end(lookups, false, lacksPeers(at.length), now + SECOND)
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
    expect(gaps.slice(0, 7).map((gap) => gap / SECOND)).toEqual([10, 20, 40, 80, 160, 320, 640])
  })

  it("that has found some begins from the start when it lacks them again", () => {
    const at = begun(Lookups.make(true, 0), (n) => n !== 4, 60 * MINUTE)
    const gaps = at.slice(1).map((time, i) => (time - at[i]! - SECOND) / SECOND)
    expect(gaps.slice(0, 6)).toEqual([10, 20, 40, 900, 10, 20])
  })

  it("that nobody has heard asks again soon, a seed as well", () => {
    const lookups = Lookups.make(true, 0)
    const gaps = [0, 1, 2].map(() => {
      Lookups.end(lookups, true, false, 0)
      return lookups.at / SECOND
    })
    expect(gaps).toEqual([5, 10, 20])
    Lookups.end(lookups, false, false, 0)
    expect(lookups.at).toBe(15 * MINUTE)
  })

  it("that is not to be known, or has left, asks nobody", () => {
    expect(Lookups.make(false, 0).at).toBe(NEVER)
    const lookups = Lookups.make(true, 0)
    Lookups.stop(lookups)
    expect(asked(lookups, 60 * MINUTE)).toEqual([])
    Lookups.end(lookups, false, true, 0)
    expect(lookups.at).toBe(NEVER)
  })

  it("hopes for the DHT until nobody answers, or several times in a row nobody has it", () => {
    const lookups = Lookups.make(true, 0)
    expect(Lookups.isHopeful(lookups, 2)).toBe(true)
    Lookups.end(lookups, false, true, 0)
    expect(Lookups.isHopeful(lookups, 2)).toBe(true)
    Lookups.end(lookups, false, true, 0)
    expect(Lookups.isHopeful(lookups, 2)).toBe(false)
    expect(Lookups.inVain(lookups)).toContain("the DHT knows nobody")
    Lookups.end(lookups, false, false, 0)
    expect(Lookups.isHopeful(lookups, 2)).toBe(true)
    Lookups.end(lookups, true, true, 0)
    expect(Lookups.isHopeful(lookups, 2)).toBe(false)
    expect(Lookups.inVain(lookups)).toContain("no DHT node answered")
    expect(Lookups.inVain(Lookups.make(false, 0))).toBeUndefined()
  })
})
