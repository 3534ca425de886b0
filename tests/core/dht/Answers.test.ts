/** What a node says to whom: one node, and packets of any kind from anywhere. */
import { it } from "@effect/vitest"
import * as fc from "effect/FastCheck"
import { describe, expect } from "vitest"
import type { Address } from "../../../core/base/Address.ts"
import { type Bytes, concat, latin1 } from "../../../core/base/Bytes.ts"
import * as Rng from "../../../core/base/Rng.ts"
import { MINUTE, SECOND } from "../../../core/base/Time.ts"
import type { Command } from "../../../core/dht/Command.ts"
import * as Compact from "../../../core/dht/Compact.ts"
import type { Input } from "../../../core/dht/Input.ts"
import * as Items from "../../../core/dht/Items.ts"
import * as Krpc from "../../../core/dht/Krpc.ts"
import * as Node from "../../../core/dht/Node.ts"
import * as NodeId from "../../../core/dht/NodeId.ts"
import { addressOf } from "../../support/DhtNet.ts"

const ID = NodeId.random(Rng.make(1_000))
const HASH = NodeId.random(Rng.make(2_000))

/** One node, and everything that it sends. */
class Bench {
  now = 0
  node: Node.Node
  readonly sent: Array<{ readonly to: Address; readonly bytes: Bytes }> = []
  readonly verifications: Array<number> = []

  constructor(options: Partial<Node.Options> = {}) {
    this.node = Node.make({
      id: ID,
      seed: 1,
      isReadOnly: false,
      families: ["ipv4", "ipv6"],
      bootstrap: [],
      saved: [],
      ...options,
    }, 0)
  }

  input(input: Input): ReadonlyArray<Command> {
    this.now = Math.max(this.now, input.now)
    const [node, commands] = Node.step(this.node, input)
    this.node = node
    for (const command of commands) {
      if (command._tag === "Send") this.sent.push(command)
      if (command._tag === "Verify") this.verifications.push(command.verification)
    }
    return commands
  }

  /** Gives a datagram to it; the messages that it sends at once. */
  packet(from: Address, bytes: Bytes): ReadonlyArray<Krpc.Message> {
    const before = this.sent.length
    this.input({ _tag: "Packet", now: this.now, from, bytes })
    return this.sent.slice(before).map((sent) => messageOf(sent.bytes))
  }

  ask(from: Address, request: Krpc.Request, extra: Partial<Krpc.Query> = {}): ReadonlyArray<Krpc.Message> {
    return this.packet(from, query(request, extra))
  }

  /** A node answers a ping of this one, and so is known. */
  meet(from: Address, id: NodeId.NodeId): void {
    const before = this.sent.length
    this.input({ _tag: "Ping", now: this.now, request: 1, address: from })
    for (const { bytes } of this.sent.slice(before)) {
      this.packet(from, answer(messageOf(bytes).transaction, id))
    }
  }

  tokenFor(from: Address): Bytes {
    const { token } = response(this.ask(from, getPeers))
    return token!
  }
}

const messageOf = (bytes: Bytes): Krpc.Message => {
  const decoded = Krpc.decode(bytes)
  if (!decoded.ok) throw new Error(decoded.error.reason)
  return decoded.value
}

const query = (request: Krpc.Request, extra: Partial<Krpc.Query> = {}): Bytes =>
  Krpc.encode({
    _tag: "Query",
    transaction: latin1("aa"),
    id: NodeId.random(Rng.make(7)),
    isReadOnly: true,
    request,
    ...extra,
  })

const answer = (transaction: Bytes, id: NodeId.NodeId, extra: Partial<Krpc.Response> = {}): Bytes =>
  Krpc.encode({ _tag: "Response", transaction, id, ...extra })

const getPeers: Krpc.Request = { _tag: "GetPeers", infoHash: HASH, isScrape: false, withoutSeeds: false }

const response = (messages: ReadonlyArray<Krpc.Message>): Krpc.Response => {
  expect(messages).toHaveLength(1)
  expect(messages[0]!._tag).toBe("Response")
  return messages[0] as Krpc.Response
}

const errorOf = (messages: ReadonlyArray<Krpc.Message>): number => {
  expect(messages).toHaveLength(1)
  return (messages[0] as Krpc.ErrorMessage).code
}

const announce = (token: Bytes, port = 5_000, isPortImplied = false): Krpc.Request => ({
  _tag: "AnnouncePeer",
  infoHash: HASH,
  port,
  isPortImplied,
  token,
  isSeed: false,
})

const [A, B, C] = [addressOf(1), addressOf(2), addressOf(3)]

/** Fills the table, so that there are nodes to tell of. */
const known = (bench: Bench, count = 30): Bench => {
  for (let i = 0; i < count; i++) bench.meet(addressOf(100 + i), NodeId.random(Rng.make(i)))
  return bench
}

describe("an answer", () => {
  it("has our id, the transaction, and where the asker is", () => {
    const bench = new Bench()
    expect(response(bench.ask(A, { _tag: "Ping" }))).toEqual({
      _tag: "Response",
      transaction: latin1("aa"),
      id: ID,
      ip: Compact.fromAddress(A),
    })
    expect(bench.sent.at(-1)!.to).toEqual(A)
  })

  it("tells of the nearest eight nodes, of the asker's family or of those it wants", () => {
    const bench = known(new Bench())
    bench.meet(addressOf(1, "ipv6"), NodeId.random(Rng.make(500)))
    bench.meet(A, NodeId.random(Rng.make(501)))
    const target = NodeId.random(Rng.make(9))
    const plain = response(bench.ask(A, { _tag: "FindNode", target }))
    const nearest = Node.saved(bench.node).filter(({ address }) => !address.host.includes(":"))
      .map(({ id }) => id).sort((a, b) => NodeId.compare(target, a, b)).slice(0, 8)
    expect(Compact.contacts(plain.nodes!, "ipv4").map(({ id }) => id)).toEqual(nearest)
    expect(plain.nodes6).toBeUndefined()
    const both = response(bench.ask(A, { _tag: "FindNode", target, want: { ipv4: true, ipv6: true } }))
    expect(Compact.count(both.nodes!, "ipv4")).toBe(8)
    expect(Compact.count(both.nodes6!, "ipv6")).toBe(1)
    const other = response(bench.ask(A, { _tag: "FindNode", target, want: { ipv4: false, ipv6: true } }))
    expect(other.nodes).toBeUndefined()
    expect(response(bench.ask(addressOf(9, "ipv6"), { _tag: "FindNode", target })).nodes).toBeUndefined()
  })

  it.prop(
    "to a stranger is never more than three times its question, nor more than fits a packet to anybody",
    [
      fc.integer({ min: 0, max: 5 }),
      fc.uint8Array({ maxLength: 32 }),
      fc.boolean(),
      fc.integer({ min: 0, max: 400 }),
      fc.integer({ min: 0, max: 1_000 }),
    ],
    ([what, transaction, isMet, peers, valueBytes]) => {
      const bench = known(new Bench(), 12)
      for (let i = 0; i < peers / 10; i++) {
        const from = addressOf(300 + i)
        const token = bench.tokenFor(from)
        for (let port = 1; port <= 3; port++) bench.ask(from, announce(token, port))
        bench.now += SECOND
      }
      const text = "x".repeat(Math.max(0, valueBytes - 4))
      const value = latin1(`${text.length}:${text}`)
      bench.ask(B, { _tag: "Put", token: bench.tokenFor(B), value })
      const target = Items.targetOfImmutable(value)
      const want = { ipv4: true, ipv6: true }
      const requests: ReadonlyArray<Krpc.Request> = [
        { _tag: "FindNode", target: HASH, want },
        { ...getPeers, want },
        { ...getPeers, isScrape: true, want },
        { _tag: "Get", target, want },
        { _tag: "SampleInfohashes", target, want },
        { _tag: "Unknown", method: "x" },
      ]
      bench.input({ _tag: "Tick", now: bench.now + MINUTE })
      if (isMet) bench.meet(C, NodeId.random(Rng.make(900)))
      const question = query(requests[what]!, { transaction })
      const before = bench.sent.length
      bench.packet(C, question)
      const sent = bench.sent.slice(before)
      for (const { bytes } of sent) {
        expect(bytes.length).toBeLessThanOrEqual(isMet ? 1_400 : 3 * question.length)
        // What fits is sent, so that there is an answer at all.
        if (messageOf(bytes)._tag === "Response") expect((messageOf(bytes) as Krpc.Response).id).toEqual(ID)
      }
      expect(sent.map(({ to }) => to)).toEqual([C])
    },
  )

  it("that is long is given to a stranger only once it has shown itself", () => {
    const bench = new Bench()
    const value = latin1(`900:${"x".repeat(900)}`)
    bench.ask(B, { _tag: "Put", token: bench.tokenFor(B), value })
    const get: Krpc.Request = { _tag: "Get", target: Items.targetOfImmutable(value) }
    const [ping] = bench.ask(A, get, { isReadOnly: false, transaction: latin1("zz") })
      .filter((message) => message._tag === "Query").slice(-1)
    const late = bench.packet(A, answer(ping!.transaction, HASH)).filter(({ _tag }) => _tag === "Response")
    expect(late).toHaveLength(1)
    expect(late[0]).toMatchObject({ _tag: "Response", transaction: latin1("zz"), value })
    // From now on it is known.
    expect(response(bench.ask(A, get)).value).toEqual(value)

    // Who doesn't show itself is answered all the same, with what there is room for.
    bench.ask(C, get, { isReadOnly: false, transaction: latin1("yy") })
    const before = bench.sent.length
    bench.input({ _tag: "Tick", now: bench.now + 2 * SECOND })
    const short = bench.sent.slice(before).map(({ bytes }) => messageOf(bytes))
      .filter(({ _tag }) => _tag === "Response")
    expect(short).toMatchObject([{ _tag: "Response", transaction: latin1("yy") }])
    expect((short[0] as Krpc.Response).value).toBeUndefined()
    expect((short[0] as Krpc.Response).token).toBeDefined()
  })

  it("to a read-only asker comes at once, and nobody asks back", () => {
    const bench = new Bench()
    bench.ask(A, { _tag: "FindNode", target: HASH }, { isReadOnly: true })
    expect(bench.sent).toHaveLength(1)
    bench.ask(B, { _tag: "FindNode", target: HASH }, { isReadOnly: false })
    expect(bench.sent.slice(1).map(({ bytes }) => messageOf(bytes)._tag).sort()).toEqual([
      "Query",
      "Response",
    ])
  })
})

describe("an announce", () => {
  it("counts with a token of the same address, from any port", () => {
    const bench = new Bench()
    const token = bench.tokenFor(A)
    response(bench.ask({ ...A, port: 99 }, announce(token)))
    expect(response(bench.ask(B, getPeers)).values).toEqual([Compact.fromAddress({ ...A, port: 5_000 })])
  })

  it("is refused with another's token, one that was made up, and one of long ago", () => {
    const bench = new Bench()
    const token = bench.tokenFor(A)
    expect(errorOf(bench.ask(B, announce(token)))).toBe(203)
    for (const made of [latin1(""), latin1("aoeusnth"), new Uint8Array(64)]) {
      expect(errorOf(bench.ask(A, announce(made)))).toBe(203)
    }
    bench.now += 10 * MINUTE
    expect(errorOf(bench.ask(A, announce(token)))).toBe(203)
    expect(Node.stats(bench.node)).toMatchObject({ badTokens: 5, peers: 0 })
  })

  it("takes the port that it came from where that is implied, and no port 0", () => {
    const bench = new Bench()
    response(bench.ask(A, announce(bench.tokenFor(A), 0, true)))
    expect(response(bench.ask(B, getPeers)).values).toEqual([Compact.fromAddress(A)])
    const raw = concat([
      latin1("d1:ad2:id20:"),
      ID,
      latin1("9:info_hash20:"),
      HASH,
      latin1("4:porti0e5:token8:"),
      bench.tokenFor(A),
      latin1("e1:q13:announce_peer1:t2:aa1:y1:qe"),
    ])
    expect(errorOf(bench.packet(A, raw))).toBe(203)
    expect(Node.stats(bench.node).peers).toBe(1)
  })
})

describe("a put", () => {
  const publicKey = new Uint8Array(32).fill(1)
  const put = (
    bench: Bench,
    from: Address,
    text: string,
    seq: bigint,
    extra: { cas?: bigint; salt?: Bytes } = {},
  ) =>
    bench.ask(from, {
      _tag: "Put",
      token: bench.tokenFor(from),
      value: latin1(`${text.length}:${text}`),
      mutable: { publicKey, signature: new Uint8Array(64), seq, salt: latin1(""), ...extra },
    })

  it("is answered when its signature was checked, with 206 where it is none", () => {
    const bench = new Bench()
    expect(put(bench, A, "one", 1n)).toEqual([])
    const verify = (isValid: boolean) => {
      const before = bench.sent.length
      const verification = bench.verifications.at(-1)!
      bench.input({ _tag: "Verified", now: bench.now, verification, isValid })
      return bench.sent.slice(before).map(({ bytes }) => messageOf(bytes))
    }
    expect(errorOf(verify(false))).toBe(206)
    expect(verify(true)).toEqual([])
    put(bench, A, "one", 1n)
    expect(response(verify(true)).transaction).toEqual(latin1("aa"))
    expect(Node.stats(bench.node).items).toBe(1)
    expect(errorOf(put(bench, A, "two", 2n, { cas: 7n }))).toBe(301)
    expect(errorOf(put(bench, A, "two", 0n))).toBe(302)
    expect(errorOf(put(bench, A, "two", 2n, { salt: new Uint8Array(65) }))).toBe(207)
    expect(errorOf(put(bench, A, "x".repeat(1_000), 2n))).toBe(205)
  })

  it("waits for its check among sixty-four others at most", () => {
    const bench = new Bench()
    for (let i = 0; i < 70; i++) {
      const sent = put(bench, addressOf(i), "one", BigInt(i))
      expect(sent.map((message) => (message as Krpc.ErrorMessage).code)).toEqual(i < 64 ? [] : [202])
    }
  })
})

describe("a hostile packet", () => {
  it("that is no message changes nothing and gets nothing", () => {
    const bench = new Bench()
    for (const text of ["", "x", "le", "de", "d1:t2:aae", "i1e", "d".repeat(3_000), "l".repeat(60_000)]) {
      expect(bench.packet(A, latin1(text))).toEqual([])
    }
    expect(Node.stats(bench.node)).toMatchObject({ malformed: 8, answersOut: 0 })
  })

  it("that is a query without what it needs is told so, if that is no more than three times as long", () => {
    const bench = new Bench()
    expect(bench.packet(A, latin1("d1:t2:aa1:y1:qe"))).toEqual([])
    const raw = concat([latin1("d1:ad2:id20:"), ID, latin1("e1:q9:get_peers1:t2:aa1:y1:qe")])
    expect(errorOf(bench.packet(A, raw))).toBe(203)
    const short = latin1("d1:ad2:id19:aaaaaaaaaaaaaaaaaaae1:q4:ping1:t2:aa1:y1:qe")
    expect(errorOf(bench.packet(A, short))).toBe(203)
    expect(errorOf(bench.ask(A, { _tag: "Unknown", method: "vote" }))).toBe(204)
  })

  it.prop(
    "of whatever bytes never makes it throw, and never gets more than three times as much",
    [fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 20 }), fc.integer({ min: 0, max: 200 })],
    ([list, cut]) => {
      const bench = new Bench()
      const whole = query(getPeers)
      for (const bytes of [...list, whole.subarray(0, cut % whole.length), concat([whole, list[0] ?? ID])]) {
        const before = bench.sent.length
        bench.packet(A, bytes)
        let answered = 0
        for (const sent of bench.sent.slice(before)) answered += sent.bytes.length
        expect(answered).toBeLessThanOrEqual(3 * bytes.length)
      }
    },
  )

  it("that claims to be a reply is ignored: without a question, from elsewhere, or twice", () => {
    const bench = new Bench()
    bench.packet(A, answer(latin1("abcd"), HASH))
    bench.packet(A, answer(latin1("ab"), HASH))
    bench.input({ _tag: "Ping", now: 0, request: 1, address: A })
    const { transaction } = messageOf(bench.sent.at(-1)!.bytes)
    const true1 = answer(transaction, HASH)
    bench.packet(B, true1)
    bench.packet({ ...A, port: 1 }, true1)
    expect(Node.stats(bench.node)).toMatchObject({ unasked: 2, elsewhere: 2, good: 0 })
    bench.packet(A, true1)
    bench.packet(A, true1)
    expect(Node.stats(bench.node)).toMatchObject({ unasked: 3, responsesIn: 1, good: 1 })
  })

  it("cannot guess the next transaction from those before", () => {
    const bench = new Bench()
    const seen = new Set<number>()
    const steps = new Set<number>()
    let before = 0
    for (let i = 0; i < 200; i++) {
      bench.input({ _tag: "Ping", now: i * 11 * SECOND, request: i, address: A })
      const { transaction } = messageOf(bench.sent.at(-1)!.bytes)
      expect(transaction).toHaveLength(4)
      const number = new DataView(transaction.buffer, transaction.byteOffset).getUint32(0)
      seen.add(number)
      steps.add(number - before)
      before = number
    }
    expect(seen.size).toBe(200)
    expect(steps.size).toBe(200)
    const other = new Bench({ secret: new Uint8Array(32).fill(9) })
    other.input({ _tag: "Ping", now: 0, request: 1, address: A })
    expect([...seen]).not.toContain(
      new DataView(messageOf(other.sent[0]!.bytes).transaction.slice().buffer).getUint32(0),
    )
  })

  it("among fifty in ten seconds blocks its address for five minutes, and no other", () => {
    const bench = new Bench()
    let answered = 0
    for (let i = 0; i < 200; i++) {
      bench.now += 10
      answered += bench.ask(A, { _tag: "Ping" }).length
    }
    expect(answered).toBe(50)
    expect(bench.ask(B, { _tag: "Ping" })).toHaveLength(1)
    bench.now += 4 * MINUTE
    expect(bench.ask(A, { _tag: "Ping" })).toEqual([])
    bench.now += 2 * MINUTE
    expect(bench.ask(A, { _tag: "Ping" })).toHaveLength(1)
    expect(Node.stats(bench.node).flooding).toBe(151)
  })

  it("in a flood from everywhere is answered within the bytes that there are for all", () => {
    const bench = known(new Bench())
    bench.now += MINUTE
    const before = bench.sent.length
    for (let i = 0; i < 5_000; i++) {
      bench.now += 1
      bench.ask(addressOf(i), getPeers)
    }
    let bytes = 0
    for (const sent of bench.sent.slice(before)) bytes += sent.bytes.length
    expect(bytes).toBeGreaterThan(200_000)
    expect(bytes).toBeLessThan(5 * 50_000 + 20_000)
    expect(Node.stats(bench.node).withheld).toBeGreaterThan(3_000)
  })

  it("cannot make us believe in an address from one network alone, nor in one of our own network", () => {
    const bench = new Bench()
    const meet = (from: Address, ip: Bytes) => {
      bench.input({ _tag: "Ping", now: bench.now, request: 1, address: from })
      const { transaction } = messageOf(bench.sent.at(-1)!.bytes)
      bench.packet(from, answer(transaction, NodeId.random(Rng.make(from.port)), { ip }))
    }
    const victim = Compact.fromAddress({ host: "99.1.2.3", port: 1 })!
    for (let i = 1; i < 50; i++) meet({ host: `66.${i}.7.7`, port: i }, victim)
    for (let i = 1; i < 50; i++) {
      meet({ host: `${i + 100}.1.7.7`, port: i }, Compact.fromAddress({ host: "192.168.1.1", port: 1 })!)
    }
    expect(Node.id(bench.node)).toEqual(ID)
    for (let i = 1; i < 4; i++) meet({ host: `${i + 100}.1.7.7`, port: i }, victim)
    expect(NodeId.isValidFor(Node.id(bench.node), "99.1.2.3")).toBe(true)
  })
})
