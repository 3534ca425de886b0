/** Whole nodes on a scripted network (`tests/support/DhtNet.ts`). */
import { describe, expect, it } from "vitest"
import type { Address } from "../../../core/base/Address.ts"
import { latin1 } from "../../../core/base/Bytes.ts"
import * as Digest from "../../../core/base/Digest.ts"
import * as Rng from "../../../core/base/Rng.ts"
import { MINUTE, SECOND } from "../../../core/base/Time.ts"
import type { Input } from "../../../core/dht/Input.ts"
import * as Items from "../../../core/dht/Items.ts"
import * as Krpc from "../../../core/dht/Krpc.ts"
import * as Node from "../../../core/dht/Node.ts"
import * as NodeId from "../../../core/dht/NodeId.ts"
import * as Saved from "../../../core/dht/Saved.ts"
import { addressOf, DhtNet, type Member, type Options } from "../../support/DhtNet.ts"

const SETTLED = 3 * MINUTE

/** A network whose nodes have found each other. */
const settled = (count: number, options: Options = {}): DhtNet => {
  const net = new DhtNet(options)
  net.addMany(count)
  net.run(SETTLED)
  return net
}

const random = (seed: number): Uint8Array => NodeId.random(Rng.make(seed))

const hex = (id: Uint8Array): string => id.join()

/** The ids nearest to a target, of all nodes that take part. */
const nearest = (net: DhtNet, target: Uint8Array, count: number): ReadonlyArray<string> =>
  net.members.filter(({ isGone }) => !isGone).map(({ node }) => Node.id(node))
    .sort((a, b) => NodeId.compare(target, a, b)).slice(0, count).map(hex)

const eventsOf = (member: Member, tag: string) => member.events.filter(({ _tag }) => _tag === tag)

describe("a network of nodes", () => {
  it("finds together from one address, and lookups the nearest of all", () => {
    const net = settled(80)
    for (const member of net.members.slice(1)) expect(eventsOf(member, "Bootstrapped")).toHaveLength(1)
    let right = 0
    for (let i = 0; i < 20; i++) {
      const member = net.members[4 * i]!
      const target = random(i)
      member.events.length = 0
      net.input(member, { _tag: "FindNode", now: net.now, request: i, target })
      const done = net.until(member, "LookupDone", 10 * SECOND)
      // The one that looks doesn't find itself.
      const expected = nearest(net, target, 9).filter((id) => id !== hex(Node.id(member.node))).slice(0, 8)
      expect(done.nodes).toHaveLength(8)
      right += done.nodes.filter(({ id }) => expected.includes(hex(id))).length
      expect(done.queries).toBeLessThan(30)
      expect(done.hops).toBeGreaterThanOrEqual(1)
      expect(done.hops).toBeLessThan(7)
    }
    // A node that few know yet may be missed.
    expect(right).toBeGreaterThanOrEqual(20 * 8 * 0.95)
  })

  it("brings peers of a torrent together, and tells no peer twice", () => {
    const net = settled(40)
    const infoHash = random(1)
    for (const [i, isSeed] of [true, false, false].entries()) {
      const member = net.members[10 + i]!
      const announce = { port: 7_000 + i, impliedPort: i === 2, isSeed }
      net.input(member, { _tag: "GetPeers", now: net.now, request: 1, infoHash, announce })
      expect(net.until(member, "LookupDone").announcedTo).toBe(8)
    }
    const asker = net.members[38]!
    net.input(asker, { _tag: "GetPeers", now: net.now, request: 1, infoHash, scrape: true })
    net.until(asker, "LookupDone")
    const peers = asker.events.flatMap((event) => event._tag === "PeersFound" ? event.peers : [])
    const expected: ReadonlyArray<Address> = [
      { host: addressOf(10).host, port: 7_000 },
      { host: addressOf(11).host, port: 7_001 },
      { host: addressOf(12).host, port: addressOf(12).port },
    ]
    expect(peers).toHaveLength(3)
    expect(peers).toEqual(expect.arrayContaining([...expected]))
    expect(eventsOf(asker, "Scraped")).toMatchObject([{ seeds: 1, peers: 2 }])

    // A seed is not told of seeds while there are others.
    const seed = net.members[30]!
    const announce = { port: 1, impliedPort: false, isSeed: true }
    net.input(seed, { _tag: "GetPeers", now: net.now, request: 1, infoHash, announce })
    net.until(seed, "LookupDone")
    const told = seed.events.flatMap((event) => event._tag === "PeersFound" ? event.peers : [])
    expect(told.map(({ port }) => port)).not.toContain(7_000)
    expect(told).toHaveLength(2)
  })

  it("forgets who announces no more", () => {
    const net = settled(30)
    const infoHash = random(1)
    const announce = { port: 7_000, impliedPort: false, isSeed: false }
    net.input(net.members[3]!, { _tag: "GetPeers", now: net.now, request: 1, infoHash, announce })
    net.until(net.members[3]!, "LookupDone")
    net.run(net.now + 32 * MINUTE)
    expect(net.members.map(({ node }) => Node.stats(node).peers)).toEqual(net.members.map(() => 0))
    net.input(net.members[20]!, { _tag: "GetPeers", now: net.now, request: 1, infoHash })
    net.until(net.members[20]!, "LookupDone")
    expect(eventsOf(net.members[20]!, "PeersFound")).toEqual([])
  })

  it("keeps values, long ones as well, and gives them to whoever asks", () => {
    const net = settled(40)
    for (const value of [latin1("5:hello"), latin1(`990:${"x".repeat(990)}`)]) {
      const [writer, reader] = [net.members[7]!, net.members[35]!]
      for (const { events } of [writer, reader]) events.length = 0
      net.input(writer, { _tag: "PutItem", now: net.now, request: 1, value })
      expect(net.until(writer, "PutDone")).toEqual({ _tag: "PutDone", request: 1, storedAt: 8 })
      const target = Items.targetOfImmutable(value)
      net.input(reader, { _tag: "GetItem", now: net.now, request: 1, target })
      expect(net.until(reader, "ItemFound")).toEqual({ _tag: "ItemFound", request: 1, target, value })
      net.until(reader, "LookupDone")
      expect(eventsOf(reader, "ItemFound")).toHaveLength(1)
    }
  })

  it("keeps what an author signs, in its newest version, and refuses the rest", () => {
    const net = settled(40)
    const [author, reader] = [net.members[7]!, net.members[35]!]
    const publicKey = new Uint8Array(32).fill(5)
    const salt = latin1("blog")
    let request = 1
    const put = (text: string, seq: bigint, isForged = false, cas?: bigint) => {
      author.events.length = 0
      const value = latin1(`${text.length}:${text}`)
      const signature = new Uint8Array(64).fill(isForged ? 0 : 9)
      const mutable = { publicKey, signature, seq, salt, ...(cas !== undefined && { cas }) }
      net.input(author, { _tag: "PutItem", now: net.now, request: request++, value, mutable })
      return net.until(author, "PutDone")
    }
    const get = () => {
      reader.events.length = 0
      const target = Items.targetOfMutable(publicKey, salt)
      net.input(reader, { _tag: "GetItem", now: net.now, request: request++, target, publicKey, salt })
      net.until(reader, "LookupDone")
      return reader.events.flatMap((event) => event._tag === "ItemFound" ? [event.mutable?.seq] : [])
    }
    expect(put("forged", 9n, true)).toMatchObject({ storedAt: 0, refusal: { code: 206 } })
    expect(get()).toEqual([])
    expect(put("one", 1n)).toMatchObject({ storedAt: 8 })
    expect(get()).toEqual([1n])
    expect(put("two", 2n, false, 1n)).toMatchObject({ storedAt: 8 })
    expect(get()).toEqual([2n])
    expect(put("old", 1n)).toMatchObject({ storedAt: 0, refusal: { code: 302 } })
    expect(put("three", 3n, false, 1n)).toMatchObject({ storedAt: 0, refusal: { code: 301 } })
    expect(get()).toEqual([2n])
  })

  it("lets its torrents be sampled", () => {
    const net = settled(40)
    const announce = { port: 7_000, impliedPort: false, isSeed: false }
    for (let i = 0; i < 5; i++) {
      const member = net.members[i + 5]!
      net.input(member, { _tag: "GetPeers", now: net.now, request: 1, infoHash: random(i), announce })
      net.until(member, "LookupDone")
    }
    const asker = net.members[30]!
    net.input(asker, { _tag: "Sample", now: net.now, request: 1, target: random(2) })
    net.until(asker, "LookupDone")
    const seen = new Set(
      asker.events.flatMap((event) => event._tag === "SampleFound" ? event.samples.map(hex) : []),
    )
    expect(seen.size).toBeGreaterThan(0)
    for (const sample of seen) expect([0, 1, 2, 3, 4].map((i) => hex(random(i)))).toContain(sample)
  })

  it("survives the loss of one packet in ten, and of half of its nodes", () => {
    const net = settled(70, { loss: 0.1 })
    const infoHash = random(5)
    const announce = { port: 7_000, impliedPort: false, isSeed: false }
    net.input(net.members[3]!, { _tag: "GetPeers", now: net.now, request: 1, infoHash, announce })
    expect(net.until(net.members[3]!, "LookupDone").announcedTo).toBeGreaterThan(3)
    for (let i = 10; i < 50; i++) net.members[i]!.isGone = true
    net.input(net.members[69]!, { _tag: "GetPeers", now: net.now, request: 1, infoHash })
    net.until(net.members[69]!, "LookupDone")
    expect(eventsOf(net.members[69]!, "PeersFound").length).toBeGreaterThan(0)
    // After a while those that went are out of the tables, and of what is told.
    net.run(net.now + 60 * MINUTE)
    const target = random(6)
    net.members[60]!.events.length = 0
    net.input(net.members[60]!, { _tag: "FindNode", now: net.now, request: 2, target })
    const found = net.until(net.members[60]!, "LookupDone").nodes.map(({ id }) => hex(id))
    const best = nearest(net, target, 12)
    expect(found.filter((id) => best.includes(id)).length).toBeGreaterThanOrEqual(6)
  })

  it("costs little while nobody wants anything", () => {
    const net = settled(30)
    const before = net.packets
    net.run(net.now + 60 * MINUTE)
    // A lookup for each bucket in a quarter of an hour, and a ping now and then; both directions.
    expect((net.packets - before) / 30 / 3_600).toBeLessThan(0.5)
  })
})

describe("a node", () => {
  it("asks again, ever less often, while nobody answers", () => {
    const net = new DhtNet()
    const asked: Array<number> = []
    net.onSend = () => asked.push(net.now)
    net.add(addressOf(0), { bootstrap: [addressOf(1)] })
    net.run(20 * MINUTE)
    expect(asked.length).toBeGreaterThan(4)
    expect(asked.length).toBeLessThan(12)
    for (let i = 2; i < 5; i++) expect(asked[i]! - asked[i - 1]!).toBeGreaterThan(asked[1]! - asked[0]!)
  })

  it("finds its way through one address that it is told of later, and from what it saved", () => {
    const net = settled(40)
    const late = net.add(addressOf(100))
    net.run(net.now + MINUTE)
    expect(Node.nextWake(late.node)).toBe(Infinity)
    net.input(late, { _tag: "AddNode", now: net.now, address: addressOf(7) })
    expect(net.until(late, "Bootstrapped").nodes).toBeGreaterThanOrEqual(8)

    const kept = Saved.decode(Saved.encode({ id: Node.id(late.node), nodes: Node.saved(late.node) }))!
    late.isGone = true
    const again = net.add(addressOf(101), { id: kept.id, saved: kept.nodes })
    expect(net.until(again, "Bootstrapped").nodes).toBeGreaterThanOrEqual(8)
  })

  it("learns its address from strangers, and takes an id that fits it", () => {
    const net = settled(40)
    for (const { address, node } of net.members) {
      expect(NodeId.isValidFor(Node.id(node), address.host)).toBe(true)
    }
    const learned = net.members[9]!.events.filter((event) => event._tag === "AddressLearned")
    expect(learned).toEqual([
      { _tag: "AddressLearned", address: addressOf(9), id: Node.id(net.members[9]!.node) },
    ])
  })

  it("answers pings, and says where nobody does", () => {
    const net = settled(10)
    const [asker, other] = [net.members[1]!, net.members[2]!]
    net.input(asker, { _tag: "Ping", now: net.now, request: 1, address: other.address })
    const pong = net.until(asker, "Pong")
    expect(pong).toMatchObject({ request: 1, id: Node.id(other.node) })
    expect(pong.rttMs).toBeGreaterThanOrEqual(40)
    expect(pong.rttMs).toBeLessThanOrEqual(160)
    net.input(asker, { _tag: "Ping", now: net.now, request: 2, address: addressOf(99) })
    expect(net.until(asker, "NoPong")).toEqual({ _tag: "NoPong", request: 2, address: addressOf(99) })
    asker.events.length = 0
    const began = net.now
    net.input(asker, { _tag: "Ping", now: net.now, request: 3, address: addressOf(98) })
    net.input(asker, { _tag: "Unsent", now: net.now, to: addressOf(98) })
    expect(net.until(asker, "NoPong").request).toBe(3)
    expect(net.now).toBe(began)
  })

  it("says nothing more of what was cancelled", () => {
    const net = settled(30)
    const member = net.members[4]!
    member.events.length = 0
    net.input(member, { _tag: "GetPeers", now: net.now, request: 1, infoHash: random(1), scrape: true })
    net.input(member, { _tag: "Ping", now: net.now, request: 2, address: addressOf(99) })
    net.run(net.now + 50)
    net.input(member, { _tag: "Cancel", now: net.now, request: 1 })
    net.input(member, { _tag: "Cancel", now: net.now, request: 2 })
    net.run(net.now + MINUTE)
    expect(member.events).toEqual([])
    expect(Node.stats(member.node)).toMatchObject({ tasks: 0, openQueries: 0 })
  })

  it("ends all of a thousand lookups that are begun at once", () => {
    const net = settled(6)
    const member = net.members[4]!
    member.events.length = 0
    for (let i = 0; i < 1_100; i++) {
      net.input(member, { _tag: "FindNode", now: net.now, request: i, target: random(i) })
    }
    expect(Node.stats(member.node).openQueries).toBeLessThanOrEqual(256)
    net.run(net.now + 40 * MINUTE, () => eventsOf(member, "LookupDone").length === 1_100)
    expect(eventsOf(member, "LookupDone")).toHaveLength(1_100)
    expect(Node.stats(member.node).tasks).toBe(0)
  })

  it("that only reads is asked by nobody and answers nobody, and finds what there is all the same", () => {
    const net = settled(30)
    const reader = net.add(addressOf(200), { isReadOnly: true, bootstrap: [addressOf(0)] })
    net.until(reader, "Bootstrapped")
    const target = random(3)
    net.input(reader, { _tag: "FindNode", now: net.now, request: 1, target })
    expect(net.until(reader, "LookupDone").nodes.map(({ id }) => hex(id)))
      .toEqual(nearest(net, target, 9).filter((id) => id !== hex(Node.id(reader.node))).slice(0, 8))
    net.run(net.now + 30 * MINUTE)
    for (const { node } of net.members.slice(0, 30)) {
      expect(Node.saved(node).map(({ address }) => address.host)).not.toContain(reader.address.host)
    }
    let sent = 0
    net.onSend = (from) => {
      if (from === reader.address) sent++
    }
    const query: Krpc.Query = {
      _tag: "Query",
      transaction: latin1("aa"),
      id: random(1),
      isReadOnly: false,
      request: { _tag: "Ping" },
    }
    net.inject(reader, addressOf(3), Krpc.encode(query))
    net.inject(reader, addressOf(3), latin1("d1:t2:aa1:y1:qe"))
    expect(sent).toBe(0)
    expect(Node.stats(reader.node).readOnly).toBe(1)
  })

  it("in both DHTs finds nodes of either through one address", () => {
    const net = new DhtNet()
    const both = (i: number, bootstrap: ReadonlyArray<Address>) => {
      const member = net.add(addressOf(i), { families: ["ipv4", "ipv6"], bootstrap })
      net.alias(member, addressOf(i, "ipv6"))
      return member
    }
    const first = both(0, [])
    for (let i = 1; i < 30; i++) both(i, [addressOf(0), addressOf(0, "ipv6")])
    net.run(SETTLED)
    const late = both(50, [addressOf(3)])
    net.run(net.now + SETTLED)
    for (const { node } of [first, late]) {
      const { nodes } = Node.stats(node)
      expect(nodes.ipv4).toBeGreaterThan(8)
      expect(nodes.ipv6).toBeGreaterThan(8)
    }
    for (const family of ["ipv4", "ipv6"] as const) {
      expect(NodeId.isValidFor(Node.id(late.node, family), addressOf(50, family).host)).toBe(true)
    }
    const infoHash = random(1)
    const announce = { port: 7_000, impliedPort: false, isSeed: false }
    net.input(late, { _tag: "GetPeers", now: net.now, request: 1, infoHash, announce })
    expect(net.until(late, "LookupDone").announcedTo).toBe(16)
    net.input(first, { _tag: "GetPeers", now: net.now, request: 1, infoHash })
    net.until(first, "LookupDone")
    const hosts = first.events.flatMap((event) => event._tag === "PeersFound" ? event.peers : [])
    expect(hosts.map(({ host }) => host).sort())
      .toEqual([addressOf(50).host, addressOf(50, "ipv6").host].sort())
  })
})

describe("the machine", () => {
  const play = (spuriousTicks: boolean): DhtNet => {
    const net = new DhtNet({ loss: 0.05, spuriousTicks, isRecorded: true })
    net.addMany(25)
    net.run(SETTLED)
    const announce = { port: 7_000, impliedPort: false, isSeed: false }
    net.input(net.members[3]!, { _tag: "GetPeers", now: net.now, request: 1, infoHash: random(1), announce })
    net.input(net.members[9]!, { _tag: "PutItem", now: net.now, request: 1, value: latin1("2:ab") })
    net.run(net.now + 20 * MINUTE)
    return net
  }

  const replay = (node: Node.Node, journal: ReadonlyArray<Input>): string => {
    const digest = Digest.make()
    let current = node
    for (const input of journal) {
      const [next, commands] = Node.step(current, input)
      current = next
      for (const command of commands) Digest.add(digest, command)
    }
    Digest.add(digest, current.machine)
    return Digest.toHex(digest)
  }

  it("does the same with the same seed and journal, also where ticks come that nobody asked for", () => {
    const digests = (net: DhtNet) => net.members.map(({ digest }) => Digest.toHex(digest))
    const one = play(false)
    expect(digests(play(false))).toEqual(digests(one))
    expect(digests(play(true))).toEqual(digests(one))
  })

  it("plays a journal again to the same commands and the same state", () => {
    const member = play(false).members[9]!
    const options = {
      id: undefined,
      seed: 77,
      isReadOnly: false,
      families: ["ipv4"],
      bootstrap: [addressOf(0)],
      saved: [],
    } as const
    expect(member.journal.length).toBeGreaterThan(50)
    const first = replay(Node.make(options, 0), member.journal)
    expect(replay(Node.make(options, 0), member.journal)).toBe(first)
    expect(replay(Node.make({ ...options, seed: 78 }, 0), member.journal)).not.toBe(first)
  })

  it("goes its own way once forked", () => {
    const net = play(false)
    const { node } = net.members[3]!
    const tail: ReadonlyArray<Input> = [
      { _tag: "GetPeers", now: net.now, request: 7, infoHash: random(4) },
      { _tag: "Tick", now: net.now + 5 * MINUTE },
      { _tag: "Tick", now: net.now + 40 * MINUTE },
    ]
    const before = Digest.digest(node.machine)
    const expected = replay(Node.fork(node), tail)
    expect(Digest.digest(node.machine)).toBe(before)
    expect(replay(Node.fork(node), tail)).toBe(expected)
    expect(replay(node, tail)).toBe(expected)
    expect(() => Node.nextWake(node)).toThrow("spent")
  })

  it("has nothing to do before it wants to be woken, and something then", () => {
    const net = play(false)
    for (const { node } of net.members.slice(0, 10)) {
      const wake = Node.nextWake(node)
      const [same, none] = Node.step(Node.fork(node), { _tag: "Tick", now: wake - 1 })
      expect(none).toEqual([])
      expect(Node.nextWake(same)).toBe(wake)
      const [later] = Node.step(Node.fork(node), { _tag: "Tick", now: wake })
      expect(Node.nextWake(later)).toBeGreaterThan(wake)
    }
  })

  it("holds a table, a few votes and little else: it fits twenty thousand bytes", () => {
    const net = settled(100)
    let bytes = 0
    for (const { node } of net.members) {
      const { homes, proven, rate } = node.machine
      for (const { table, votes } of homes) {
        bytes += table.rows.bytes.length + table.rows.seenAt.byteLength + votes.rows.length
      }
      bytes += proven.hosts.length + proven.until.byteLength + rate.sources.byteLength
    }
    expect(bytes / 100).toBeLessThan(8_000)
  })
})
