import { describe, expect, it } from "vitest"
import * as Krpc from "../../../core/dht/Krpc.ts"
import { MAX_NODES } from "../../../core/dht/Limits.ts"
import { latin1 } from "./Messages.ts"

const ID = "abcdefghij0123456789"

/** What the response with these return values besides its id says, besides its id. */
const read = (r: string, top = ""): Partial<Krpc.Response> => {
  const decoded = Krpc.decode(latin1(`d${top}1:rd2:id20:${ID}${r}e1:t2:aa1:y1:re`))
  if (!decoded.ok || decoded.value._tag !== "Response") throw new Error(JSON.stringify(decoded))
  const { _tag, id: _id, transaction: _transaction, ...rest } = decoded.value
  return rest
}

const NODE = `${"n".repeat(20)}axje.u`
const PORT_0 = `${"n".repeat(20)}axje\0\0`
const NODE_6 = `${"n".repeat(20)} \x01\x0d\xb8${"\0".repeat(11)}\x01\x1a\xe1`

describe("nodes", () => {
  it("are cut behind the last whole one, as in BEP 5's own example", () => {
    expect(read("5:nodes9:def456...")).toEqual({ nodes: latin1("") })
    expect(read(`5:nodes27:${NODE}x`)).toEqual({ nodes: latin1(NODE) })
    expect(read(`6:nodes676:${NODE_6}${"x".repeat(38)}`)).toEqual({ nodes6: latin1(NODE_6 + "x".repeat(38)) })
    expect(read(`6:nodes639:${NODE_6}x`)).toEqual({ nodes6: latin1(NODE_6) })
  })

  it("are those that somebody can be at", () => {
    expect(read(`5:nodes78:${NODE}${PORT_0}${NODE}`)).toEqual({ nodes: latin1(NODE + NODE) })
    expect(read(`5:nodes26:${PORT_0}`)).toEqual({ nodes: latin1("") })
  })

  it("are the first ones of a list that has no end", () => {
    expect(read(`5:nodes${26 * 1_000}:${NODE.repeat(1_000)}`)).toEqual({
      nodes: latin1(NODE.repeat(MAX_NODES)),
    })
    expect(read(`6:nodes6${38 * 1_000}:${NODE_6.repeat(1_000)}`)).toEqual({
      nodes6: latin1(NODE_6.repeat(MAX_NODES)),
    })
  })

  it("are left out where they are no text", () => {
    expect(read(`5:nodesl26:${NODE}e6:nodes6i1e`)).toEqual({})
  })
})

describe("values", () => {
  it("may be of both families (BEP 32)", () => {
    const six = NODE_6.slice(20)
    expect(read(`6:valuesl18:${six}6:axje.ue`)).toEqual({ values: [latin1(six), latin1("axje.u")] })
  })

  it("are those that are peers that somebody can be at", () => {
    const values =
      "l5:axje.i1e6:axje\0\x006:\0\0\0\0.u6:\xe0\0\0\x01.u7:axje.ux6:axje.u6:\xff\xff\xff\xff.ule"
    expect(read(`6:values${values}e`)).toEqual({ values: [latin1("axje.u")] })
  })

  it("are left out where they are no list", () => {
    expect(read("6:values6:axje.u")).toEqual({})
  })
})

describe("what is of another type or length is left out", () => {
  it.each([
    "5:tokeni1e",
    `5:token65:${"t".repeat(65)}`,
    "4:BFsd3:abc",
    "4:BFpei1e",
    `4:BFpe257:${"x".repeat(257)}`,
    `1:k31:${"k".repeat(31)}`,
    `3:sig65:${"s".repeat(65)}`,
    "3:seqi-1e",
    "3:seqi9223372036854775808e",
    "3:seq1:1",
    "3:numi-1e",
    "3:num1:1",
    "8:intervali-1e",
    "8:intervali21601e",
    "7:samplesi1e",
    `1:v1001:${"v".repeat(1_001)}`,
    "9:__proto__i1e",
  ])("%j", (r) => expect(read(r)).toEqual({}))

  it("and so is a strange address of ours", () => {
    for (const ip of ["4:axje", "16:axjeaxjeaxjeaxje", "i1e", "7:axje.ux"]) {
      expect(read("", `2:ip${ip}`)).toEqual({})
    }
    expect(read("", "2:ip18:axjeaxjeaxjeaxje.u")).toEqual({ ip: latin1("axjeaxjeaxjeaxje.u") })
  })
})

it("has whole samples only", () => {
  expect(read(`7:samples41:${"a".repeat(41)}`)).toEqual({ samples: latin1("a".repeat(40)) })
})

it("has a value as it was sent, up to 1000 bytes", () => {
  expect(read("1:vd1:bi1e1:alee")).toEqual({ value: latin1("d1:bi1e1:alee") })
  expect(read(`1:v996:${"v".repeat(996)}`).value?.length).toBe(1_000)
})
