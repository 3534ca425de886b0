import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as Mailbox from "../../shell/Mailbox.ts"

describe("a mailbox", () => {
  it("keeps what is told until somebody reads, then hands it over in order", () => {
    const mailbox = Mailbox.make<number>()
    Mailbox.push(mailbox, 1)
    Mailbox.push(mailbox, 2)
    const heard: Array<number> = []
    Mailbox.read(mailbox, (value) => void heard.push(value))
    Mailbox.push(mailbox, 3)
    expect(heard).toEqual([1, 2, 3])
  })

  it.effect("as a stream goes on where it was left, and ends when it is closed", () =>
    Effect.gen(function* () {
      const mailbox = Mailbox.make<number>()
      Mailbox.push(mailbox, 1)
      const first = yield* Stream.runCollect(Stream.take(Mailbox.stream(mailbox), 1))
      expect(Array.from(first)).toEqual([1])
      Mailbox.push(mailbox, 2)
      const second = yield* Stream.runCollect(Stream.take(Mailbox.stream(mailbox), 1))
      expect(Array.from(second)).toEqual([2])
      yield* Mailbox.close(mailbox)
      Mailbox.push(mailbox, 3)
      expect(Array.from(yield* Stream.runCollect(Mailbox.stream(mailbox)))).toEqual([])
    }))
})
