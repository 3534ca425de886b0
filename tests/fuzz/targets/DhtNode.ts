/** A node of the DHT as a machine, and the walk of a lookup: strangers that ask and answer anything, users that ask for anything. */
import type { Address } from "../../../core/base/Address.ts"
import * as Bytes from "../../../core/base/Bytes.ts"
import * as Digest from "../../../core/base/Digest.ts"
import type { Command } from "../../../core/dht/Command.ts"
import type { Input, RequestId } from "../../../core/dht/Input.ts"
import * as Krpc from "../../../core/dht/Krpc.ts"
import * as Limits from "../../../core/dht/Limits.ts"
import * as Lookup from "../../../core/dht/Lookup.ts"
import * as Node from "../../../core/dht/Node.ts"
import * as Queries from "../../../core/dht/Queries.ts"
import * as Tasks from "../../../core/dht/Tasks.ts"
import * as Records from "../grammar/Records.ts"
import * as Tape from "../Tape.ts"
import { claim, type Target } from "../Target.ts"
import { PACKETS } from "./Dht.ts"

/** A packet that no usual network fragments (BEP 32): what we say stays below. */
const MAX_SENT_BYTES = 1_280

type Open = { readonly to: Address; readonly query: Krpc.Query }

class World {
  node: Node.Node
  twin: Node.Node | undefined
  now = 0
  /** Questions that nobody has answered. */
  readonly open: Array<Open> = []
  readonly verifications: Array<number> = []
  /** What the user waits for. */
  readonly waiting = new Set<RequestId>()
  readonly over = new Set<RequestId>()
  #lastRequest = 0

  constructor(kind: number) {
    const options: Node.Options = {
      id: undefined,
      seed: 1,
      isReadOnly: (kind & 8) !== 0,
      families: (kind & 16) !== 0 ? ["ipv4"] : ["ipv4", "ipv6"],
      bootstrap: [{ host: "90.0.0.1", port: 6_881 }],
      saved: [],
      version: Bytes.latin1("SH01"),
    }
    this.node = Node.make(options, 0)
    if ((kind & 7) === 1) this.twin = Node.fork(this.node)
  }

  input(input: Input): void {
    let digest: string | undefined
    if (this.twin !== undefined) {
      const [twin, commands] = Node.step(this.twin, input)
      this.twin = twin
      digest = Digest.digest(commands)
    }
    const [node, commands] = Node.step(this.node, input)
    this.node = node
    if (this.twin !== undefined) claim(Digest.digest(commands) === digest, "twins agree")
    let answers = 0
    for (const command of commands) {
      this.#take(command)
      if (input._tag !== "Packet" || command._tag !== "Send") continue
      const isToSender = command.to.host === input.from.host && command.to.port === input.from.port
      if (isToSender && Bytes.toLatin1(command.bytes).endsWith("1:y1:re")) answers++
    }
    claim(answers <= 1, "a packet is answered once at most")
    const stats = Node.stats(node)
    claim(stats.openQueries <= Queries.MAX_OPEN && stats.tasks <= Tasks.MAX_TASKS, "questions have an end")
    claim(stats.torrents <= Limits.MAX_TORRENTS && stats.peers <= Limits.MAX_PEERS, "peers have an end")
    claim(stats.items <= Limits.MAX_ITEMS, "items have an end")
  }

  #take(command: Command): void {
    switch (command._tag) {
      case "Verify":
        claim(command.publicKey.length === 32 && command.signature.length === 64, "a key and a signature")
        this.verifications.push(command.verification)
        return
      case "Send": {
        claim(
          command.bytes.length <= MAX_SENT_BYTES,
          `${command.bytes.length} bytes are too many for a packet`,
        )
        claim(command.to.port > 0, "somebody can be there")
        const said = Krpc.decode(command.bytes)
        claim(said.ok, "what we say can be understood")
        if (said.value._tag === "Query") this.open.push({ to: command.to, query: said.value })
        return
      }
      case "Emit": {
        const { event } = command
        if (!("request" in event)) return
        claim(this.waiting.has(event.request), `${event._tag} is for a request that is not over`)
        if (event._tag !== "LookupDone" && event._tag !== "Pong" && event._tag !== "NoPong") return
        this.waiting.delete(event.request)
        this.over.add(event.request)
      }
    }
  }

  ask(): RequestId {
    const request = ++this.#lastRequest
    this.waiting.add(request)
    return request
  }

  wait(ms: number): void {
    const until = this.now + ms
    let inPlace = 0
    for (let wake = Node.nextWake(this.node); wake <= until; wake = Node.nextWake(this.node)) {
      inPlace = wake <= this.now ? inPlace + 1 : 0
      claim(inPlace < 100, "time goes on")
      this.now = Math.max(this.now, wake)
      this.input({ _tag: "Tick", now: this.now })
    }
    this.now = until
  }

  packet(from: Address, bytes: Bytes.Bytes): void {
    this.input({ _tag: "Packet", now: this.now, from, bytes: bytes.slice() })
  }
}

const addressOf = (tape: Tape.Tape): Address => ({
  host: Tape.below(tape, 8) === 7
    ? `2001:db8:${Tape.byte(tape)}::1`
    : `90.${Tape.byte(tape)}.0.${Tape.byte(tape)}`,
  port: Tape.pick(tape, [6_881, 1, 1_024, 65_535]),
})

const idOf = (tape: Tape.Tape): Bytes.Bytes => {
  const id = new Uint8Array(20).fill(Tape.byte(tape))
  id[19] = Tape.byte(tape)
  return id
}

const nodesOf = (tape: Tape.Tape, bytes: 26 | 38): Bytes.Bytes =>
  Bytes.concat(Array.from({ length: Tape.below(tape, 12) }, () => {
    const node = new Uint8Array(bytes).fill(Tape.byte(tape))
    node.set(idOf(tape))
    return node
  }))

/** An answer to an open question, of who was asked or of somebody else. */
const answer = (world: World, tape: Tape.Tape): void => {
  const at = Tape.below(tape, Math.max(1, world.open.length))
  const [open] = world.open.splice(at, 1)
  if (open === undefined) return
  const { transaction } = open.query
  const from = Tape.below(tape, 8) === 7 ? addressOf(tape) : open.to
  const kind = Tape.byte(tape)
  if ((kind & 15) === 15) {
    const code = Tape.pick(tape, [201, 203, 301, 302, -1])
    world.packet(from, Krpc.encode({ _tag: "ErrorMessage", transaction, code, message: "no" }))
    return
  }
  const message: Krpc.Response = {
    _tag: "Response",
    transaction,
    id: idOf(tape),
    ...((kind & 1) === 0 && { nodes: nodesOf(tape, 26) }),
    ...((kind & 2) === 0 && { token: Tape.chunk(tape, 8) }),
    ...((kind & 4) !== 0 && { values: [Uint8Array.of(80, 1, 1, Tape.byte(tape), 26, 225)] }),
    ...((kind & 8) !== 0 && { nodes6: nodesOf(tape, 38) }),
    ...((kind & 16) !== 0 && { ip: Uint8Array.of(80, 1, 1, 1, 26, 225) }),
    ...((kind & 32) !== 0 &&
      { samples: new Uint8Array(40), sampledFrom: 2, intervalSeconds: Tape.byte(tape) }),
    ...((kind & 64) !== 0 && { seedFilter: new Uint8Array(256), peerFilter: new Uint8Array(256).fill(255) }),
    ...((kind & 128) !== 0 &&
      {
        value: Bytes.latin1("5:hello"),
        publicKey: new Uint8Array(32),
        signature: new Uint8Array(64),
        seq: BigInt(Tape.byte(tape)),
      }),
  }
  world.packet(from, Krpc.encode(message))
}

const happen = (world: World, tape: Tape.Tape): void => {
  const { now } = world
  switch (Tape.below(tape, 16)) {
    case 0:
      return world.wait(Tape.pick(tape, [0, 1, 100, 1_500, 10_000, 60_000, 900_000]))
    case 1: {
      const bytes = Bytes.latin1(Tape.pick(tape, PACKETS))
      if (Tape.flag(tape)) bytes[Tape.below(tape, bytes.length)] = Tape.byte(tape)
      return world.packet(addressOf(tape), bytes)
    }
    case 2:
      return world.packet(addressOf(tape), Tape.chunk(tape, 60))
    case 3: {
      const [open] = world.open.splice(0, 1)
      if (open !== undefined) world.input({ _tag: "Unsent", now, to: open.to })
      return
    }
    case 4:
      return world.input({ _tag: "FindNode", now, request: world.ask(), target: idOf(tape) })
    case 5: {
      const announce = {
        port: Tape.pick(tape, [6_881, 1]),
        impliedPort: Tape.flag(tape),
        isSeed: Tape.flag(tape),
      }
      const infoHash = idOf(tape)
      return world.input({
        _tag: "GetPeers",
        now,
        request: world.ask(),
        infoHash,
        scrape: Tape.flag(tape),
        ...(Tape.flag(tape) && { announce }),
      })
    }
    case 6: {
      const target = idOf(tape)
      return world.input({
        _tag: "GetItem",
        now,
        request: world.ask(),
        target,
        ...(Tape.flag(tape) && { publicKey: new Uint8Array(32) }),
      })
    }
    case 7: {
      const mutable = {
        publicKey: new Uint8Array(32),
        signature: new Uint8Array(64),
        seq: BigInt(Tape.byte(tape)),
      }
      return world.input({
        _tag: "PutItem",
        now,
        request: world.ask(),
        value: Bytes.latin1("5:hello"),
        ...(Tape.flag(tape) && { mutable }),
      })
    }
    case 8:
      return world.input({ _tag: "Sample", now, request: world.ask(), target: idOf(tape) })
    case 9:
      return world.input({ _tag: "Ping", now, request: world.ask(), address: addressOf(tape) })
    case 10:
      return world.input({ _tag: "AddNode", now, address: addressOf(tape) })
    case 11: {
      const request = 1 + Tape.below(tape, 16)
      world.waiting.delete(request)
      return world.input({ _tag: "Cancel", now, request })
    }
    case 12: {
      const verification = world.verifications.shift() ?? Tape.byte(tape)
      return world.input({ _tag: "Verified", now, verification, isValid: Tape.flag(tape) })
    }
    default:
      return answer(world, tape)
  }
}

const run = (input: Bytes.Bytes): void => {
  const { kind, records } = Records.read(input, 300)
  const world = new World(kind)
  for (const record of records) happen(world, record)
  // Signatures are checked, and nobody answers any more. A few requests walk at a time, the others wait for them.
  for (let round = 0; round < 100 && world.waiting.size > 0; round++) {
    for (const verification of world.verifications.splice(0)) {
      world.input({ _tag: "Verified", now: world.now, verification, isValid: true })
    }
    world.wait(60_000)
  }
  claim(world.waiting.size === 0, "every request comes to its end")
  const saved = Node.saved(world.node)
  claim(saved.length <= 2 * 160 * 8, "a table has an end")
}

/** Candidates that come, answer, fail and come late; whatever they do, the walk ends. */
const runLookup = (input: Bytes.Bytes): void => {
  const { kind, records } = Records.read(input, 300)
  const target = new Uint8Array(20).fill(kind)
  const own = new Uint8Array(20).fill(1)
  const lookup = Lookup.make(target, "ipv4")
  const asked: Array<Lookup.Candidate> = []
  const endpoint = (tape: Tape.Tape): Bytes.Bytes =>
    Uint8Array.of(90, Tape.byte(tape), Tape.byte(tape), 1, 26, 225)
  const check = (): void => {
    claim(lookup.candidates.length <= Lookup.MAX_CANDIDATES, "candidates have an end")
    claim(lookup.inFlight >= 0 && lookup.inFlight <= Lookup.MAX_IN_FLIGHT, "questions have an end")
    const open = lookup.candidates.filter(({ state }) => state === "asked" || state === "late").length
    claim(open <= lookup.inFlight, "questions are counted")
    claim(Lookup.nearest(lookup).length <= Lookup.K, "the nearest are few")
  }
  for (const tape of records) {
    const candidate = asked[Tape.below(tape, Math.max(1, asked.length))]
    switch (Tape.below(tape, 6)) {
      case 0:
        Lookup.add(lookup, Tape.below(tape, 4) === 3 ? undefined : idOf(tape), endpoint(tape), 1)
        break
      case 1: {
        const next = Lookup.next(lookup)
        if (next !== undefined) asked.push(next)
        break
      }
      case 2:
        if (candidate !== undefined) {
          Lookup.answered(
            lookup,
            candidate,
            Tape.flag(tape) ? candidate.id ?? idOf(tape) : idOf(tape),
            undefined,
          )
        }
        break
      case 3:
        if (candidate !== undefined) Lookup.failed(lookup, candidate)
        break
      case 4:
        if (candidate !== undefined) Lookup.late(candidate)
        break
      default:
        if (candidate !== undefined) Lookup.take(lookup, candidate, nodesOf(tape, 26), own)
    }
    check()
  }
  // Everybody fails from here on.
  for (let i = 0; !Lookup.isDone(lookup); i++) {
    claim(i < 1_000, "a lookup ends")
    for (let next = Lookup.next(lookup); next !== undefined; next = Lookup.next(lookup)) asked.push(next)
    const open = asked.filter(({ state }) => state === "asked" || state === "late")
    claim(open.length > 0, "who isn't done waits for somebody")
    Lookup.failed(lookup, open[0]!)
    check()
  }
}

const ANSWER = [13, 0, 0, 4, 6, 3, 1, 2, 4, 5, 6, 7]

const seeds = (): ReadonlyArray<Bytes.Bytes> => [
  Records.story(1, [0, 0], ANSWER, [4, 9], ANSWER, ANSWER, [0, 4], ANSWER, [0, 5]),
  Records.story(
    0,
    [0, 0],
    ANSWER,
    [5, 1, 0, 9, 9, 0, 1],
    ANSWER,
    ANSWER,
    [7, 5, 1],
    ANSWER,
    [12, 1],
    [0, 4],
    [11, 1],
  ),
  Records.story(2, [1, 0, 1, 2, 0], [1, 1, 5, 6, 0], [1, 2, 5, 6, 0], [1, 3, 5, 6, 0], [1, 5, 5, 6, 0], [
    0,
    5,
  ]),
  ...Array.from({ length: 8 }, (_, i) => Records.random(i, i, 5 + 5 * i)),
]

export const targets: ReadonlyArray<Target> = [
  {
    name: "dht-node",
    oracle:
      "packets small and well-formed, one answer a packet, tables bounded, each request ends once, time goes on, twins agree",
    covers: ["core/dht/"],
    seeds,
    mutators: [Records.mutator],
    work: { base: 3_000_000, perByte: 20_000 },
    allocation: { base: 16 * 1024 * 1024, perByte: 20_000 },
    maxBytes: 2_048,
    smokeRuns: 60,
    run,
  },
  {
    name: "lookup",
    oracle: "candidates and open questions bounded and counted; whoever fails, it ends",
    covers: ["core/dht/Lookup.ts"],
    seeds,
    mutators: [Records.mutator],
    work: { base: 200_000, perByte: 20_000 },
    smokeRuns: 500,
    run: runLookup,
  },
]
