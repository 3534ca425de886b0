import { describe, expect, it } from "vitest"
import { rates } from "../../../../core/sim/check/Rates.ts"
import { BLOCK, blockRead, read, say, Story } from "./Story.ts"

/** A block a second, either way. */
const limited = (): Story =>
  new Story(rates())
    .add({ maxUploadRateBytesPerSec: BLOCK, maxDownloadRateBytesPerSec: BLOCK })
    .meet(1)

const serve = (told: Story, block: number): Story => {
  told.tick(read(1, block, 0))
  return told.step(blockRead(told.now, 1, block, 0), [told.sends(1, say.piece(block, 0))])
}

describe("rates", () => {
  it("has nothing to say of an upload at the limit, for however long", () => {
    const told = limited()
    for (let i = 0; i < 100; i++) serve(told.after(1_000), i % 10)
    expect(told.faults).toEqual([])
  })

  it("sees an upload a tenth faster than the limit", () => {
    const told = limited()
    for (let i = 0; i < 100; i++) serve(told.after(900), i % 10)
    expect(told.faults[0]).toMatch(/bytes more go up than 16384 bytes a second allow/)
  })

  it("sees payload for which nothing was read", () => {
    const told = limited()
    for (let i = 0; i < 10; i++) told.after(100).says(1, say.piece(0, 0))
    expect(told.faults.length).toBeGreaterThan(0)
  })

  it("gives back what was read and then not sent", () => {
    const told = limited()
    for (let i = 0; i < 50; i++) told.after(10).tick(read(1, 0, 0)).step(blockRead(told.now, 1, 0, 0))
    expect(told.faults).toEqual([])
  })

  it("sees a peer that is read on while the download is overdrawn, and one that is read again too soon", () => {
    const paused = limited()
    const pieces = [0, 1, 2, 3].map((piece) => say.piece(piece, 0))
    paused.hears(1, pieces, [{ _tag: "PauseReads", conn: 1 }])
    expect(paused.faults).toEqual([])
    paused.after(1_000).tick({ _tag: "ResumeReads", conn: 1 })
    expect(paused.faults[0]).toMatch(/connection 1 is read again with \d+ bytes of debt/)
    expect(limited().hears(1, pieces).faults[0]).toMatch(/connection 1 is read with \d+ bytes of debt/)
  })

  it("lets everything go where there is no limit", () => {
    const told = new Story(rates()).add().meet(1)
    for (let i = 0; i < 100; i++) serve(told, i % 10)
    expect(told.faults).toEqual([])
  })
})
