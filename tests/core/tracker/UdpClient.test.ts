import { describe, expect, it } from "@effect/vitest"
import * as fc from "effect/FastCheck"
import * as Bytes from "../../../core/base/Bytes.ts"
import { NEVER, SECOND } from "../../../core/base/Time.ts"
import * as Udp from "../../../core/tracker/Udp.ts"
import * as UdpClient from "../../../core/tracker/UdpClient.ts"
import { connectionId, scrape, UdpScene } from "./UdpScene.ts"

describe("one question", () => {
  it("connects, asks, and gives the answer", () => {
    const scene = new UdpScene()
    expect(UdpClient.nextWake(scene.client)).toBe(NEVER)
    expect(scene.ask(1)).toEqual(["a connect 1"])
    expect(scene.connected(1, 9)).toEqual(["a announce 1 on 9"])
    expect(scene.announced(1, "a", Bytes.fromHex("7f0000011ae1000000000000")!)).toEqual([
      "1: announced 127.0.0.1:6881",
    ])
    expect(UdpClient.nextWake(scene.client)).toBe(NEVER)
  })

  it("sends what was asked, URL data included", () => {
    const scene = new UdpScene()
    scene.ask(1)
    const [, commands] = UdpClient.step(scene.client, {
      _tag: "Received",
      now: scene.now,
      from: scene.address("a"),
      packet: Udp.encodeConnected(1, connectionId(1)),
    })
    expect(commands.length).toBe(1)
    const [command] = commands
    if (command?._tag !== "Send") return expect.unreachable()
    expect(Udp.decodeRequest(command.packet)).toMatchObject({
      ok: true,
      value: {
        event: "started",
        port: 6_881,
        leftBytes: 1,
        numWant: 50,
        key: 7,
        urlData: Bytes.latin1("/x"),
      },
    })
  })

  it("reads figures and interval, leaving out what makes no sense", () => {
    const answerOf = (packet: Bytes.Bytes, host = "192.0.2.97") => {
      const to = { host, port: 80 }
      const scene = new UdpScene()
      scene.address = () => to
      scene.ask(1)
      scene.connected(1, 1)
      const [, commands] = UdpClient.step(scene.client, {
        _tag: "Received",
        now: scene.now,
        from: to,
        packet,
      })
      return commands[0]?._tag === "Answer" ? commands[0].result : undefined
    }
    const reply = { intervalSeconds: 1_800, seeders: 2, leechers: 0, peers: Bytes.empty }
    expect(answerOf(Udp.encodeAnnounced(1, reply))).toEqual({
      ok: true,
      value: { _tag: "Announced", response: { intervalMs: 1_800_000, seeders: 2, leechers: 0, peers: [] } },
    })
    expect(answerOf(Udp.encodeAnnounced(1, { ...reply, intervalSeconds: -5, seeders: -1, leechers: -1 })))
      .toEqual({
        ok: true,
        value: { _tag: "Announced", response: { intervalMs: 60_000, peers: [] } },
      })
    const peers = Bytes.fromHex("20010db8000000000000000000000001" + "1ae1")!
    expect(answerOf(Udp.encodeAnnounced(1, { ...reply, peers }), "2001:db8::9")).toMatchObject({
      value: { response: { peers: [{ host: "2001:db8::1", port: 6_881 }] } },
    })
  })

  it("scrapes, and says so where torrents are missing from the reply", () => {
    const scene = new UdpScene()
    scene.ask(1, { question: scrape(2) })
    expect(scene.connected(1, 9)).toEqual(["a scrape 1 on 9"])
    const entries = [
      { seeders: 1, leechers: 2, downloads: 3 },
      { seeders: -4, leechers: -5, downloads: -6 },
      { seeders: 7, leechers: 8, downloads: 9 },
    ]
    const fork = new UdpScene()
    fork.client = scene.client
    fork.now = scene.now
    expect(scene.receive(Udp.encodeScraped(1, entries))).toEqual(["1: scraped 1/2/3,0/0/0"])
    expect(fork.receive(Udp.encodeScraped(1, entries.slice(0, 1)))).toEqual([
      "1: BadReply: the reply has 1 of 2 torrents",
    ])
  })

  it("is refused while connecting or asking, in words that can be printed", () => {
    const scene = new UdpScene()
    scene.ask(1)
    expect(scene.refused(1, "full\r\n\x1b[31m")).toEqual(["1: Refused: full [31m"])
    expect(scene.ask(2)).toEqual(["a connect 2"])
    scene.connected(2, 9)
    expect(scene.refused(2, "")).toEqual(["2: Refused: the tracker refused without a reason"])
    expect(UdpClient.nextWake(scene.client)).toBe(NEVER)
  })

  it.each([8, 19])(
    "fails at once when its reply has but %i bytes, which is how opentracker refuses",
    (length) => {
      const scene = new UdpScene()
      scene.ask(1)
      const reply = { intervalSeconds: 1_800, seeders: 2, leechers: 0, peers: Bytes.empty }
      const packet = Udp.encodeAnnounced(1, reply).subarray(0, length)
      expect(scene.receive(packet)).toEqual([])
      scene.connected(1, 9)
      expect(scene.receive(packet)).toEqual([
        "1: BadReply: the reply says nothing; the tracker may not serve this torrent",
      ])
    },
  )

  it("fails at once where nothing can be sent", () => {
    const scene = new UdpScene()
    scene.ask(1)
    scene.ask(2, { tracker: "b" })
    expect(scene.input({ _tag: "Unsent", to: scene.address("a"), reason: "no route to it" })).toEqual([
      "1: Unreachable: nothing can be sent there: no route to it",
    ])
    expect(scene.connected(2, 9, "b")).toEqual(["b announce 2 on 9"])
  })

  it("is forgotten when it is cancelled", () => {
    const scene = new UdpScene()
    scene.ask(1)
    expect(scene.cancel(1)).toEqual([])
    expect(UdpClient.nextWake(scene.client)).toBe(NEVER)
    expect(scene.connected(1, 9)).toEqual([])
    expect(scene.client.links.size).toBe(0)
  })
})

describe("time-outs", () => {
  it("repeats after 15 · 2^n seconds, n from 0 to 8, and gives up when the last has had its time (BEP 15)", () => {
    const scene = new UdpScene()
    expect(scene.ask(1, { limitMs: UdpClient.patienceMs(9) })).toEqual(["a connect 1"])
    expect(scene.pass(10_000)).toEqual([
      "15 s: a connect 1",
      "45 s: a connect 1",
      "105 s: a connect 1",
      "225 s: a connect 1",
      "465 s: a connect 1",
      "945 s: a connect 1",
      "1905 s: a connect 1",
      "3825 s: a connect 1",
      "7665 s: 1: Timeout: no answer within 7665 seconds",
    ])
  })

  it("doubles the wait eight times and no more", () => {
    expect(UdpClient.waitMs(8)).toBe(3_840 * SECOND)
    expect(UdpClient.waitMs(100)).toBe(3_840 * SECOND)
  })

  it("counts anew once the tracker has answered, but not past its limit", () => {
    const scene = new UdpScene()
    scene.ask(1)
    expect(scene.pass(16)).toEqual(["15 s: a connect 1"])
    expect(scene.connected(1, 9)).toEqual(["a announce 1 on 9"])
    expect(scene.pass(60)).toEqual([
      "15 s: a announce 1 on 9",
      "29 s: 1: Timeout: no answer within 45 seconds",
    ])
  })

  it("takes a late reply to an earlier copy", () => {
    const scene = new UdpScene()
    scene.ask(1)
    scene.pass(15)
    expect(scene.connected(1, 9)).toEqual(["a announce 1 on 9"])
    scene.pass(15)
    expect(scene.connected(1, 8)).toEqual([])
    expect(scene.announced(1)).toEqual(["1: announced"])
    expect(scene.announced(1)).toEqual([])
  })

  it("sends a short one once", () => {
    const scene = new UdpScene()
    scene.ask(1, { limitMs: 5 * SECOND })
    expect(scene.pass(60)).toEqual(["5 s: 1: Timeout: no answer within 5 seconds"])
  })

  it("asks for a new connection rather than repeat on one that has expired", () => {
    const scene = new UdpScene()
    scene.ask(1, { limitMs: UdpClient.patienceMs(9) })
    scene.connected(1, 9)
    expect(scene.pass(110)).toEqual([
      "15 s: a announce 1 on 9",
      "45 s: a announce 1 on 9",
      "105 s: a connect 1",
    ])
    expect(scene.connected(1, 8)).toEqual(["a announce 1 on 8"])
  })
})

describe("connections", () => {
  const connected = (): UdpScene => {
    const scene = new UdpScene()
    scene.ask(1)
    scene.connected(1, 9)
    scene.announced(1)
    return scene
  }

  it("are used again for a minute, at the same address", () => {
    const scene = connected()
    scene.pass(59.999)
    expect(scene.ask(2)).toEqual(["a announce 2 on 9"])
    expect(scene.ask(3, { tracker: "b" })).toEqual(["b connect 3"])
    scene.pass(0.001)
    expect(scene.ask(4)).toEqual(["a connect 4"])
  })

  it("are forgotten with the time", () => {
    const scene = connected()
    expect(scene.client.links.size).toBe(1)
    scene.pass(60)
    scene.input({ _tag: "Tick" })
    expect(scene.client.links.size).toBe(0)
  })

  it("are asked for once by all that wait for them", () => {
    const scene = new UdpScene()
    expect(scene.ask(1)).toEqual(["a connect 1"])
    scene.pass(3)
    expect(scene.ask(2)).toEqual([])
    expect(scene.ask(3, { question: scrape(1) })).toEqual([])
    expect(scene.pass(13)).toEqual(["12 s: a connect 1"])
    expect(scene.connected(1, 9)).toEqual(["a announce 1 on 9", "a announce 2 on 9", "a scrape 3 on 9"])
    expect(scene.announced(2)).toEqual(["2: announced"])
  })

  it("come for the others, too, when the one that asked for them is cancelled", () => {
    const scene = new UdpScene()
    scene.ask(1)
    scene.ask(2)
    scene.cancel(1)
    expect(scene.connected(1, 9)).toEqual(["a announce 2 on 9"])
  })

  it("refuse all that wait for them at once", () => {
    const scene = new UdpScene()
    scene.ask(1)
    scene.ask(2)
    expect(scene.refused(1, "no")).toEqual(["1: Refused: no", "2: Refused: no"])
  })

  it("that are older than the question are not blamed on it: a tracker that forgot them is asked for a new one", () => {
    for (const isSilent of [true, false]) {
      const scene = connected()
      scene.ask(2)
      expect(isSilent ? scene.pass(15) : scene.refused(2, "unknown connection")).toEqual([
        isSilent ? "15 s: a connect 2" : "a connect 2",
      ])
      expect(scene.connected(2, 8)).toEqual(["a announce 2 on 8"])
      // On its own connection, no means no.
      expect(scene.refused(2, "unregistered torrent")).toEqual(["2: Refused: unregistered torrent"])
    }
  })

  it("that were replaced meanwhile are not asked for again", () => {
    const scene = connected()
    scene.ask(2)
    scene.ask(3)
    expect(scene.refused(2, "unknown connection")).toEqual(["a connect 2"])
    scene.connected(2, 8)
    expect(scene.refused(3, "unknown connection")).toEqual(["a announce 3 on 8"])
  })

  it("that another question has dropped are replaced before the next copy", () => {
    const scene = new UdpScene()
    scene.ask(1)
    scene.connected(1, 9)
    scene.pass(10)
    scene.ask(2)
    expect(scene.refused(2, "unknown connection")).toEqual(["a connect 2"])
    expect(scene.pass(5)).toEqual([])
    expect(scene.connected(2, 8)).toEqual(["a announce 1 on 8", "a announce 2 on 8"])
  })
})

describe("packets that nobody waits for change nothing", () => {
  const scenes = (): ReadonlyArray<readonly [string, UdpScene]> => {
    const connecting = new UdpScene()
    connecting.ask(1)
    const asking = new UdpScene()
    asking.ask(1)
    asking.connected(1, 9)
    return [["idle", new UdpScene()], ["connecting", connecting], ["asking", asking]]
  }
  const packets: ReadonlyArray<readonly [string, Bytes.Bytes]> = [
    ["a wrong transaction", Udp.encodeConnected(2, connectionId(1))],
    ["a wrong transaction", Udp.encodeRefused(2, "no")],
    [
      "a wrong transaction",
      Udp.encodeAnnounced(2, { intervalSeconds: 1, seeders: 1, leechers: 1, peers: Bytes.empty }),
    ],
    ["a wrong action", Udp.encodeScraped(1, [{ seeders: 1, leechers: 1, downloads: 1 }])],
    ["an unknown action", Uint8Array.of(0, 0, 0, 4, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0)],
    ["one of our own", Udp.encodeConnect(1)],
    ["nothing", Bytes.empty],
    ["a reply cut off", Udp.encodeConnected(1, connectionId(1)).subarray(0, 15)],
  ]

  it.each(packets)("%s", (_, packet) => {
    for (const [name, scene] of scenes()) {
      const before = scene.client
      expect([name, scene.receive(packet)]).toEqual([name, []])
      expect(scene.client).toEqual(before)
    }
  })

  it("a right reply from another address or port", () => {
    for (const [name, scene] of scenes()) {
      for (
        const from of [{ ...scene.address("a"), port: 81 }, { ...scene.address("a"), host: "192.0.2.1" }]
      ) {
        for (
          const packet of [Udp.encodeConnected(1, connectionId(1)), Udp.encodeRefused(1, "no")]
        ) expect([name, scene.input({ _tag: "Received", from, packet })]).toEqual([name, []])
      }
    }
  })

  it.prop("garbage", [fc.uint8Array({ maxLength: 200 }), fc.nat({ max: 4 })], ([packet, action]) => {
    if (packet.length > 3) packet.set([0, 0, 0, action])
    // One in a thousand million would be right.
    for (const [, scene] of scenes()) expect(scene.receive(packet)).toEqual([])
  })

  it("an announce reply before anything was asked on a connection", () => {
    const scene = new UdpScene()
    scene.ask(1)
    expect(scene.announced(1)).toEqual([])
  })
})
