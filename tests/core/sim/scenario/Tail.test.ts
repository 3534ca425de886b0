import { describe, expect, it } from "@effect/vitest"
import type { NodeView } from "../../../../core/sim/Observer.ts"
import * as Defaults from "../../../../core/sim/scenario/Defaults.ts"
import * as Tail from "../../../../core/sim/scenario/Tail.ts"

const node: NodeView = {
  index: 7,
  peerClass: Defaults.leecher,
  address: { host: "10.0.0.8", port: 6881 },
  torrent: () => undefined,
  client: () => {
    throw new Error("not looked at")
  },
  isUp: true,
}

describe("the tail of a run", () => {
  it("keeps the last things, the newest last", () => {
    const { lines, observer } = Tail.make(3, () => false)
    for (let i = 0; i < 5; i++) observer.fault!(`number ${i}`, undefined, i * 1_500)
    expect(lines()).toEqual([
      "3.000 s world: fault: number 2",
      "4.500 s world: fault: number 3",
      "6.000 s world: fault: number 4",
    ])
  })

  it("keeps fewer while there are no more", () => {
    const { lines, observer } = Tail.make(3, () => false)
    expect(lines()).toEqual([])
    observer.nodeUp!(node, 0)
    expect(lines()).toEqual(["0.000 s node 7 (leecher): up"])
  })

  it("tells a step by its input and commands, payload by its size", () => {
    const { lines, observer } = Tail.make(3, () => false)
    observer.stepped!(
      node,
      { _tag: "ConnRead", now: 990, conn: 4, bytes: new Uint8Array(1_460) },
      [
        { _tag: "Send", conn: 4, chunks: [new Uint8Array(17)] },
        { _tag: "Close", conn: 3 },
      ],
      1_000,
    )
    expect(lines()).toEqual([
      "1.000 s node 7 (leecher): ConnRead conn=4 bytes[1460] -> Send conn=4 chunks[1], Close conn=3",
    ])
  })

  it("stops with what happened when it was over", () => {
    let isOver = false
    const { lines, observer } = Tail.make(3, () => isOver)
    observer.fault!("before", undefined, 0)
    isOver = true
    observer.fault!("the last", undefined, 0)
    observer.fault!("after", undefined, 0)
    expect(lines()).toEqual(["0.000 s world: fault: before", "0.000 s world: fault: the last"])
  })
})
