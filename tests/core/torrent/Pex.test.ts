import { it } from "@effect/vitest"
import * as fc from "effect/FastCheck"
import { describe, expect } from "vitest"
import * as Address from "../../../core/base/Address.ts"
import * as Bytes from "../../../core/base/Bytes.ts"
import type { ConnId } from "../../../core/client/Input.ts"
import * as Snapshot from "../../../core/client/Snapshot.ts"
import type { Metainfo } from "../../../core/metainfo/Metainfo.ts"
import * as Bitfield from "../../../core/torrent/Bitfield.ts"
import * as Candidates from "../../../core/torrent/Candidates.ts"
import * as Pex from "../../../core/torrent/Pex.ts"
import * as Encoder from "../../../core/wire/Encoder.ts"
import * as Extended from "../../../core/wire/Extended.ts"
import * as ExtendedIds from "../../../core/wire/ExtendedIds.ts"
import * as ExtendedPex from "../../../core/wire/ExtendedPex.ts"
import { CoreNetwork } from "../../support/CoreNetwork.ts"
import { torrentOf } from "../../support/CoreSwarm.ts"
import { Door, extended, idOf } from "../client/Door.ts"

const SECONDS = 1_000
const MINUTES = 60_000
const torrent = torrentOf(32_768, [300_000])
const privately: Metainfo = Object.freeze({ ...torrent, isPrivate: true })
const all = () => Bitfield.full(torrent.geometry.pieceCount)

/** The number that peers here give `ut_pex`. */
const ID = 5

/** Somebody who listens, and takes peer exchange or doesn't. */
const come = (door: Door, host: string, takes: ReadonlyArray<readonly [string, number]> = []): ConnId =>
  door.welcome(host, idOf(host), extended({ listenPort: 7_000, messages: new Map(takes) }))

const listener = (door: Door, host: string): ConnId => {
  const conn = come(door, host, [["ut_pex", ID]])
  door.say(conn, Encoder.interested)
  return conn
}

interface Told {
  readonly added: ReadonlyArray<string>
  readonly dropped: ReadonlyArray<string>
}

/** What a peer was told, message by message. */
const told = (door: Door, conn: ConnId, id = ID): ReadonlyArray<Told> =>
  door.payloads(conn, id).map((payload) => {
    const message = ExtendedPex.decode(payload)
    if (!message.ok) throw new Error(message.error._tag)
    return {
      added: message.value.added.map(({ address }) => Address.format(address)),
      dropped: message.value.dropped.map(Address.format),
    }
  })

const tell = (
  door: Door,
  conn: ConnId,
  added: ReadonlyArray<readonly [host: string, port: number, flags?: number]>,
): void => {
  const contacts = added.map(([host, port, flags = 0]) => ({ address: { host, port }, flags }))
  say(door, conn, ExtendedPex.encode({ added: contacts, dropped: [] }))
}

const say = (door: Door, conn: ConnId, payload: Uint8Array): void => {
  door.say(conn, (encoder) => Encoder.extended(encoder, ExtendedIds.OURS.ut_pex, payload))
}

/** Waits, while everybody who is here gives a sign of life. */
const linger = (door: Door, ms: number): Door => {
  for (let left = ms; left > 0; left -= MINUTES) {
    for (const conn of [...door.torrent.peers.keys()]) if (conn < 0) door.say(conn, Encoder.keepAlive)
    door.wait(Math.min(left, MINUTES))
  }
  return door
}

describe("what a peer hears", () => {
  it("is to whom we are connected, soon after its handshake, once it takes that", () => {
    const door = new Door(torrent)
    const deaf = come(door, "80.1.1.1")
    const conn = listener(door, "80.2.2.2")
    door.wait(Pex.GATHER_MS - 1)
    expect(told(door, conn)).toEqual([])
    door.wait(1)
    expect(told(door, conn)).toEqual([{ added: ["80.1.1.1:7000"], dropped: [] }])
    expect(told(door, deaf)).toEqual([])
  })

  it("are newcomers, and those who left, once a minute", () => {
    const door = new Door(torrent)
    const first = come(door, "80.1.1.1")
    const conn = listener(door, "80.2.2.2")
    door.wait(30 * SECONDS)
    come(door, "80.3.3.3")
    come(door, "80.4.4.4")
    door.leave(first)
    door.wait(30 * SECONDS + Pex.GATHER_MS - 1)
    expect(told(door, conn).length).toBe(1)
    door.wait(1)
    expect(told(door, conn)[1]).toEqual({
      added: ["80.3.3.3:7000", "80.4.4.4:7000"],
      dropped: ["80.1.1.1:7000"],
    })
    linger(door, 4 * MINUTES)
    expect(told(door, conn).length).toBe(2)
    expect(door.torrent.pex!.dueAt).toBe(Infinity)
  })

  it("is nothing of who comes and goes within a minute, nor of who goes and comes back", () => {
    const door = new Door(torrent)
    const back = come(door, "80.1.1.1")
    const conn = listener(door, "80.2.2.2")
    door.wait(10 * SECONDS)
    door.leave(come(door, "80.3.3.3"))
    door.leave(back)
    door.wait(10 * SECONDS)
    come(door, "80.1.1.1")
    linger(door, 3 * MINUTES)
    expect(told(door, conn)).toEqual([{ added: ["80.1.1.1:7000"], dropped: [] }])
  })

  it("is nothing while there is nobody but itself", () => {
    const door = new Door(torrent)
    const conn = listener(door, "80.2.2.2")
    linger(door, 3 * MINUTES)
    expect(told(door, conn)).toEqual([])
  })

  it("are fifty at a time, and no more in a minute", () => {
    const door = new Door(torrent, { maxPeers: 200 })
    const hosts = Array.from({ length: 120 }, (_, n) => `80.1.${n + 1}.1`)
    const conns = hosts.map((host) => come(door, host))
    const conn = listener(door, "80.2.2.2")
    linger(door, 5 * MINUTES)
    expect(told(door, conn).map(({ added }) => added.length)).toEqual([50, 50, 20])
    expect(told(door, conn).flatMap(({ added }) => added)).toEqual(hosts.map((host) => `${host}:7000`))
    for (const one of conns) door.leave(one)
    linger(door, 5 * MINUTES)
    expect(told(door, conn).slice(3).map(({ dropped }) => dropped.length)).toEqual([50, 50, 20])
    expect(door.torrent.pex!.left).toEqual([])
  })

  it("says of each what we know", () => {
    const door = new Door(torrent)
    door.found("user", 7_001)
    const dialled = door.open()
    door.say(dialled, (encoder) =>
      Encoder.handshake(encoder, {
        infoHash: torrent.infoHashBytes,
        peerId: Bytes.latin1(idOf("dialled")),
        features: { fast: true, extended: true, dht: false },
      }), Encoder.haveAll)
    come(door, "80.3.3.3", [["ut_holepunch", 4]])
    const partial = come(door, "80.4.4.4")
    door.say(partial, extended({ uploadOnly: true }))
    const conn = listener(door, "80.2.2.2")
    door.wait(Pex.GATHER_MS)
    const message = ExtendedPex.decode(door.payloads(conn, ID)[0]!)
    expect(message.ok && message.value.added).toEqual([
      { address: { host: "80.1.1.1", port: 7_001 }, flags: ExtendedPex.SEED | ExtendedPex.REACHABLE },
      { address: { host: "80.3.3.3", port: 7_000 }, flags: ExtendedPex.SUPPORTS_HOLEPUNCH },
      { address: { host: "80.4.4.4", port: 7_000 }, flags: ExtendedPex.SEED },
    ])
  })

  it("is nobody whom nobody could dial: where it listens is not known, or only a local network knows", () => {
    const door = new Door(torrent)
    door.welcome("80.1.1.1", idOf("silent"))
    come(door, "192.168.1.7")
    come(door, "127.0.0.1")
    const [outside, inside, here] = ["80.2.2.2", "10.0.0.9", "127.0.0.2"].map((host) => listener(door, host))
    door.wait(Pex.GATHER_MS)
    expect([outside, inside, here].map((conn) => told(door, conn!)[0]?.added)).toEqual([
      undefined,
      ["192.168.1.7:7000", "80.2.2.2:7000"],
      ["192.168.1.7:7000", "127.0.0.1:7000", "80.2.2.2:7000", "10.0.0.9:7000"],
    ])
  })

  it("comes under the number that it gave last, and ends with 0", () => {
    const door = new Door(torrent)
    const conn = listener(door, "80.2.2.2")
    come(door, "80.1.1.1")
    door.wait(Pex.GATHER_MS)
    door.say(conn, extended({ messages: new Map([["ut_pex", 9]]) }))
    come(door, "80.3.3.3")
    linger(door, 2 * MINUTES)
    expect([told(door, conn, ID).length, told(door, conn, 9)]).toEqual([1, [{
      added: ["80.3.3.3:7000"],
      dropped: [],
    }]])
    door.say(conn, extended({ messages: new Map([["ut_pex", 0]]) }))
    come(door, "80.4.4.4")
    linger(door, 2 * MINUTES)
    expect([told(door, conn, ID).length, told(door, conn, 9).length]).toEqual([1, 1])
  })
})

/** How exactly it is noted when a message came. */
const STEP_MS = 5 * SECONDS

/** Somebody comes, somebody goes, or time passes. */
const happening = fc.oneof(
  fc.record({ kind: fc.constant("come" as const), who: fc.nat(9) }),
  fc.record({ kind: fc.constant("leave" as const), who: fc.nat(9) }),
  fc.record({ kind: fc.constant("wait" as const), who: fc.integer({ min: 1, max: 80_000 }) }),
)

it.prop("who hears everything knows in the end who is here, and never hears too often or the same twice", [
  fc.array(happening, { minLength: 10, maxLength: 40 }),
], ([happenings]) => {
  const door = new Door(torrent)
  const conn = listener(door, "80.2.2.2")
  const conns = new Map<number, ConnId>()
  const heardAt: Array<number> = []
  const watch = (ms: number) => {
    for (let left = ms; left > 0; left -= STEP_MS) {
      const before = door.payloads(conn, ID).length
      linger(door, Math.min(left, STEP_MS))
      if (door.payloads(conn, ID).length > before) heardAt.push(door.now)
    }
  }
  for (const { kind, who } of happenings) {
    if (kind === "wait") watch(who)
    else if (kind === "come" && !conns.has(who)) {
      const other = come(door, `80.3.3.${who}`)
      door.say(other, Encoder.interested)
      conns.set(who, other)
    } else if (kind === "leave" && conns.has(who)) {
      door.leave(conns.get(who)!)
      conns.delete(who)
    }
  }
  watch(3 * MINUTES)
  const known = new Set<string>()
  for (const { added, dropped } of told(door, conn)) {
    for (const one of added) expect(known.has(one)).toBe(false)
    for (const one of dropped) expect(known.delete(one)).toBe(true)
    for (const one of added) known.add(one)
  }
  const here = [...door.torrent.peers.values()].filter((peer) => peer.conn !== conn && peer.phase === "ready")
  // Whoever comes while we dial it is known by that dial, until it has failed.
  const addresses = here.flatMap(({ listening }) =>
    listening === undefined ? [] : [Address.format(listening)]
  )
  expect([...known].sort()).toEqual(addresses.sort())
  for (let i = 1; i < heardAt.length; i++) {
    expect(heardAt[i]! - heardAt[i - 1]!).toBeGreaterThan(Pex.INTERVAL_MS - STEP_MS)
  }
}, { fastCheck: { numRuns: 40 } })

describe("what a peer tells", () => {
  it("is dialled, and known to come from another peer", () => {
    const door = new Door(torrent)
    const conn = come(door, "80.1.1.1")
    tell(door, conn, [["80.9.9.9", 6_881], ["2001:db8::9", 6_881]])
    expect([...door.dialled].sort()).toEqual(["2001:db8::9:6881", "80.9.9.9:6881"])
    expect(Candidates.sourceOf(door.torrent.candidates, { host: "80.9.9.9", port: 6_881 })).toBe("pex")
    const opened = door.open()
    door.say(opened, (encoder) =>
      Encoder.handshake(encoder, {
        infoHash: torrent.infoHashBytes,
        peerId: Bytes.latin1(idOf("found")),
        features: { fast: true, extended: true, dht: false },
      }))
    expect(Snapshot.peers(door.torrent, door.now).map(({ source }) => source)).toEqual(["incoming", "pex"])
  })

  it("is not dialled where it could harm others: ports of services, our own network, this machine", () => {
    const door = new Door(torrent)
    const outside = come(door, "80.1.1.1")
    tell(door, outside, [["80.9.9.9", 25], ["80.9.9.9", 0], ["192.168.1.1", 8_080], ["127.0.0.1", 6_881]])
    tell(door, outside, [["224.0.0.1", 6_881], ["0.0.0.0", 6_881], ["ff02::1", 6_881]])
    expect(door.dialled).toEqual([])
    const inside = come(door, "192.168.1.2")
    tell(door, inside, [["192.168.1.3", 8_080], ["127.0.0.1", 6_881]])
    expect(door.dialled).toEqual(["192.168.1.3:8080"])
  })

  it("is not dialled while we seed if it is a seed, and is if it isn't", () => {
    const seeding = new Door(torrent, { have: all() })
    const seeds = [["80.9.9.9", 6_881, ExtendedPex.SEED], ["80.9.9.8", 6_881, ExtendedPex.REACHABLE]] as const
    tell(seeding, come(seeding, "80.1.1.1"), seeds)
    expect(seeding.dialled).toEqual(["80.9.9.8:6881"])
    const leeching = new Door(torrent)
    tell(leeching, come(leeching, "80.1.1.1"), seeds)
    expect(leeching.dialled.length).toBe(2)
  })

  it("says nothing of what it is worth where we know it already", () => {
    const door = new Door(torrent, { have: all() })
    door.found("tracker", 7_001)
    const [dialled] = door.dialled
    door.leave(door.open())
    tell(door, come(door, "80.3.3.3"), [["80.1.1.1", 7_001, ExtendedPex.SEED]])
    door.wait(MINUTES)
    expect(door.dialled).toEqual([dialled, dialled])
  })

  it("is heard twice a minute; more is passed over, and a flood ends the connection", () => {
    const door = new Door(torrent)
    const conn = come(door, "80.1.1.1")
    for (let n = 1; n < Pex.FLOOD; n++) tell(door, conn, [[`80.9.9.${n}`, 6_881]])
    expect(door.dialled).toEqual(["80.9.9.1:6881", "80.9.9.2:6881"])
    expect(door.isOpen(conn)).toBe(true)
    tell(door, conn, [["80.9.9.9", 6_881]])
    expect(door.isOpen(conn)).toBe(false)
    expect(door.farewells.at(-1)).toContain("BEP 11")
    expect(door.dialled.length).toBe(2)
  })

  it("is heard again in the next minute, for as long as it keeps to the rule", () => {
    const door = new Door(torrent)
    const conn = come(door, "80.1.1.1")
    door.say(conn, Encoder.interested)
    for (let n = 1; n <= 20; n++) {
      tell(door, conn, [[`80.9.9.${n}`, 6_881]])
      tell(door, conn, [])
      door.wait(MINUTES)
    }
    expect(door.isOpen(conn)).toBe(true)
    expect(new Set(door.dialled).size).toBe(20)
  })

  it("costs a bounded number of addresses, however much it is", () => {
    const door = new Door(torrent)
    const conn = come(door, "80.1.1.1")
    const compact = "P\x01\x02\x03\x1a\xe1".repeat(20_000)
    say(door, conn, Bytes.latin1(`d5:added${compact.length}:${compact}e`))
    tell(door, conn, Array.from({ length: 50 }, (_, n) => ["80.9.9.9", 2_000 + n]))
    expect(Candidates.size(door.torrent.candidates)).toBeLessThanOrEqual(2 + Candidates.MAX_HEARSAY_PORTS)
  })

  it("has to be a dictionary", () => {
    const door = new Door(torrent)
    const conn = come(door, "80.1.1.1")
    say(door, conn, Bytes.latin1("le"))
    expect(door.isOpen(conn)).toBe(false)
  })
})

describe.each([
  ["private torrents", new Door(privately)],
  ["a torrent whose user wants none", new Door(torrent, { isPexEnabled: false })],
])("%s", (_, door) => {
  it("neither offer it, nor tell, nor listen", () => {
    come(door, "80.1.1.1")
    const conn = listener(door, "80.2.2.2")
    expect(door.hello(conn)!.messages.has("ut_pex")).toBe(false)
    for (let n = 0; n < 2 * Pex.FLOOD; n++) tell(door, conn, [[`80.9.9.${n}`, 6_881]])
    linger(door, 3 * MINUTES)
    expect(told(door, conn)).toEqual([])
    expect(door.dialled).toEqual([])
    expect(door.isOpen(conn)).toBe(true)
  })
})

it.each(["dht", "lsd", "pex"] as const)("private torrents take no peers from %s", (source) => {
  const door = new Door(privately)
  door.found(source, 7_001)
  expect(door.wait(MINUTES).dialled).toEqual([])
})

describe("whole swarms", () => {
  /** A seed that two others are told of, who don't know each other. */
  const swarm = (metainfo: Metainfo, tap?: ConstructorParameters<typeof CoreNetwork>[0]["tap"]) =>
    new CoreNetwork({
      torrents: [metainfo],
      machines: [{ has: "all", options: { maxUploadRateBytesPerSec: 20_000 } }, { dials: [0] }, {
        dials: [0],
      }],
      ...(tap === undefined ? {} : { tap }),
    })

  it("two who were told of a third only find each other", () => {
    const network = swarm(torrent).run(1)
    network.run(
      5 * MINUTES,
      () => network.torrent(1).peers.size === 2 && network.torrent(2).peers.size === 2,
    )
    const hosts = (index: number) =>
      [...network.torrent(index).peers.values()].map(({ address }) => address.host)
    expect(network.now).toBeLessThan(10 * SECONDS)
    expect(hosts(1)).toContain(network.addressOf(2).host)
    expect(hosts(2)).toContain(network.addressOf(1).host)
    network.run(10 * MINUTES, () => network.isComplete(1) && network.isComplete(2))
    expect([network.isIntact(1), network.isIntact(2)]).toEqual([true, true])
  })

  it("in a private torrent they never do, and nobody speaks of others", () => {
    const names: Array<string> = []
    let exchanges = 0
    const met = new Set<string>()
    const network = swarm(privately, (from, to, item) => {
      met.add([from, to].sort().join())
      if (item._tag !== "Extended") return
      if (item.id === ExtendedIds.OURS.ut_pex || item.id === ExtendedIds.OURS.ut_holepunch) exchanges++
      if (item.id !== Extended.HANDSHAKE_ID) return
      const hello = Extended.decodeHandshake(item.payload)
      if (hello.ok) names.push(...hello.value.messages.keys())
    })
    network.run(30 * MINUTES, () => network.isComplete(1) && network.isComplete(2))
    expect([network.isIntact(1), network.isIntact(2)]).toEqual([true, true])
    expect(new Set(names)).toEqual(new Set(["ut_metadata", "upload_only", "lt_donthave"]))
    expect(exchanges).toBe(0)
    expect(met).toEqual(new Set(["0,1", "0,2"]))
  })
})
