import { it } from "@effect/vitest"
import * as fc from "effect/FastCheck"
import { describe, expect } from "vitest"
import { concat, latin1 } from "../../../core/base/Bytes.ts"
import * as Rng from "../../../core/base/Rng.ts"
import type { Contact } from "../../../core/dht/Compact.ts"
import * as NodeId from "../../../core/dht/NodeId.ts"
import * as Saved from "../../../core/dht/Saved.ts"
import { addressOf } from "../../support/DhtNet.ts"

const id = NodeId.random(Rng.make(1))
const nodes: ReadonlyArray<Contact> = [
  { id: NodeId.random(Rng.make(2)), address: addressOf(1) },
  { id: NodeId.random(Rng.make(3)), address: addressOf(2, "ipv6") },
]
const bytes = Saved.encode({ id, nodes })

describe("what a node saves", () => {
  it("comes back as it was", () => {
    expect(Saved.decode(bytes)).toEqual({ id, nodes })
    expect(Saved.decode(Saved.encode({ id, nodes: [] }))).toEqual({ id, nodes: [] })
  })

  it("is nothing when it was cut anywhere, or something was added", () => {
    for (let end = 0; end < bytes.length; end++) expect(Saved.decode(bytes.subarray(0, end))).toBeUndefined()
    expect(Saved.decode(concat([bytes, latin1("x")]))).toBeUndefined()
  })

  it("loses nodes that can't be, and no more", () => {
    const odd = { id, address: { host: "0.1.2.3", port: 1 } }
    expect(Saved.decode(Saved.encode({ id, nodes: [odd, ...nodes] }))).toEqual({ id, nodes })
  })

  it("has no end of nodes", () => {
    const many = Array.from({ length: 1_500 }, (_, i) => ({ id, address: addressOf(i) }))
    expect(Saved.decode(Saved.encode({ id, nodes: many }))!.nodes).toHaveLength(Saved.MAX_NODES)
    expect(Saved.decode(new Uint8Array(200_000))).toBeUndefined()
  })

  it.prop("may be any bytes by the time it is read", [fc.uint8Array({ maxLength: 200 })], ([any]) => {
    expect(Saved.decode(any)).toBeUndefined()
  })
})
