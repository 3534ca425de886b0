/** What hostile nodes send, through the node that real datagrams go through: named errors or silence, and little of either. */
import { expect } from "vitest"
import type { Address } from "../../core/base/Address.ts"
import * as Bytes from "../../core/base/Bytes.ts"
import * as Rng from "../../core/base/Rng.ts"
import { MINUTE, SECOND } from "../../core/base/Time.ts"
import * as Answers from "../../core/dht/Answers.ts"
import type { Command } from "../../core/dht/Command.ts"
import * as Krpc from "../../core/dht/Krpc.ts"
import * as Limits from "../../core/dht/Limits.ts"
import * as Node from "../../core/dht/Node.ts"
import * as NodeId from "../../core/dht/NodeId.ts"
import * as Rate from "../../core/dht/Rate.ts"
import { row } from "./Row.ts"

const text = Bytes.latin1
const ID = "a".repeat(20)
const HASH = "h".repeat(20)

/** A node, and what it sends to whoever sends it something. */
class Target {
  now = 0
  node = Node.make({
    id: NodeId.random(Rng.make(1)),
    seed: 1,
    isReadOnly: false,
    families: ["ipv4"],
    bootstrap: [],
    saved: [],
  }, 0)
  commands: ReadonlyArray<Command> = []

  /** Gives it a datagram; the messages that go back. */
  hear(
    bytes: Uint8Array | string,
    from: Address = { host: "80.1.1.1", port: 6_881 },
  ): ReadonlyArray<Krpc.Message> {
    const packet = typeof bytes === "string" ? text(bytes) : bytes
    const [node, commands] = Node.step(this.node, { _tag: "Packet", now: this.now, from, bytes: packet })
    this.node = node
    this.commands = commands
    return commands.flatMap((command) => {
      if (command._tag !== "Send") return []
      // To nobody else, and not so much that it would be worth asking in somebody's name.
      expect(command.to).toEqual(from)
      expect(command.bytes.length).toBeLessThanOrEqual(
        Math.max(Answers.MAX_AMPLIFICATION * packet.length, 1_100),
      )
      const message = Krpc.decode(command.bytes)
      return message.ok && message.value._tag !== "Query" ? [message.value] : []
    })
  }

  /** The codes of the errors that go back; 0: a response. */
  codes(bytes: Uint8Array | string, from?: Address): ReadonlyArray<number> {
    return this.hear(bytes, from).map((message) => message._tag === "ErrorMessage" ? message.code : 0)
  }

  token(from?: Address): string {
    const [answer] = this.hear(query("get_peers", `9:info_hash20:${HASH}`), from)
    return Bytes.toLatin1((answer as Krpc.Response).token!)
  }

  /** It still answers an honest question. */
  isAlive(): boolean {
    return this.codes(query("ping", ""), { host: "99.9.9.9", port: 9 })[0] === 0
  }
}

/** Arguments stand behind the id, in order of their names. */
const query = (method: string, more: string, before = ""): string =>
  `d1:ad${before}2:id20:${ID}${more}e1:q${method.length}:${method}2:roi1e1:t2:aa1:y1:qe`

const announce = (token: string, port: string): string =>
  query("announce_peer", `9:info_hash20:${HASH}4:port${port}5:token${token.length}:${token}`)

const K = "k".repeat(32)
const S = "s".repeat(64)

/** What is sent, and what comes back: codes of errors, 0 for an answer, nothing. */
const cases: ReadonlyArray<readonly [what: string, packet: string, codes: ReadonlyArray<number>]> = [
  ["a packet eleven deep", `d1:a${"l".repeat(11)}${"e".repeat(11)}1:q4:ping1:t2:aa1:y1:qe`, []],
  ["a packet of 501 values", `d1:al${"i1e".repeat(501)}e1:q4:ping1:t2:aa1:y1:qe`, []],
  ["100,000 lists", "l".repeat(60_000), []],
  ["no transaction", `d1:ad2:id20:${ID}e1:q4:ping1:y1:qe`, []],
  ["a transaction of 33 bytes", `d1:ad2:id20:${ID}e1:q4:ping1:t33:${"t".repeat(33)}1:y1:qe`, []],
  ["a transaction that is a number", `d1:ad2:id20:${ID}e1:q4:ping1:ti1e1:y1:qe`, []],
  ["no kind", `d1:ad2:id20:${ID}e1:q4:ping1:t2:aae`, []],
  ["no method", `d1:ad2:id20:${ID}e2:roi1e1:t2:aa1:y1:qe`, [203]],
  ["no arguments", `d1:q4:ping4:xxxx4:xxxx1:t2:aa1:y1:qe`, [203]],
  ["a question too short to be told so", `d1:t2:aa1:y1:qe`, []],
  ["an id of 19 bytes", `d1:ad2:id19:${ID.slice(1)}e1:q4:ping1:t2:aa1:y1:qe`, [203]],
  ["an id of 21 bytes", `d1:ad2:id21:${ID}ae1:q4:ping1:t2:aa1:y1:qe`, [203]],
  ["a target of 19 bytes", query("find_node", `6:target19:${HASH.slice(1)}`), [203]],
  ["an unknown method", query("vote", ""), [204]],
  ["bytes behind the message", `${query("ping", "")}x`, [203]],
  ["port 0", announce("x", "i0e"), [203]],
  ["port 65536", announce("x", "i65536e"), [203]],
  ["port -1", announce("x", "i-1e"), [203]],
  ["a token that was made up", announce("aoeusnth", "i6881e"), [203]],
  ["an empty token", announce("", "i6881e"), [203]],
  ["a token of 65 bytes", announce("t".repeat(65), "i6881e"), [203]],
  ["a response nobody asked for", `d1:rd2:id20:${ID}e1:t4:aaaa1:y1:re`, []],
  ["nodes that are no multiple of 26", `d1:rd2:id20:${ID}5:nodes25:${"n".repeat(25)}e1:t4:aaaa1:y1:re`, []],
  ["an error nobody asked for", `d1:eli201e1:xe1:t4:aaaa1:y1:ee`, []],
]
for (const [what, packet, codes] of cases) {
  row(81, `DHT: ${what} -> ${codes[0] === undefined ? "silence" : `error ${codes[0]}`}`, () => {
    const target = new Target()
    expect(target.codes(packet)).toEqual(codes)
    expect(Node.stats(target.node)).toMatchObject({ peers: 0, items: 0, good: 0 })
    expect(target.isAlive()).toBe(true)
  })
}

row(81, "DHT: a token of another address, or one announced from port 0 -> refused", () => {
  const target = new Target()
  const token = target.token()
  expect(target.codes(announce(token, "i6881e"), { host: "80.1.1.2", port: 6_881 })).toEqual([203])
  const implied = announce(token, "i0e").replace("9:info_hash", "12:implied_porti1e9:info_hash")
  // Where the port is implied it is the one that the packet came from, and a packet from port 0 is none.
  expect(target.codes(implied, { host: "80.1.1.1", port: 0 })).not.toEqual([0])
  expect(Node.stats(target.node).peers).toBe(0)
  expect(target.codes(implied)).toEqual([0])
  expect(Node.stats(target.node).peers).toBe(1)
})

const put = (token: string, value: string, more = "", before = ""): string =>
  query("put", `${more}5:token${token.length}:${token}1:v${value}`, before)

row(
  81,
  "DHT: put of 1,001 bytes -> 205; salt of 65 -> 207; seq 2^63 or -1, key or signature too short -> 203",
  () => {
    const target = new Target()
    const token = target.token()
    expect(target.codes(put(token, `997:${"x".repeat(997)}`))).toEqual([205])
    const mutable = (salt: number, seq: string, k = K, sig = S): string =>
      put(
        token,
        "1:x",
        `1:k${k.length}:${k}4:salt${salt}:${"s".repeat(salt)}3:seqi${seq}e3:sig${sig.length}:${sig}`,
      )
    expect(target.codes(mutable(65, "1"))).toEqual([207])
    for (const seq of ["9223372036854775808", "-1", "9".repeat(100)]) {
      expect(target.codes(mutable(1, seq))).toEqual([203])
    }
    expect(target.codes(mutable(1, "1", K.slice(1)))).toEqual([203])
    expect(target.codes(mutable(1, "1", K, S.slice(1)))).toEqual([203])
    expect(Node.stats(target.node).items).toBe(0)
  },
)

row(81, "DHT: a wrong signature -> 206; another number than expected -> 301; an older one -> 302", () => {
  const target = new Target()
  const token = target.token()
  const store = (seq: number, isValid: boolean, cas = ""): ReadonlyArray<number> => {
    const codes = target.codes(put(token, "1:x", `1:k32:${K}3:seqi${seq}e3:sig64:${S}`, cas))
    const verify = target.commands.find((command) => command._tag === "Verify")
    if (verify === undefined) return codes
    const [node, commands] = Node.step(target.node, {
      _tag: "Verified",
      now: target.now,
      verification: verify.verification,
      isValid,
    })
    target.node = node
    return commands.flatMap((command) => {
      if (command._tag !== "Send") return []
      const message = Krpc.decode(command.bytes)
      return message.ok ? [message.value._tag === "ErrorMessage" ? message.value.code : 0] : []
    })
  }
  expect(store(5, false)).toEqual([206])
  expect(Node.stats(target.node).items).toBe(0)
  expect(store(5, true)).toEqual([0])
  expect(store(6, true, "3:casi4e")).toEqual([301])
  expect(store(4, true)).toEqual([302])
  expect(Node.stats(target.node).items).toBe(1)
})

row(
  81,
  "DHT: 10^4 values, 10^3 nodes, ports 0 in an answer -> what is of use is taken, within bounds",
  () => {
    const target = new Target()
    const infoHash = text(HASH)
    const router = { host: "80.1.1.1", port: 6_881 }
    const step = (input: Parameters<typeof Node.step>[1]): ReadonlyArray<Command> => {
      const [node, commands] = Node.step(target.node, input)
      target.node = node
      return commands
    }
    step({ _tag: "AddNode", now: 0, address: router })
    const asked = step({ _tag: "GetPeers", now: 1, request: 1, infoHash })
    const questions = [...asked, ...step({ _tag: "Tick", now: 2 })].flatMap((command) => {
      if (command._tag !== "Send") return []
      const message = Krpc.decode(command.bytes)
      return message.ok && message.value._tag === "Query" ? [message.value] : []
    })
    const nodes = new Uint8Array(26 * 1_000)
    for (let i = 0; i < 1_000; i++) {
      nodes.set(Rng.fill(Rng.make(i), new Uint8Array(20)), 26 * i)
      nodes.set([81, i >> 8, i & 255, 1, i % 2 === 0 ? 0 : 26, i % 2 === 0 ? 0 : 225], 26 * i + 20)
    }
    // Values beyond the tokens of one packet make it no message at all; fewer are taken one by one.
    const flood = `d1:rd2:id20:${ID}6:valuesl${"6:abcdef".repeat(7_000)}ee1:t4:aaaa1:y1:re`
    target.now = 2
    expect(target.hear(flood)).toEqual([])
    expect(Node.stats(target.node).malformed).toBe(1)
    let sent = 0
    for (const { transaction } of questions) {
      const answer = Bytes.concat([
        text(`d1:rd2:id20:${ID}5:nodes${nodes.length}:`),
        nodes,
        text("e1:t4:"),
        transaction,
        text("1:y1:re"),
      ])
      for (const command of step({ _tag: "Packet", now: 3, from: router, bytes: answer })) {
        if (command._tag !== "Send") continue
        sent++
        expect(command.to.port).not.toBe(0)
      }
    }
    expect(questions.length).toBeGreaterThan(0)
    expect(sent).toBeGreaterThan(0)
    expect(sent).toBeLessThanOrEqual(questions.length * Limits.MAX_NODES)
  },
)

row(
  81,
  "DHT: more than 50 packets in ten seconds from one address -> not heard for five minutes, others are",
  () => {
    const target = new Target()
    let answered = 0
    for (let i = 0; i < 1_000; i++) {
      target.now += 9
      answered += target.codes(query("ping", "")).length
    }
    expect(answered).toBe(Rate.MAX_QUERIES)
    expect(target.isAlive()).toBe(true)
    target.now += 4 * MINUTE
    expect(target.codes(query("ping", ""))).toEqual([])
    target.now += MINUTE + SECOND
    expect(target.codes(query("ping", ""))).toEqual([0])
  },
)

row(81, "DHT: a question in another's name -> never more than three times its length goes there", () => {
  const target = new Target()
  for (
    const [method, more] of [
      ["ping", ""],
      ["find_node", `6:target20:${HASH}4:wantl2:n42:n6e`],
      ["get_peers", `9:info_hash20:${HASH}6:scrapei1e`],
      ["get", `6:target20:${HASH}`],
      ["sample_infohashes", `6:target20:${HASH}`],
      ["x", ""],
    ] as const
  ) {
    const packet = text(query(method, more))
    target.hear(packet, { host: "77.7.7.7", port: 7 })
    let bytes = 0
    for (const command of target.commands) if (command._tag === "Send") bytes += command.bytes.length
    expect(bytes).toBeGreaterThan(0)
    expect(bytes).toBeLessThanOrEqual(Answers.MAX_AMPLIFICATION * packet.length)
  }
})
