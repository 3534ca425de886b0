import { it } from "@effect/vitest"
import * as fc from "effect/FastCheck"
import { describe, expect } from "vitest"
import * as Queue from "../../../core/sim/Queue.ts"

/** Everything that is left, as times and targets. */
const drain = (queue: Queue.Queue): Array<readonly [at: number, target: number]> => {
  const events: Array<readonly [number, number]> = []
  while (Queue.pop(queue)) events.push([queue.now, queue.target])
  return events
}

describe("Queue", () => {
  it.prop(
    "gives events by time, and equal times in the order in which they were asked for",
    [fc.array(fc.nat({ max: 20 }), { maxLength: 300 })],
    ([times]) => {
      const queue = Queue.make()
      times.forEach((at, index) => Queue.push(queue, at, Queue.ARRIVE, index, 0))
      const expected = times.map((at, index) => [at, index] as const).sort((a, b) =>
        a[0] - b[0] || a[1] - b[1]
      )
      expect(drain(queue)).toEqual(expected)
    },
  )

  it("keeps what an event carries", () => {
    const queue = Queue.make()
    Queue.push(queue, 1.5, Queue.DISK, 2 ** 20, 65_536)
    expect(Queue.next(queue)).toBe(1.5)
    expect(Queue.pop(queue)).toBe(true)
    expect([queue.now, queue.kind, queue.target, queue.value]).toEqual([1.5, Queue.DISK, 2 ** 20, 65_536])
    expect(Queue.pop(queue)).toBe(false)
    expect(Queue.next(queue)).toBe(Infinity)
  })

  it("never lets time step back, whatever was asked for", () => {
    const queue = Queue.make()
    Queue.push(queue, 10, Queue.WAKE, 1, 0)
    Queue.pop(queue)
    Queue.push(queue, 5, Queue.WAKE, 2, 0)
    Queue.push(queue, 12, Queue.WAKE, 3, 0)
    expect(drain(queue)).toEqual([[10, 2], [12, 3]])
  })

  it("grows beyond its first room", () => {
    const queue = Queue.make()
    for (let i = 5_000; i > 0; i--) Queue.push(queue, i, Queue.ARRIVE, i, 0)
    expect(drain(queue).map(([, target]) => target)).toEqual(Array.from({ length: 5_000 }, (_, i) => i + 1))
  })

  it("runs each call once, in its time", () => {
    const queue = Queue.make()
    const ran: Array<string> = []
    Queue.call(queue, 2, () => ran.push("late"))
    Queue.call(queue, 1, () => {
      ran.push("early")
      Queue.call(queue, 1, () => ran.push("asked for by early"))
    })
    while (Queue.pop(queue)) Queue.runCall(queue)
    expect(ran).toEqual(["early", "asked for by early", "late"])
  })
})
