/** Whom the tracker tells of whom is fair: every peer that can be of use is told as often as any other. */
import { expect, it } from "vitest"
import * as Server from "../../../core/tracker/Server.ts"
import * as Scene from "./ServerScene.ts"

it.each([[0, "seeder"], [1, "leecher"]])("to a peer with %i left, a %s", (leftBytes) => {
  const server = Scene.server({}, 42)
  for (let i = 1; i <= 120; i++) Scene.announce(server, { ip: Scene.v4(i), leftBytes: i % 2 })
  const counts = new Map<string, number>()
  const rounds = 5_000
  const asker = leftBytes === 1 ? 51 : 50
  for (let i = 0; i < rounds; i++) {
    for (const peer of Scene.peers(Scene.announce(server, { ip: Scene.v4(asker), leftBytes, numWant: 10 }))) {
      counts.set(peer, (counts.get(peer) ?? 0) + 1)
    }
  }
  const others = leftBytes === 1 ? 119 : 60
  expect(counts.size).toBe(others)
  expect(counts.has(Scene.endpoint(Scene.v4(asker), 6881))).toBe(false)
  const expected = rounds * 10 / others
  let chiSquare = 0
  for (const count of counts.values()) chiSquare += (count - expected) ** 2 / expected
  // Four standard deviations above what chance gives, and as drawn without putting back.
  expect(chiSquare / ((others - 10) / (others - 1))).toBeLessThan(
    others - 1 + 4 * Math.sqrt(2 * (others - 1)),
  )
  expect(Server.stats(server)).toMatchObject({ seeders: 60, leechers: 60 })
})
